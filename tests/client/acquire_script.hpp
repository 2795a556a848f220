#pragma once

#include "protocol/acquire.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

/// A language for tables of an acquisition: what happened, when, and what the machine does next. No clock, no threads.
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
struct step {
  ms at;
  event what;
  std::string then;
};

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

inline event answer(reply r) {
  return [r = std::move(r)](machine& m, ms now) { return m.answered(r, now); };
}
inline event start() {
  return [](machine& m, ms now) { return m.start(now); };
}
inline event granted() {
  return [](machine& m, ms now) {
    reply r{.found = true, .now = server_clock, .rev = 1, .fence = 7000, .holders = 1};
    r.mine = holder{.id = m.id(), .fence = 7000};
    return m.answered(r, now);
  };
}
/// A grant of `id` is announced: the lock is its since `since` after the time of the answers of this script.
inline event announced(const std::string& id, ms since, std::optional<ms> heard = {}) {
  return [=](machine& m, ms now) {
    return m.announced({"lock", id, 9000, server_clock + since}, heard.value_or(now), now);
  };
}
inline event nudged(bool foreign = false) {
  return [=](machine& m, ms now) { return m.nudged(foreign, now); };
}
/// Queued, and grants are pushed.
inline event queued_and_pushed(std::int64_t place) {
  return [=](machine& m, ms now) { return m.answered(queued_reply(place), now, true); };
}
inline event queued(std::int64_t place, std::optional<ms> next_end = {}, std::optional<ms> foreign_until = {}) {
  return answer(queued_reply(place, next_end, foreign_until));
}
inline event head_ended(std::int64_t place, ms head_end) {
  return answer(queued_reply(place, {}, {}, head_end));
}
inline event busy(std::int64_t cap = 0) {
  return answer({.found = true, .now = server_clock, .cap = cap, .holders = 1});
}
inline event idle(std::int64_t cap = 0) {
  return answer({.found = true, .now = server_clock, .cap = cap});
}
inline event dead() {
  return answer({.found = true, .now = server_clock, .dead = true, .holders = 1});
}
inline event no_document() {
  return answer({});
}
inline event malformed() {
  return answer({.found = true, .valid = false});
}
inline event lost_answer() {
  return [](machine& m, ms now) { return m.unanswered(true, now); };
}
inline event unreachable() {
  return [](machine& m, ms now) { return m.unanswered(false, now); };
}
inline event looks() {
  return [](machine& m, ms now) { return m.look(now); };
}
inline event give_up() {
  return [](machine& m, ms now) { return m.give_up(now); };
}
inline event cancel() {
  return [](machine& m, ms) { return m.cancel(); };
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

/// Plays the steps; `undo` is what is left to undo at the end.
inline void play(const options& o, const std::vector<step>& steps, const std::string& undo = "") {
  auto m = make(o);
  int i = 0;
  for (const auto& s : steps) {
    ASSERT_EQ(show(s.what(m, s.at)), s.then) << "step " << i << " at " << s.at;
    ++i;
  }
  EXPECT_EQ(show(m.to_undo()), undo);
}

}  // namespace dlock::protocol
