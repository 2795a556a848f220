// Each rule sees what it is there for.
#include "simulator/rules.hpp"

#include <gtest/gtest.h>

#include "simulator/scenario.hpp"

namespace dlock::simulator {
namespace {

using protocol::operation;
using protocol::request;

class Rules : public ::testing::Test {
 protected:
  /// Which rule `what` breaks; "" if none.
  template <typename What>
  static std::string broken_by(What what) {
    try {
      what();
      return "";
    } catch (const broken& e) {
      return e.rule();
    }
  }
  protocol::acquire_plan plan(std::int64_t weight, std::int64_t cap) {
    auto p = scenario::plan("lock");
    p.ask.what = {weight == 0, weight};
    p.ask.cap = cap;
    return p;
  }
  /// What believes that it holds, whatever its process' engine says.
  class pretender final : public hold {
   public:
    pretender(const std::shared_ptr<process>& p, const engine::client::lease& what) : hold(p, 1, what), what_(what) {}
    /// As the watch does.
    void look() {
      if (what_.machine.look(in()->now()) == engine::hold_machine::action::lose) what_.now = phase::lost;
    }

   protected:
    [[nodiscard]] const engine::client::lease* there() const override { return &what_; }

   private:
    engine::client::lease what_;
  };
  static std::shared_ptr<pretender> pretend(const std::shared_ptr<process>& p, protocol::request ask,
                                            std::int64_t token) {
    const protocol::lease_schedule schedule(p->now(), ask.delta, ask.delta, false, p->now());
    return std::make_shared<pretender>(
        p, engine::client::lease{
               .ask = std::move(ask), .token = token, .fence = token, .machine = engine::hold_machine(schedule)});
  }
  /// Somebody believes that it holds, as if the server had said so.
  std::shared_ptr<hold> believer(const protocol::acquire_plan& how, std::int64_t token) {
    const auto p = s.start_process("p" + std::to_string(token));
    auto ask = how.ask;
    ask.id = p->fresh_id();
    auto h = pretend(p, ask, token);
    h->begin();
    p->at(h->valid_until(), [h] { h->look(); });
    return h;
  }

