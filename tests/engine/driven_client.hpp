#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/client.hpp"
#include "engine/steps.hpp"
#include "engine/tiny_server.hpp"

/// A language for what a client does: a line of steps, each with what is expected of it behind an arrow. No clock, no
/// threads.
///
///   hold | release in=10 | sent -> release id-1 | later 5 | answer | happened -> releasing; released
///
/// acquire, share, hold, release [keep=MS] [in=MS], amend, drop, cancel, close
///             calls of the client: what is released, amended or dropped is last_hold, what is cancelled is last_call.
///             The first three may have the name of a lock, and what differs from plan(): ttl=MS, within=MS, turns=N,
///             linger=MS, try, early, unrenewed, ... (plan_in_words)
/// sent        takes what is due: "renew id-1, enqueue id-2 + enqueue id-3", of which the last two go in one command
/// answer      the server answers what is on its way. `serve`: sent and answered, until nothing is due
/// pass MS, silence MS     time passes, and the server answers, or does not: what is sent. `later MS`: nobody looks
/// peek, read  a command of the client's own, and a lookup
/// there, held, phase, expects ID, wants inbox, wants events, idle, size ...     what can be seen of the client
/// happened, published, told       what callers, everybody, and single clients were told
/// fault KIND, gone                the server; the document is deleted
/// other OP [LOCK [ID]], grant     somebody else; it releases, and its heir here hears of that
/// revoked ID, recall ID           a notice for that acquisition, or hold
namespace dlock::engine {

/// A client, its server and its time.
struct driven {
  using op = protocol::operation;

  explicit driven(client::settings s = {.id = "me", .who = "somebody"})
      : me(
            std::move(s), [this] { return "id-" + std::to_string(++ids); }, [] { return 0.5; }) {}
  driven(const driven&) = delete;
  driven& operator=(const driven&) = delete;

  static protocol::acquire_plan plan(const std::string& lock = "lock", bool queue = true) {
    protocol::acquire_plan p;
    p.ask.lock = lock;
    p.ask.who = "somebody";
    p.queue = queue;
    return p;
  }
  /// A request of another client.
  static protocol::request others(op what, const std::string& lock = "lock", const std::string& id = "other") {
    return {.op = what, .lock = lock, .id = id, .delta = 60'000, .who = "another", .client = "other client"};
  }
  protocol::reply other(op what, const std::string& lock = "lock", const std::string& id = "other") {
    return server.carry_out(others(what, lock, id), now);
  }
  /// mongo-dlock has it.
  void foreign_holds(const std::string& lock = "lock") {
    protocol::document d;
    d.ct = tiny_server::epoch;
    d.et = tiny_server::epoch + 600'000;
    d.lockd = protocol::lockd_flag::one;
    server.documents[lock] = d;
  }
  call_id acquire(const std::string& lock = "lock") { return me.acquire(plan(lock), false, now); }
  call_id acquire_shared(const std::string& lock = "lock") {
    auto p = plan(lock);
    p.ask.what = {.exclusive = false, .weight = 1};
    return me.acquire(std::move(p), false, now);
  }
  /// Acquires it, without anything left to do.
  hold_id hold(protocol::acquire_plan p = plan()) {
    (void)me.acquire(std::move(p), false, now);
    (void)serve();
    (void)happened();
    return last<acquire_ended>().got;
  }
  void open_events() {
    me.subscribed(1);
    me.opened(part::events, now);
    me.subscribed(-1);
  }
  /// An event says so, of mongo-dlock.
  void heard_release(const std::string& lock) { me.heard(protocol::announcement{lock}, now); }
  call_id release(hold_id h, ms keep = 0, ms timeout = 1000) { return me.release(h, keep, timeout, now); }

