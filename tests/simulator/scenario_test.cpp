// The client's machines in worlds in which one thing goes wrong.
#include "simulator/scenario.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "simulator/observer.hpp"

namespace dlock::simulator {
namespace {

using result = acquisition::result;
using protocol::operation;
using protocol::request;

bool is(const request& r, operation op) {
  return r.op == op;
}

struct Scenario : ::testing::Test {
  /// A call that has had the time to be answered.
  std::shared_ptr<scenario::call> asked(const std::shared_ptr<process>& p) {
    auto call = s.acquire(p, "lock");
    s.run_for(50);
    return call;
  }

  scenario s;
  const std::shared_ptr<process> a = s.start_process("a"), b = s.start_process("b");
};

TEST_F(Scenario, OneAfterTheOther) {
  const auto first = asked(a);
  const auto second = s.acquire(b, "lock");
  s.run_for(100);
  ASSERT_TRUE(first->got);
  EXPECT_FALSE(second->result) << "it waits";
  first->got->release([](bool) {});
  s.run_for(20);
  ASSERT_TRUE(second->got) << "it was told";
  EXPECT_EQ(s.seen.by_announcement, 1);
  EXPECT_GT(second->got->token(), first->got->token());
}

TEST_F(Scenario, ARequestThatComesAfterItsCancelIsRefused) {
  s.net.to_server = [](const request& r) {
    return fate{.delay = is(r, operation::enqueue) ? 10'000 * ticks_per_ms : 300};
  };
  auto how = scenario::plan("lock");
  how.deadline = a->now() + 1000;
  const auto call = s.acquire(a, how);
  s.run_for(9000);
  EXPECT_EQ(call->result, result::no_answer);
  s.run_for(10'000);
  const auto v = s.set.committed().get("lock");
  ASSERT_TRUE(v);
  EXPECT_TRUE(v->what.holders.empty());
  EXPECT_EQ(v->what.gone.size(), 1U);
}

TEST_F(Scenario, AWaiterThatIsToldOfNothingLooks) {
  s.notices.to_heir = [](const auto&) { return fate{.lost = true}; };
  const auto first = asked(a);
  const auto second = asked(b);
  first->got->release([](bool) {});
  s.run_for(1100);
  EXPECT_TRUE(second->got);
}

/// Found by the simulator: the entry of `b` was granted, ended, and was queued again by a copy of its first request. An
/// announcement of that earlier grant is no reason to believe that it holds.
TEST_F(Scenario, AnAnnouncementOfAnEarlierTimeInTheQueue) {
  const auto c = s.start_process("c");
  const auto first = asked(a);
  s.notices.to_heir = [](const auto&) { return fate{.delay = 6000 * ticks_per_ms}; };
  s.net.to_server = [](const request& r) {
    fate f;
    if (is(r, operation::enqueue) && r.client == "b") f.again = 5000 * ticks_per_ms;
    return f;
  };
  const auto second = asked(b);
  first->got->release([](bool) {});
  b->freeze();  // before it looks
  s.run_for(3000);
  const auto third = s.acquire(c, "lock");
  s.run_for(1500);
  ASSERT_TRUE(third->got);
  s.run_for(1000);  // the copy has come: it waits behind `c`
  b->thaw();
  s.run_for(3000);
  EXPECT_TRUE(third->got->believes());
  EXPECT_FALSE(second->got && second->got->believes());
}

TEST_F(Scenario, ARevokedHolderLearnsItAtItsRenewal) {
  const auto call = asked(a);
  request r;
  r.op = operation::revoke;
  r.lock = "lock";
  r.id = call->got->ask().id;
  s.set.command(*s.set.primary(), r, [](const auto&) {});
  s.run_for(1000);
  EXPECT_EQ(call->got->now(), hold::phase::lost);
}

TEST_F(Scenario, ATokenThatSomebodyTypedIsNoGrant) {
  const auto first = asked(a);
  const auto second = asked(b);
  s.notices.to_heir = [](const auto&) { return fate{.lost = true}; };
  first->got->release([](bool) {});
  s.run_for(5);
  auto d = s.set.committed().get("lock")->what;
  ASSERT_EQ(d.holders.size(), 1U);
  d.holders[0].fence = -1;
  ++d.rev;
  ASSERT_TRUE(s.set.write("lock", std::make_shared<const stored>(stored{true, d})));
  s.run_for(3000);
  EXPECT_EQ(second->result, result::not_a_lock);
}

TEST_F(Scenario, MongoDlocksHolderIsWaitedForAndItsUnlockWakes) {
  auto d = s.locked_by_mongo_dlock("lock");
  std::vector<std::shared_ptr<scenario::call>> calls;
  for (int i = 0; i < 6; ++i) calls.push_back(s.acquire(a, "lock"));
  s.run_for(5000);
  for (const auto& c : calls) EXPECT_FALSE(c->result);
  ASSERT_TRUE(s.set.write("lock", nullptr));
  s.run_for(10);
  a->nudge_foreign("lock");
  s.run_for(20);
  EXPECT_EQ(std::count_if(calls.begin(), calls.end(), [](const auto& c) { return c->got != nullptr; }), 1);
}

TEST_F(Scenario, AReleaseOfWhatIsNoLockAnyMoreIsALoss) {
  const auto call = asked(a);
  ASSERT_TRUE(s.set.write("lock", std::make_shared<const stored>(stored{false, {}})));
  s.run_for(10);
  std::optional<bool> released;
  call->got->release([&](bool r) { released = r; });
  s.run_for(50);
  EXPECT_EQ(released, false);
  EXPECT_EQ(call->got->now(), hold::phase::lost);
}

TEST_F(Scenario, WhatIsRepeatedWhenAClientIsClosedIsSentOnceMore) {
  const auto first = asked(a);
  const auto second = asked(b);
  s.set.fail_write_concerns(100);
  second->machine->stop();
  s.run_for(1000);
  EXPECT_EQ(b->client().in_the_background(), 1U);
  int cancels = 0;
  s.net.to_server = [&](const request& r) { return cancels += is(r, operation::cancel) ? 1 : 0, fate{}; };
  b->close();
  s.run_for(200);
  EXPECT_EQ(b->kept(), 0U);
  EXPECT_EQ(cancels, 1);
}

TEST_F(Scenario, AnObserverIsToldByEventsLongBeforeItsPeriod) {
  const auto o = observer::begin(b, "lock", 600'000);
  int told = 0;
  for (int i = 0; i < 10; ++i) {
    const auto call = s.acquire(a, "lock");
    s.run_for(1000);
    ASSERT_TRUE(call->got);
    told += o->leader() == call->got->token() ? 1 : 0;
    call->got->release([](bool) {});
    s.run_for(1000);
  }
  EXPECT_GE(told, 5) << "some events are lost";
  o->end();
  s.run_for(1000);
  EXPECT_EQ(b->kept(), 0U);
}

TEST_F(Scenario, AnObserverIsToldThatTheLeaderIsGoneWhenItsLeaseEnds) {
  const auto call = asked(a);
  const auto o = observer::begin(b, "lock", 600'000);
  s.run_for(100);
  ASSERT_EQ(o->leader(), call->got->token());
  a->kill();
  s.run_for(5000);
  EXPECT_EQ(o->leader(), 0);
}

}  // namespace
}  // namespace dlock::simulator
