// Calls for holds, and notices, at odd moments.
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/simulator/odd_moments.hpp"

namespace dlock::simulator {
namespace {

TEST_F(OddMoments, OfCallsAndHoldsThatAreNotThere) {
  a->step([](auto& e, ms at) {
    e.cancel(77, at);
    e.drop(77, at);
    e.answered(77, std::vector<answer>{}, at);
    e.answered(77, lookup_answer{}, at);
  });
  EXPECT_EQ(a->client().find(77), nullptr);
  EXPECT_EQ(a->client().ends_by(77), engine::never);
  EXPECT_FALSE(a->client().asks(77));
  const auto changed = amend(a, 77, {false, 1});
  ASSERT_TRUE(*changed);
  EXPECT_EQ((*changed)->change, ask_ended::amended::not_held);
  const auto given = release(a, 77);
  ASSERT_TRUE(*given);
  EXPECT_EQ((*given)->what, release_ended::result::not_held);
  EXPECT_EQ(a->kept(), 0U);
}

TEST_F(OddMoments, EachKindOfCallSaysWhenItEnds) {
  const auto h = held(a, "lock");
  s.net.to_server = [](const auto&) { return fate{.lost = true}; };
  a->step([&](auto& e, ms at) {
    auto plan = s.plan("another");
    plan.deadline = at + 3000;
    const auto acquires = e.acquire(plan, false, at);
    EXPECT_EQ(e.ends_by(acquires), at + 3080);
    EXPECT_EQ(e.ends_by(e.acquire(s.plan("third"), false, at)), at + 10'000) << "nobody has answered yet";
    const auto asks = e.amend(h->number(), {false, 1}, {}, at);
    EXPECT_EQ(e.ends_by(asks), at + 10'000);
    EXPECT_EQ(e.asks(asks), operation::amend);
    const auto releases = e.release(h->number(), 0, 700, at);
    EXPECT_EQ(e.ends_by(releases), at + 700);
    EXPECT_EQ(e.asks(releases), operation::release);
  });
}

TEST_F(OddMoments, AnAcquisitionThatTellsNoPlace) {
  const auto h = held(a, "lock");
  b->step([&](auto& e, ms at) { (void)e.acquire(s.plan("lock"), false, at); });
  s.run_for(50);
  EXPECT_EQ(s.set.committed().get("lock")->what.waiters.size(), 1U);
}

TEST_F(OddMoments, ANoticeForTheSameAcquisitionOfAnotherLock) {
  const auto h = held(a, "lock");
  const auto waits = s.acquire(b, "lock");
  s.run_for(50);
  const auto me = s.set.committed().get("lock")->what.waiters.at(0).id;
  b->step([&](auto& e, ms at) {
    e.heard(protocol::grant{"another", me, h->token() + 1000, 0}, at);
    e.heard(protocol::revocation{"another", me, "somebody"}, at);
    e.heard(protocol::revocation{"lock", me, "somebody"}, at);
  });
  a->step([&](auto& e, ms at) { e.heard(protocol::revocation{"another", h->ask().id, "somebody"}, at); });
  s.run_for(50);
  EXPECT_FALSE(waits->result);
  EXPECT_EQ(h->now(), hold::phase::held);
}

TEST_F(OddMoments, ANoticeOfAnUnlockWhileARequestIsOnItsWay) {
  auto d = s.locked_by_mongo_dlock("lock");
  const auto first = s.acquire(a, "lock"), second = s.acquire(a, "lock"), other = s.acquire(a, "other");
  s.run_for(300);
  ASSERT_TRUE(other->got);
  int beats = 0;
  s.net.to_server = [&](const request& r) {
    if (r.op == operation::heartbeat) ++beats;
    return fate{.delay = 20'000};
  };
  while (beats == 0) s.run_for(1);
  ASSERT_TRUE(s.set.write("lock", nullptr));
  a->step([](auto& e, ms at) {
    e.heard(protocol::announcement{"other"}, at);
    e.missed_events(at);
    e.opened(engine::part::events, at);
    e.closed(engine::part::events);
  });
  s.run_for(200);
  EXPECT_TRUE(first->got || second->got);
  a->step([](auto& e, ms) { e.stop_listening(); });
  EXPECT_FALSE(a->client().wants(engine::part::events));
}

TEST_F(OddMoments, AnAmendAfterTheLeaseWasLost) {
  const auto h = held(a, "lock");
  edit([](auto& d) { d.holders.clear(); });
  s.run_for(1000);
  ASSERT_EQ(h->now(), hold::phase::lost);
  EXPECT_EQ((*amend(a, h->number(), {false, 1}))->change, ask_ended::amended::lost);
}

TEST_F(OddMoments, AnAmendOfAHoldThatIsGivenBackMeanwhile) {
  const auto h = held(a, "lock");
  const auto end = amend(a, h->number(), {false, 1});
  h->release([](bool) {});
  s.run_for(50);
  ASSERT_TRUE(*end);
  EXPECT_NE((*end)->change, ask_ended::amended::done);
}

TEST_F(OddMoments, AnAmendOfAHoldThatIsDroppedMeanwhile) {
  const auto h = held(a, "lock");
  const auto end = amend(a, h->number(), {false, 1});
  h->abandon();
  s.run_for(50);
  ASSERT_TRUE(*end);
  EXPECT_EQ((*end)->change, ask_ended::amended::not_held);
}

TEST_F(OddMoments, AnAmendWhoseAnswerComesWhenTheLeaseIsOver) {
  const auto h = held(a, "lock");
  s.net.to_client = [](const request& r) { return fate{.lost = r.op == operation::renew, .delay = 4'000'000}; };
  const auto end = amend(a, h->number(), {false, 1});
  s.run_for(4500);
  ASSERT_TRUE(*end);
  EXPECT_EQ((*end)->change, ask_ended::amended::lost);
}

TEST_F(OddMoments, AnAmendOfAnEntryThatSomebodyHasEdited) {
  const auto h = held(a, "lock");
  edit([](auto& d) { d.holders.at(0).seq = 99; });
  auto end = amend(a, h->number(), {true, 0});
  s.run_for(50);
  EXPECT_EQ((*end)->change, ask_ended::amended::edited);
  edit([](auto& d) {
    d.holders.at(0).seq = 0;
    d.holders.at(0).what = {false, 1};
  });
  end = amend(a, h->number(), {true, 0});
  s.run_for(50);
  EXPECT_EQ((*end)->change, ask_ended::amended::edited) << "it has less than this client believes";
  edit([](auto& d) { d.holders.clear(); });
  end = amend(a, h->number(), {true, 0});
  s.run_for(50);
  EXPECT_EQ((*end)->change, ask_ended::amended::lost);
}

TEST_F(OddMoments, AskingForWhatIsNoLockOrHasAnotherExpiry) {
  protocol::document d;
  d.cap = 2;
  d.et = d.ct = d.mine = s.set.clock(*s.set.primary());
  d.fence = 1;
  d.holders.push_back({.id = "x", .what = {false, 1}, .until = *d.et + 60'000, .fence = 1});
  ASSERT_TRUE(s.set.write("lock", std::make_shared<const stored>(stored{true, d})));
  s.run_for(10);
  auto end = ask(a, operation::resize, true);
  s.run_for(50);
  ASSERT_TRUE(*end);
  EXPECT_TRUE((*end)->told.other_expiry);
  edit([](auto& e) { e.rev = protocol::token_limit; });
  end = ask(a, operation::resize);
  s.run_for(50);
  ASSERT_TRUE(*end);
  EXPECT_EQ((*end)->what, ask_ended::result::not_a_lock);
}

}  // namespace
}  // namespace dlock::simulator
