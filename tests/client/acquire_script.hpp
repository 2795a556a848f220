#pragma once

#include "protocol/acquire.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

/// A language for what happens to an acquisition. Each step says when, what happens, and what the machine does then:
///
///   0 start: enqueue a; 10 queued 3: wait until 47; 47 looks: peek a; 50 granted: heartbeat a
///
/// queued N        the answer: it waits at place N; `ends`, `head ends` and `foreign`: so many ms later ends a holder,
///                 the head of the queue, mongo-dlock's lock. `pushed N`: the same where grants are announced
/// granted, busy, idle, dead, gone, no lock         other answers; `of N`: with that capacity
/// lost, unreachable      there is no answer; it is in doubt, or nothing was sent
/// announced ID T         a grant notice: since T ms after the time of the answers
/// looks, nudged, gives up, cancel                  what the client tells the machine
///
/// No clock, no threads.
namespace dlock::protocol {

using machine = acquire_machine;
constexpr ms kLease = 5000;  // what a script's leases last if it says nothing else

inline std::string show(const std::optional<machine::action>& maybe) {
  if (!maybe) return "goes on";
  const machine::action& a = *maybe;
  if (const auto* s = std::get_if<machine::send>(&a)) {
    const char* op = s->r.op == operation::enqueue     ? "enqueue "
                     : s->r.op == operation::heartbeat ? "heartbeat "
                     : s->r.op == operation::peek      ? "peek "
                     : s->r.op == operation::try_      ? "try "
                                                       : "something else ";
    std::string out = op + s->r.id;
    for (const auto& p : s->r.expire) out += ", expires " + p.id + "/" + std::to_string(p.beat);
    return out;
  }
  if (const auto* w = std::get_if<machine::wait>(&a)) return "wait until " + std::to_string(w->until);
  const auto& d = std::get<machine::done>(a);
  switch (d.what) {
    case machine::result::acquired:
      return "acquired, sent at " + std::to_string(d.begin) +
             (d.lease == kLease ? "" : ", for " + std::to_string(d.lease));
    case machine::result::busy:
      return "busy";
    case machine::result::timed_out:
      return "timed out";
    case machine::result::cancelled:
      return "cancelled";
    case machine::result::no_answer:
      return "no answer";
    case machine::result::not_a_lock:
      return "not a lock";
    case machine::result::other_capacity:
      return "other capacity";
    case machine::result::other_expiry:
      return "other expiry";
  }
  return "?";
}

/// "a? b": a is to be undone although its fate is unknown, b is known to stand there.
inline std::string show(const std::vector<abandoned>& undo) {
  std::string out;
  for (const auto& one : undo) out += (out.empty() ? "" : " ") + one.id + (one.in_doubt ? "?" : "");
  return out;
}

using event = std::function<std::optional<machine::action>(machine&, ms)>;
using named_events = std::map<std::string, event>;

constexpr ms server_clock = 1'000'000;

/// `head_end`: of the first in the queue, as a peek sees it.
inline reply queued_reply(std::int64_t place, std::optional<ms> next_end = {}, std::optional<ms> foreign_until = {},
                          std::optional<ms> head_end = {}) {
  reply r{.found = true, .now = server_clock, .rev = 1, .place = place, .holders = 1, .queue = place + 1};
  r.next_end = server_clock + next_end.value_or(3'600'000);
  r.head_until = server_clock + head_end.value_or(3'600'000);
  if (foreign_until) r.foreign_until = server_clock + *foreign_until;
  return r;
}

inline event answer(reply r, bool pushed = false) {
  return [r = std::move(r), pushed](machine& m, ms now) { return m.answered(r, now, pushed); };
}

/// What stands after the time of a step.
inline event event_of(const std::string& text, const named_events& more) {
  if (const auto known = more.find(text); known != more.end()) return known->second;
  std::istringstream words(text);
  std::string what, word;
  words >> what;
  const auto number = [&] {
    ms n = 0;
    if (!(words >> n)) throw std::logic_error("no number in " + text);
    return n;
  };
  if (what == "start") return [](machine& m, ms now) { return m.start(now); };
  if (what == "looks") return [](machine& m, ms now) { return m.look(now); };
  if (what == "gives") return [](machine& m, ms now) { return m.give_up(now); };
  if (what == "cancel") return [](machine& m, ms) { return m.cancel(); };
  if (what == "lost") return [](machine& m, ms now) { return m.unanswered(true, now); };
  if (what == "unreachable") return [](machine& m, ms now) { return m.unanswered(false, now); };
  if (what == "nudged") {
    const bool foreign = static_cast<bool>(words >> word);
    return [foreign](machine& m, ms now) { return m.nudged(foreign, now); };
  }
  if (what == "announced") {
    words >> word;
    const grant g{"lock", word, 9000, server_clock + number()};
    const ms heard = words >> word ? number() : -1;
    return [=](machine& m, ms now) { return m.announced(g, heard < 0 ? now : heard, now); };
  }
  if (what == "granted") {
    return [](machine& m, ms now) {
      reply r{.found = true, .now = server_clock, .rev = 1, .fence = 7000, .holders = 1};
      r.mine = holder{.id = m.id(), .fence = 7000};
      return m.answered(r, now);
    };
  }
  if (what == "queued" || what == "pushed") {
    auto r = queued_reply(number());
    while (words >> word) {
      if (word == "ends") r.next_end = server_clock + number();
      if (word == "head") r.head_until = server_clock + (words >> word, number());
      if (word == "foreign") r.foreign_until = server_clock + number();
    }
    return answer(std::move(r), what == "pushed");
  }
  reply r{.found = what != "gone", .valid = what != "no", .now = what == "gone" ? 0 : server_clock};
  if (words >> word && word == "of") r.cap = number();
  r.dead = what == "dead";
  r.holders = what == "busy" || what == "dead" ? 1 : 0;
  if (what != "busy" && what != "idle" && what != "dead" && what != "gone" && what != "no") {
    throw std::logic_error("nothing like that happens: " + text);
  }
  return answer(std::move(r));
}

struct options {
  bool queue = true;
  std::optional<ms> deadline = {};
  ms patience = 10'000;
  ms delta = kLease;
  ms term = 5000;
  bool renews = true;
  ms wait_period = 5000;
  ms life = 30'000;
  ms skew = 500;
  double jitter = 0;
  std::int64_t cap = 0;
  claim what = {};
  bool observed = false;
  observation seen = {};
};

inline machine make(const options& o) {
  acquire_plan plan;
  plan.ask.lock = "lock";
  plan.ask.delta = o.delta;
  plan.ask.term = o.term;
  plan.ask.skew = o.skew;
  plan.ask.cap = o.cap;
  plan.ask.life = o.life;
  plan.ask.what = o.what;
  plan.ask.observed = o.observed;
  plan.seen = o.seen;
  plan.renews = o.renews;
  plan.queue = o.queue;
  plan.deadline = o.deadline;
  plan.patience = o.patience;
  plan.wait_period = o.wait_period;
  return {plan, [n = 0]() mutable { return std::string(1, static_cast<char>('a' + n++)); },
          [j = o.jitter] { return j; }};
}

/// Plays the steps, and returns what the machine did last.
inline std::optional<machine::action> play_on(machine& m, const std::string& text, const named_events& more = {}) {
  std::optional<machine::action> last;
  std::istringstream steps(text);
  for (std::string step; std::getline(steps >> std::ws, step, ';');) {
    const auto blank = step.find(' '), colon = step.find(": ");
    const ms at = std::stoll(step.substr(0, blank));
    last = event_of(step.substr(blank + 1, colon - blank - 1), more)(m, at);
    EXPECT_EQ(show(last), step.substr(colon + 2)) << step << ", in: " << text;
  }
  return last;
}
/// `undo` is what is left to undo at the end.
inline void play(const options& o, const std::string& text, const std::string& undo = "",
                 const named_events& more = {}) {
  auto m = make(o);
  (void)play_on(m, text, more);
  EXPECT_EQ(show(m.to_undo()), undo) << text;
}

}  // namespace dlock::protocol