  /// Takes what is due: "enqueue id-1, renew id-2"; what goes in one command: "enqueue id-1 + enqueue id-2".
  std::string sent() {
    std::string out;
    const auto take = [&](std::optional<client::outgoing> next) {
      if (!next) return false;
      out += out.empty() ? "" : ", ";
      for (std::size_t i = 0; i < next->all.size(); ++i) out += (i > 0 ? " + " : "") + show(next->all[i]);
      if (next->lookup) out += "look";
      on_their_way.push_back(*std::move(next));
      return true;
    };
    while (take(me.next_request(now))) continue;
    while (take(me.next_renewal(now))) continue;
    return out;
  }
  /// The server answers what is on its way.
  void answer_all() {
    for (auto& o : std::exchange(on_their_way, {})) {
      if (o.lookup) {
        me.answered(o.ticket, server.read(*o.lookup, now), now);
      } else {
        me.answered(o.ticket, server.apply(o.all, now), now);
      }
    }
  }
  /// ... with this.
  void answer_all(protocol::reply r) {
    answer a;
    a.what = answer::kind::replied;
    a.reply = std::move(r);
    for (auto& o : std::exchange(on_their_way, {})) me.answered(o.ticket, std::vector(o.all.size(), a), now);
  }
  /// All that is due is sent and answered.
  std::string serve() {
    std::string out;
    for (auto s = sent(); !s.empty(); s = sent()) {
      out += (out.empty() ? "" : ", ") + s;
      answer_all();
    }
    return out;
  }
  /// Time passes, and the server answers.
  std::string pass(ms by) {
    std::string out;
    const auto go = [&](ms to) {
      now = std::max(now, to);
      me.look(now);
      const auto s = serve();
      out += (out.empty() || s.empty() ? "" : ", ") + s;
      board += news();
    };
    const ms end = now + by;
    go(now);
    while (me.next() <= end) go(me.next());
    go(end);
    return out;
  }
  /// Time passes, and what is sent is not answered.
  std::string pass_in_silence(ms by) {
    std::string out;
    const ms end = now + by;
    for (;;) {
      const auto s = sent();
      out += (out.empty() || s.empty() ? "" : ", ") + s;
      if (me.next() > end) break;
      now = std::max(now, me.next());
      me.look(now);
    }
    now = end;
    me.look(now);
    return out;
  }

  /// What has happened since the last time: "releasing, released".
  std::string happened() {
    std::string out;
    for (auto& e : me.take_events()) {
      const auto text = show(e);
      out += (out.empty() || text.empty() ? "" : "; ") + text;
      if (const auto* a = std::get_if<acquire_ended>(&e); a != nullptr && a->got != 0) last_hold = a->got;
      events.push_back(std::move(e));
    }
    return out;
  }
  /// The last event of this kind that happened() has told.
  template <typename E>
  const E& last() const {
    const auto it = std::find_if(events.rbegin(), events.rend(), [](auto& e) { return std::holds_alternative<E>(e); });
    if (it != events.rend()) return std::get<E>(*it);
    ADD_FAILURE() << "nothing of that kind";
    static const E none{};
    return none;
  }
  /// What everybody is told: "locked lock, unlocked lock, ".
  std::string announced() {
    now += 1000;
    return std::exchange(board, {}) + news();
  }
  /// Who is told of a grant or a revocation: "one: a, two: b, ".
  std::string told() {
    std::string out;
    while (const auto n = me.next_notice()) {
      me.notice_done();
      out += n->client + ": " + std::visit([](auto& what) { return what.id; }, n->what) + ", ";
    }
    return out;
  }
  [[nodiscard]] hold_phase phase(hold_id h) const { return me.find(h)->now; }
  [[nodiscard]] protocol::holder& holder(const std::string& lock = "lock") {
    return server.documents[lock]->holders.at(0);
  }
  [[nodiscard]] std::size_t holders(const std::string& lock = "lock") { return there(lock).holders.size(); }
  [[nodiscard]] std::size_t waiters(const std::string& lock = "lock") { return there(lock).waiters.size(); }
  [[nodiscard]] protocol::request last_request() const { return on_their_way.back().all.front(); }