  scenario s;
};

TEST_F(Rules, TwoWhoBelieve) {
  (void)believer(plan(0, 0), 1);
  EXPECT_EQ(broken_by([&] { (void)believer(plan(0, 0), 2); }), "overlap");
}

TEST_F(Rules, AWriterBesideAReader) {
  (void)believer(plan(1, 0), 1);
  (void)believer(plan(1, 0), 2);
  EXPECT_EQ(broken_by([&] { (void)believer(plan(0, 0), 3); }), "overlap");
}

TEST_F(Rules, OnePermitTooMany) {
  (void)believer(plan(1, 2), 1);
  (void)believer(plan(1, 2), 2);
  EXPECT_EQ(broken_by([&] { (void)believer(plan(1, 2), 3); }), "overlap");
}

TEST_F(Rules, AnOverlapAfterAnEditIsCounted) {
  (void)believer(plan(0, 0), 1);
  s.judge.edited("lock", 1'000'000);
  (void)believer(plan(0, 0), 2);
  EXPECT_GE(s.seen.excused_edit, 1);
  s.run_for(1001);
  EXPECT_EQ(broken_by([&] { (void)believer(plan(0, 0), 3); }), "overlap");
}

TEST_F(Rules, OneWhoIsStoppedNeedNotBeTold) {
  const auto first = believer(plan(0, 0), 1);
  first->in()->freeze();
  s.run_for(1700);
  EXPECT_EQ(broken_by([&] { s.judge.extended(first); }), "");
  EXPECT_TRUE(first->believes());
  s.run_for(300);
  EXPECT_EQ(broken_by([&] { (void)believer(plan(0, 0), 3); }), "");
}

TEST_F(Rules, OneWhoIsStoppedBelievesUntilItsLeaseIsOver) {
  const auto first = believer(plan(0, 0), 1);
  first->in()->freeze();
  s.run_for(1700);
  EXPECT_EQ(broken_by([&] { (void)believer(plan(0, 0), 2); }), "overlap");
}

TEST_F(Rules, OneWhoRunsIsTold) {
  const auto p = s.start_process("p");
  const auto h = pretend(p, plan(0, 0).ask, 1);
  s.judge.acquired(h);  // and its watch does not begin
  s.run_for(2000);
  EXPECT_EQ(broken_by([&] { (void)believer(plan(0, 0), 2); }), "told");
}

TEST_F(Rules, ATokenTwice) {
  (void)believer(plan(1, 0), 7);
  EXPECT_EQ(broken_by([&] { (void)believer(plan(1, 0), 7); }), "tokens");
}

TEST_F(Rules, ATokenThatGoesBack) {
  (void)believer(plan(0, 0), 7);
  s.run_for(3000);
  EXPECT_EQ(broken_by([&] { (void)believer(plan(0, 0), 6); }), "tokens");
}

TEST_F(Rules, AWritersTokenBelowAReaders) {
  (void)believer(plan(1, 0), 7);
  s.run_for(3000);
  EXPECT_EQ(broken_by([&] { (void)believer(plan(0, 0), 6); }), "tokens");
}

TEST_F(Rules, ATokenAfterTheDocumentWent) {
  (void)believer(plan(0, 0), 7);
  s.run_for(3000);
  s.judge.deleted("lock");
  EXPECT_EQ(broken_by([&] { (void)believer(plan(0, 0), 6); }), "");
}

TEST_F(Rules, ALateCall) {
  EXPECT_EQ(broken_by([&] { s.judge.call_ended("p", "acquire", 100); }), "");
  EXPECT_EQ(broken_by([&] { s.judge.call_ended("p", "acquire", 101); }), "deadline");
}

constexpr protocol::ms kLater = 10'000;

/// A document as somebody's change would leave it.
version locked(const std::vector<std::string>& holders, const std::vector<std::string>& waiters, std::int64_t seq = 0) {
  protocol::document d;
  for (const auto& id : holders) d.holders.push_back({.id = id, .seq = seq});
  for (const auto& id : waiters) d.waiters.push_back({.id = id, .until = kLater});
  return std::make_shared<const stored>(stored{true, d});
}

/// The next version after it: as `v`, one revision later, with tokens that are new.
version next(const version& before, const version& v) {
  auto d = v->what;
  d.rev = before->what.rev + 1;
  d.fence = before->what.fence + 1000;
  for (auto& h : d.holders) h.fence = d.fence;
  return std::make_shared<const stored>(stored{true, d});
}

class Changes : public Rules {
 protected:
  std::string change(const version& before, const version& after, const std::string& by, protocol::ms now = 0) {
    return changed(before, next(before, after)->what, by, now);
  }
  std::string changed(const version& before, const protocol::document& after, const std::string& by,
                      protocol::ms now = 0) {
    request r;
    r.lock = "lock";
    r.id = by;
    r.skew = 500;
    const version v = std::make_shared<const stored>(stored{true, after});
    return broken_by([&] { s.judge.changed({0, {r}, before, v, now}); });
  }
};

TEST_F(Changes, OfTheDocument) {
  const auto before = locked({"a"}, {"b"});
  auto good = next(before, locked({"b"}, {}))->what;
  EXPECT_EQ(changed(before, good, "a"), "");
  auto d = good;
  d.rev = before->what.rev;
  EXPECT_EQ(changed(before, d, "a"), "document");
  d = good;
  d.fence = -1;
  EXPECT_EQ(changed(before, d, "a"), "document");
  d = good;
  d.holders[0].fence = before->what.fence;
  EXPECT_EQ(changed(before, d, "a"), "document") << "an old token";
  d = good;
  d.holders.push_back(d.holders[0]);
  d.holders[1].id = "c";
  EXPECT_EQ(changed(before, d, "a"), "document") << "two exclusive holders";
  d = good;
  d.waiters.push_back({.id = "b"});
  EXPECT_EQ(changed(before, d, "a"), "document") << "it holds and waits";
  d = good;
  d.gone.push_back({"b", kLater});
  EXPECT_EQ(changed(before, d, "a"), "document") << "it was given up";
}

TEST_F(Changes, FirstComeFirstServed) {
  EXPECT_EQ(change(locked({"a"}, {"b", "c"}), locked({"b"}, {"c"}), "a"), "");
  EXPECT_EQ(change(locked({"a"}, {"b", "c"}), locked({"c"}, {"b"}), "a"), "order");
}

TEST_F(Changes, NobodyNewPassesThoseWhoWait) {
  EXPECT_EQ(change(locked({}, {}), locked({"d"}, {}), "d"), "");
  EXPECT_EQ(change(locked({}, {"b"}), locked({"d"}, {"b"}), "d"), "order");
}

TEST_F(Changes, NobodyChangesItsPlace) {
  EXPECT_EQ(change(locked({}, {"b", "c"}), locked({}, {"c", "b"}), "a"), "order");
  EXPECT_EQ(change(locked({}, {"b", "c"}), locked({}, {"c", "d"}), "d"), "");
  EXPECT_EQ(change(locked({}, {"b"}), locked({}, {"d", "b"}), "d"), "order");
}

TEST_F(Changes, WhoComesTogetherKeepsItsOrder) {
  request r;
  r.lock = "lock";
  protocol::batch all(2, r);
  all[0].id = "d";
  all[1].id = "e";
  const auto together = [&](const version& before, const version& to) {
    const version after = next(before, to);
    return broken_by([&] { s.judge.changed({0, all, before, after, 0}); });
  };
  EXPECT_EQ(together(locked({"a"}, {"b"}), locked({"a"}, {"b", "d", "e"})), "");
  EXPECT_EQ(together(locked({"a"}, {"b"}), locked({"a"}, {"b", "e", "d"})), "order");
  EXPECT_EQ(together(locked({"a"}, {"b"}), locked({"a"}, {"d", "b", "e"})), "order");
  EXPECT_EQ(together(locked({}, {}), locked({"d"}, {"e"})), "");
  EXPECT_EQ(together(locked({}, {}), locked({"e"}, {"d"})), "order");
}

TEST_F(Changes, WhoseTimeIsOverBeginsAtTheEnd) {
  const auto before = locked({}, {"b", "c"}), after = locked({"c"}, {"b"});
  EXPECT_EQ(change(before, after, "b", kLater), "order");
  EXPECT_EQ(change(before, after, "b", kLater + 500), "");
}

/// A lock with so many permits, which one holder has as one claim.
version permits(std::int64_t cap, std::int64_t taken, std::int64_t rev) {
  protocol::document d;
  d.rev = rev;
  d.cap = cap;
  d.holders.push_back({.id = "a", .what = {false, taken}});
  return std::make_shared<const stored>(stored{true, d});
}

TEST_F(Changes, HoldersStayWhenThereAreFewerPermits) {
  auto fewer = permits(2, 3, 2)->what;
  EXPECT_EQ(changed(permits(3, 3, 1), fewer, "r"), "document") << "nobody resized it";
  fewer.resized = fewer.rev;
  EXPECT_EQ(changed(permits(3, 3, 1), fewer, "r"), "");
  fewer.holders.push_back({.id = "b", .what = {false, 1}, .fence = 1});
  fewer.fence = 1;
  EXPECT_EQ(changed(permits(3, 3, 1), fewer, "r"), "document") << "somebody is admitted nevertheless";
}

TEST_F(Changes, AnAnsweredResizeThatComesAgain) {
  request r;
  r.lock = "lock";
  r.id = "r";
  auto after = permits(2, 1, 2)->what;
  after.resized = after.rev;
  const version before = permits(3, 1, 1), v = std::make_shared<const stored>(stored{true, after});
  s.judge.changed({0, {r}, before, v, 0});
  EXPECT_EQ(broken_by([&] { s.judge.committed("lock", v); }), "") << "its first copy";
  s.judge.resized("r");
  const version again = std::make_shared<const stored>(*v);
  s.judge.changed({0, {r}, before, again, 0});
  EXPECT_EQ(broken_by([&] { s.judge.committed("lock", again); }), "permits");
}

TEST_F(Changes, AGhost) {
  request r;
  r.id = "a";
  s.judge.undone(r, s.events.now());
  EXPECT_EQ(broken_by([&] { s.judge.committed("lock", locked({}, {"b"})); }), "");
  EXPECT_EQ(broken_by([&] { s.judge.committed("lock", locked({}, {"a"})); }), "ghost");
  EXPECT_EQ(broken_by([&] { s.judge.committed("lock", locked({"a"}, {})); }), "ghost");
}

TEST_F(Changes, AValueThatComesBack) {
  const auto h = believer(plan(0, 0), 1);
  const auto& id = h->ask().id;
  s.judge.published(h, 2);
  EXPECT_EQ(broken_by([&] { s.judge.committed("lock", locked({id}, {}, 2)); }), "");
  EXPECT_EQ(broken_by([&] { s.judge.committed("lock", locked({id}, {}, 1)); }), "value");
  s.run_for(2000);
  EXPECT_EQ(broken_by([&] { s.judge.committed("lock", locked({id}, {}, 1)); }), "") << "it holds no more";
}

TEST_F(Rules, AnOlderLeaderAfterANewerOne) {
  EXPECT_EQ(broken_by([&] { s.judge.leader_told("p", "lock", 2000, 2000); }), "");
  EXPECT_EQ(broken_by([&] { s.judge.leader_told("p", "lock", 1000, 2000); }), "leader");
  s.judge.deleted("lock");
  EXPECT_EQ(broken_by([&] { s.judge.leader_told("p", "lock", 1000, 2000); }), "") << "its last token was deleted, too";
}

TEST_F(Rules, AnObserverThatIsNotTold) {
  EXPECT_EQ(broken_by([] { rules::leader_known("p", "lock", 1000, 1000); }), "");
  EXPECT_EQ(broken_by([] { rules::leader_known("p", "lock", 1000, 0); }), "leader");
}

TEST_F(Rules, WhatWasReleasedIsHeldAgain) {
  const auto h = believer(plan(0, 0), 1);
  stored v = *locked({h->ask().id}, {});
  v.what.holders.front().fence = h->token();
  const auto held = std::make_shared<const stored>(v);
  const auto kept = [&] { return broken_by([&] { s.judge.nothing_kept("lock", held); }); };
  EXPECT_EQ(kept(), "");
  s.judge.released(h);
  EXPECT_EQ(kept(), "released");
  s.judge.edited("lock", 1'000'000);
  EXPECT_EQ(kept(), "") << "by an operator";
  s.run_for(1001);
  EXPECT_EQ(kept(), "released");
  h->in()->kill();
  EXPECT_EQ(kept(), "") << "nobody is there to release it again";
}

TEST_F(Rules, WhatWasReleasedAndHasPassedOn) {
  const auto h = believer(plan(0, 0), 1000);
  stored v = *locked({h->ask().id}, {});
  v.what.holders.front().fence = h->token();
  const auto held = std::make_shared<const stored>(v);
  const auto kept = [&] { return broken_by([&] { s.judge.nothing_kept("lock", held); }); };
  s.judge.released(h);
  h->abandon();
  auto next = h->granted();
  next.turn = next.turns = 2;
  ++next.token;
  s.judge.confirmed(next.ask.id, h->in()->now());
  const auto other = std::make_shared<pretender>(h->in(), next);
  other->begin();
  EXPECT_EQ(kept(), "") << "it is held by the next call";
  s.judge.released(other);
  EXPECT_EQ(kept(), "released");
}

TEST_F(Rules, WhatPassesOn) {
  const auto p = s.start_process("p");
  s.run_for(1000);
  const auto now = p->now();
  int n = 0;
  const auto passes = [&](auto change, protocol::ms confirmed) {
    auto ask = plan(0, 0).ask;
    ask.id = p->fresh_id();
    ask.lock += std::to_string(++n);
    const protocol::lease_schedule schedule(now, ask.delta, ask.delta, false, now);
    engine::client::lease l{
        .ask = ask, .token = 1001, .fence = 1000, .begin = now, .machine = engine::hold_machine(schedule)};
    l.turn = l.turns = 2;
    change(l);
    s.judge.confirmed(l.ask.id, confirmed);
    return broken_by([&] { std::make_shared<pretender>(p, l)->begin(); });
  };
  EXPECT_EQ(passes([](auto&) {}, now - 99), "");
  EXPECT_EQ(passes([](auto&) {}, now - 100), "passing on") << "the answer is old";
  EXPECT_EQ(passes([](auto& l) { l.turns = 1; }, now), "passing on") << "too often";
  EXPECT_EQ(passes([](auto& l) { l.token = 2000; }, now), "passing on") << "with a token of the server";
  const auto ends_soon = [&](auto& l) {
    l.machine = engine::hold_machine(protocol::lease_schedule(now, l.ask.delta / 3, l.ask.delta, false, now));
  };
  EXPECT_EQ(passes(ends_soon, now), "passing on");
  const auto lingers = [&](auto& l) {
    l.turns = 1;
    l.begin = now - 999;
    l.linger = 1000;
  };
  EXPECT_EQ(passes(lingers, now - 999), "");
  EXPECT_EQ(passes([&](auto& l) { lingers(l), l.begin = now - 1000; }, now - 1000), "passing on");
}

TEST_F(Rules, WhatIsKept) {
  const auto p = s.start_process("p");
  EXPECT_EQ(broken_by([&] { s.judge.nothing_left(*p); }), "");
  const auto call = s.acquire(p, "lock");
  s.run_for(50);
  EXPECT_EQ(broken_by([&] { s.judge.nothing_left(*p); }), "growth");
}

TEST_F(Rules, AnEntryThatStaysInADocument) {
  const auto v = locked({"a"}, {});
  EXPECT_EQ(broken_by([&] { s.judge.nothing_left("lock", v, 60'000); }), "");
  EXPECT_EQ(broken_by([&] { s.judge.nothing_left("lock", v, 60'001); }), "growth");
}

}  // namespace
}  // namespace dlock::simulator
