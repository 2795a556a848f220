#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/client.hpp"
#include "protocol/batch.hpp"
#include "reference/transition.hpp"

/// A language for tables of a client: what it sends, and what happens. No clock, no threads.
namespace dlock::engine {

inline std::string show(const protocol::request& r) {
  static constexpr const char* names[] = {"try",     "enqueue", "heartbeat", "peek",   "renew",
                                          "release", "cancel",  "amend",     "revoke", "resize"};
  return std::string(names[static_cast<std::size_t>(r.op)]) + " " + r.id + (r.tomb > 0 ? " for good" : "");
}

inline std::string show(loss why) {
  static constexpr const char* names[] = {"not renewed", "ended", "gone", "revoked"};
  return names[static_cast<std::size_t>(why)];
}

inline std::string show(const event& e) {
  const auto named = [](auto what, std::initializer_list<const char*> names) {
    return std::string(names.begin()[static_cast<std::size_t>(what)]);
  };
  const auto doubt = [](bool in_doubt) { return std::string(in_doubt ? ", in doubt" : ""); };
  if (const auto* a = std::get_if<acquire_ended>(&e)) {
    if (a->refused) return "refused" + doubt(a->in_doubt);
    return named(a->what, {"acquired", "busy", "timed out", "cancelled", "no answer", "not a lock", "other capacity",
                           "other expiry"}) +
           doubt(a->in_doubt);
  }
  if (const auto* w = std::get_if<waiting>(&e)) return "waits at " + std::to_string(w->last.place);
  if (const auto* r = std::get_if<release_ended>(&e)) {
    return "release: " + named(r->what, {"released", "lost", "not held", "unknown"});
  }
  if (const auto* k = std::get_if<ask_ended>(&e)) {
    return named(k->what, {"answered", "no lock there", "failed", "closed"}) + doubt(k->in_doubt);
  }
  if (const auto* h = std::get_if<hold_changed>(&e)) {
    return named(h->now, {"held", "releasing", "in doubt", "released", "lost"}) + (h->left_free ? ", free" : "") +
           (h->now == hold_phase::lost ? ": " + show(h->why) : "") + (h->by.empty() ? "" : " by " + h->by);
  }
  return named(std::get<trouble>(e).what, {"no answer yet", "no renewal yet", "no peek yet"});
}

/// A server without a network: documents in memory, on the reference model.
struct tiny_server {
  static constexpr ms epoch = 1'000'000'000'000;
  enum class fault {
    none,
    lost_request,  // no answer, nothing was done, in doubt
    lost_answer,   // no answer although it was done, in doubt
    unreachable,   // no answer, and surely nothing was sent
    refused,
  };
  std::map<std::string, std::optional<protocol::document>> documents;
  fault what = fault::none;

  protocol::reply carry_out(const protocol::request& r, ms now) {
    auto& d = documents[r.lock];
    auto result = protocol::transition(d, r, epoch + now);
    d = std::move(result.after);
    return std::move(result.answer);
  }
  std::vector<protocol::reply> carry_out(const std::vector<protocol::request>& all, ms now) {
    if (all.size() == 1) return {carry_out(all.front(), now)};
    auto& d = documents[all.front().lock];
    auto result = protocol::transition(d, all, epoch + now);
    d = std::move(result.after);
    return std::move(result.answers);
  }
  std::vector<answer> apply(const std::vector<protocol::request>& all, ms now) {
    const bool done = what == fault::none || what == fault::lost_answer;
    auto replies = done ? carry_out(all, now) : std::vector<protocol::reply>(all.size());
    std::vector<answer> out(all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      auto& a = out[i];
      if (what == fault::none) {
        a.what = answer::kind::replied;
        a.reply = std::move(replies[i]);
        continue;
      }
      a.what = what == fault::refused ? answer::kind::refused : answer::kind::no_answer;
      a.why = "a fault";
      a.in_doubt = what == fault::lost_request || what == fault::lost_answer;
    }
    return out;
  }
  lookup_answer read(const protocol::lookup& l, ms now) const {
    lookup_answer out;
    out.why = "a fault";
    if (what != fault::none) return out;
    out.what = answer::kind::replied;
    const auto it = documents.find(l.id);
    if (it == documents.end() || !it->second) return out;
    out.seen.push_back({.id = l.id, .now = epoch + now, .what = *it->second});
    return out;
  }
};

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
  /// Acquires it, without anything left to do.
  hold_id hold(protocol::acquire_plan p = plan()) {
    (void)me.acquire(std::move(p), false, now);
    (void)serve();
    (void)happened();
    return last<acquire_ended>().got;
  }
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
      out += (out.empty() ? "" : "; ") + show(e);
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
      me.told();
      out += n->client + ": " + std::visit([](auto& what) { return what.id; }, n->what) + ", ";
    }
    return out;
  }
  [[nodiscard]] hold_phase phase(hold_id h) const { return me.find(h)->now; }
  [[nodiscard]] std::size_t holders(const std::string& lock = "lock") { return there(lock).holders.size(); }
  [[nodiscard]] std::size_t waiters(const std::string& lock = "lock") { return there(lock).waiters.size(); }
  [[nodiscard]] protocol::request last_request() const { return on_their_way.back().all.front(); }

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
    EXPECT_FALSE(me.wants_events());
  }

  tiny_server server;
  ms now = 1000;
  int ids = 0;
  client me;
  std::vector<client::outgoing> on_their_way;
  std::vector<event> events;

 private:
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