  void play(const std::string& text) {
    play_steps(text, [this](std::istringstream& words) { return carry_out(words); });
  }

  /// It ends, and everything that was held is dropped: nothing may be left.
  void end() {
    server.what = tiny_server::fault::none;
    answer_all();
    me.close(now);
    (void)pass(1000);
    (void)happened();
    for (const auto& e : events) {
      if (const auto* a = std::get_if<acquire_ended>(&e)) me.drop(a->got, now);
    }
    (void)pass(60'000);
    EXPECT_EQ(me.size(), 0U);
    EXPECT_TRUE(me.is_idle());
    EXPECT_EQ(me.next(), never);
    EXPECT_EQ(me.ready() + me.ready_renewals(), 0U);
    EXPECT_FALSE(me.wants(part::events));
  }

  tiny_server server;
  ms now = 1000;
  int ids = 0;
  client me;
  std::vector<client::outgoing> on_their_way;
  std::vector<event> events;
  call_id last_call = 0;  // the last acquisition that play() began
  hold_id last_hold = 0;  // the last one of which happened() has told

 private:
  /// One step of play(), and what it comes to.
  std::string carry_out(std::istringstream& words) {
    std::string what, word;
    words >> what;
    const auto number = [&] {
      ms n = 0;
      if (!(words >> n)) throw std::logic_error("no number after " + what);
      return n;
    };
    const auto rest = [&] { return std::getline(words >> std::ws, word) ? word : std::string(); };
    const auto count = [](std::size_t n) { return std::to_string(n); };
    if (what == "sent") return sent();
    if (what == "serve") return serve();
    if (what == "happened") return happened();
    if (what == "published") return announced();
    if (what == "told") return told();
    if (what == "pass") return pass(number());
    if (what == "silence") return pass_in_silence(number());
    if (what == "holders") return count(holders());
    if (what == "waiters") return count(waiters());
    if (what == "background") return count(me.in_the_background());
    if (what == "lingering") return count(me.lingering());
    if (what == "unconfirmed") return count(me.unconfirmed());
    if (what == "size") return count(me.size());
    if (what == "ready") return count(me.ready());
    if (what == "renewals") return count(me.ready_renewals());
    const auto yes = [](bool so) { return std::string(so ? "yes" : "no"); };
    if (what == "idle") return yes(me.is_idle());
    if (what == "wants") return yes(me.wants(rest() == "inbox" ? part::inbox : part::events));
    if (what == "expects") return yes(static_cast<bool>(me.expects(rest())));
    if (what == "there") return yes(me.find(last_hold) != nullptr);
    if (what == "held") return yes(me.find(last_hold)->held(now));
    if (what == "phase") return show(phase(last_hold));
    if (what == "acquire" || what == "share" || what == "hold") {
      auto [p, tells_place] = plan_in_words(words);
      if (what == "share") p.ask.what = {.exclusive = false, .weight = 1};
      last_call = me.acquire(std::move(p), tells_place, now);
      if (what == "hold") (void)serve(), (void)happened();
    } else if (what == "release") {
      ms keep = 0, timeout = 1000;
      while (words >> word) (word.starts_with("keep=") ? keep : timeout) = std::stoll(word.substr(word.find('=') + 1));
      (void)release(last_hold, keep, timeout);
    } else if (what == "answer") {
      answer_all();
    } else if (what == "later") {
      now += number();
    } else if (what == "look") {
      if (words >> word) now += std::stoll(word);
      me.look(now);
    } else if (what == "cancel") {
      me.cancel(last_call, now);
    } else if (what == "close") {
      me.close(now);
    } else if (what == "drop") {
      me.drop(last_hold, now);
    } else if (what == "amend") {
      (void)me.amend(last_hold, {}, "new", now);
    } else if (what == "gone") {
      server.documents["lock"] = std::nullopt;
    } else if (what == "peek") {
      (void)me.ask(others(op::peek, "lock", "x"), {}, now);
    } else if (what == "read") {
      (void)me.read({.id = "lock"}, now);
    } else if (what == "no") {
      rest() == "renewal" ? me.cannot_renew(now) : me.cannot_send("no thread for it", now);
    } else if (what == "clock") {
      me.clock_was_set(now);
    } else if (what == "inbox") {
      rest() == "opened" ? me.opened(part::inbox, now) : me.closed(part::inbox);
    } else if (what == "events") {
      rest() == "opened" ? open_events() : me.closed(part::events);
    } else if (what == "fault") {
      set_fault(rest());
    } else if (what == "other") {
      another(words);
    } else if (what == "grant") {
      const auto heir = other(op::release).heirs.at(0);
      me.heard(protocol::grant{"lock", heir.id, heir.fence, heir.since}, now);
    } else if (what == "revoked") {
      me.heard(protocol::revocation{"lock", rest(), "an operator"}, now);
    } else if (what == "recall") {
      me.heard(protocol::recall{"lock", rest()}, now);
    } else if (what == "mongo-dlock") {
      words >> word;
      word == "holds" ? foreign_holds() : heard_release(rest());
    } else {
      throw std::logic_error("no step: " + what);
    }
    return "";
  }
  void set_fault(const std::string& name) {
    const std::map<std::string, tiny_server::fault> all{{"none", tiny_server::fault::none},
                                                        {"lost request", tiny_server::fault::lost_request},
                                                        {"lost answer", tiny_server::fault::lost_answer},
                                                        {"unreachable", tiny_server::fault::unreachable},
                                                        {"refused", tiny_server::fault::refused}};
    server.what = all.at(name);
  }
  void another(std::istringstream& words) {
    const std::map<std::string, op> all{{"try", op::try_}, {"release", op::release}, {"enqueue", op::enqueue}};
    std::string what, lock, id;
    words >> what >> lock >> id;
    (void)other(all.at(what), lock.empty() ? "lock" : lock, id.empty() ? "other" : id);
  }
  /// The plan, and whether its place is told.
  std::pair<protocol::acquire_plan, bool> plan_in_words(std::istringstream& words) const {
    auto p = plan();
    bool tells = false;
    const std::map<std::string, std::function<void(ms)>> all{
        {"ttl", [&](ms n) { p.ask.delta = n; }},
        {"term", [&](ms n) { p.ask.term = n; }},
        {"early", [&](ms) { p.ask.early = true; }},
        {"observed", [&](ms) { p.ask.observed = true; }},
        {"try", [&](ms) { p.queue = false; }},
        {"tells", [&](ms) { tells = true; }},
        {"unrenewed", [&](ms) { p.renews = false; }},
        {"within", [&](ms n) { p.deadline = now + n; }},
        {"turns", [&](ms n) { p.local_turns = static_cast<int>(n); }},
        {"linger", [&](ms n) { p.linger = n; }},
        {"row", [&](ms n) { p.row = static_cast<int>(n); }},
    };
    for (std::string word; words >> word;) {
      const auto equals = word.find('=');
      const auto it = all.find(word.substr(0, equals));
      if (it == all.end()) {
        p.ask.lock = word;
      } else {
        it->second(equals == std::string::npos ? 0 : std::stoll(word.substr(equals + 1)));
      }
    }
    return {std::move(p), tells};
  }
  protocol::document there(const std::string& lock) { return server.documents[lock].value_or(protocol::document{}); }
  std::string news() {
    std::string out;
    while (me.publication_is_due(now)) {
      const auto batch = me.next_publication(now);
      if (!batch) break;
      for (const auto& a : *batch) out += a ? (a->locked ? "locked " : "unlocked ") + a->lock + ", " : "gap, ";
      me.published(true, false, now);
    }
    return out;
  }
  std::string board;
};

/// Every test ends with a look whether anything is left.
struct driven_test : ::testing::Test, driven {
  using fault = tiny_server::fault;
  void TearDown() override { end(); }
};

}  // namespace dlock::engine
