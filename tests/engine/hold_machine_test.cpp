#include "engine/hold_machine.hpp"

#include <gtest/gtest.h>

namespace dlock::engine {
namespace {

using protocol::reply;
using holding = hold_machine;
using action = holding::action;
using effect = holding::effect;

constexpr ms kLease = 9000;  // from 0: renewed at 3000, over at 8500

holding held(bool renews = true) {
  return holding(protocol::lease_schedule(0, kLease, kLease, renews, 0));
}
reply ours(bool revoked = false) {
  reply r;
  r.found = r.valid = true;
  r.mine.emplace();
  r.mine->revoked = revoked;
  return r;
}
reply not_ours() {
  reply r;
  r.found = r.valid = true;
  return r;
}

TEST(HoldMachine, IsRenewedAfterAThirdAndCountsFromTheSending) {
  auto m = held();
  EXPECT_EQ(m.next(), 3000);
  EXPECT_EQ(m.look(2999), action::nothing);
  EXPECT_EQ(m.look(3000), action::renew);
  EXPECT_EQ(m.look(3000), action::nothing) << "it is on its way";
  EXPECT_EQ(m.next(), m.valid_until()) << "so that the end is told on time";
  EXPECT_EQ(m.answered(ours(), 3000, 3400), effect::held);
  EXPECT_EQ(m.valid_until(), 3000 + 8500);
  EXPECT_EQ(m.next(), 6000);
}

TEST(HoldMachine, WithoutAnAnswerItIsAskedAgainUntilTheEnd) {
  auto m = held();
  ASSERT_EQ(m.look(3000), action::renew);
  EXPECT_TRUE(m.unanswered(3500)) << "the first is told";
  EXPECT_EQ(m.next(), 3500 + 450);
  ASSERT_EQ(m.look(3950), action::renew);
  EXPECT_FALSE(m.unanswered(4000));
  ASSERT_EQ(m.look(m.next()), action::renew);
  m.not_sent(4500);
  EXPECT_EQ(m.valid_until(), 8500);
  EXPECT_EQ(m.look(8499), action::renew);
  EXPECT_EQ(m.look(8500), action::lose);
  EXPECT_EQ(m.why(), loss::not_renewed);
}

TEST(HoldMachine, TroubleThatIsOverIsToldAgain) {
  auto m = held();
  ASSERT_EQ(m.look(3000), action::renew);
  ASSERT_TRUE(m.unanswered(3000));
  ASSERT_EQ(m.look(m.next()), action::renew);
  ASSERT_EQ(m.answered(ours(), 3500, 3500), effect::held);
  ASSERT_EQ(m.look(m.next()), action::renew);
  EXPECT_TRUE(m.unanswered(7000));
}

TEST(HoldMachine, AnAnswerAfterItsEndMakesNothingLonger) {
  auto m = held();
  ASSERT_EQ(m.look(3000), action::renew);
  EXPECT_EQ(m.answered(ours(), 3000, 8500), effect::too_late);
  EXPECT_EQ(m.valid_until(), 8500);
  EXPECT_EQ(m.look(8500), action::lose);
}

TEST(HoldMachine, WhomTheServerDoesNotKnowHasLost) {
  for (const auto& r : {not_ours(), reply{}, ours(true)}) {
    auto m = held();
    ASSERT_EQ(m.look(3000), action::renew);
    EXPECT_EQ(m.answered(r, 3000, 3100), effect::lost);
    EXPECT_EQ(m.why(), loss::gone);
  }
  auto late = held();
  ASSERT_EQ(late.look(3000), action::renew);
  EXPECT_EQ(late.answered(not_ours(), 3000, 8500), effect::lost);
  EXPECT_EQ(late.why(), loss::not_renewed) << "others may well have it since";
}

TEST(HoldMachine, ANoticeHasTheServerAskedAtOnce) {
  auto m = held();
  m.notice("an operator", 100);
  EXPECT_EQ(m.next(), 100);
  ASSERT_EQ(m.look(100), action::renew);
  EXPECT_EQ(m.answered(ours(true), 100, 110), effect::lost);
  EXPECT_EQ(m.why(), loss::revoked);
  EXPECT_EQ(m.revoked_by(), "an operator");
}

TEST(HoldMachine, ANoticeThatIsNotTrueIsForgotten) {
  auto m = held();
  m.notice("a liar", 100);
  ASSERT_EQ(m.look(100), action::renew);
  ASSERT_EQ(m.answered(ours(), 100, 110), effect::held);
  ASSERT_EQ(m.look(m.next()), action::renew);
  EXPECT_EQ(m.answered(not_ours(), 3100, 3110), effect::lost);
  EXPECT_EQ(m.why(), loss::gone);
}

TEST(HoldMachine, ANoticeWhileARenewalIsOnItsWayIsFollowedByAnother) {
  auto m = held();
  ASSERT_EQ(m.look(3000), action::renew);
  m.notice("an operator", 3010);
  EXPECT_EQ(m.look(3010), action::nothing);
  EXPECT_EQ(m.answered(ours(), 3000, 3020), effect::held);
  EXPECT_EQ(m.next(), 3010) << "the answer may be older than the notice";
  ASSERT_EQ(m.look(3020), action::renew);
  EXPECT_EQ(m.answered(ours(true), 3020, 3030), effect::lost);
  EXPECT_EQ(m.why(), loss::revoked);
}

TEST(HoldMachine, WhatIsNotRenewedEndsAndIsOnlyLookedAt) {
  auto m = held(false);
  EXPECT_EQ(m.next(), 8500);
  m.clock_was_set(1000);
  ASSERT_EQ(m.look(1000), action::peek);
  EXPECT_EQ(m.answered(ours(), 1000, 1010), effect::held);
  EXPECT_EQ(m.valid_until(), 8500);
  EXPECT_EQ(m.next(), 8500);
  EXPECT_EQ(m.look(8500), action::lose);
  EXPECT_EQ(m.why(), loss::ended);
}

TEST(HoldMachine, APeekThatDoesNotFindItIsRepeatedOnce) {
  auto m = held(false);
  m.clock_was_set(1000);
  ASSERT_EQ(m.look(1000), action::peek);
  EXPECT_NE(m.answered(not_ours(), 1000, 1010), effect::lost) << "it may be from before the grant";
  EXPECT_EQ(m.next(), 1110);
  ASSERT_EQ(m.look(1110), action::peek);
  EXPECT_EQ(m.answered(not_ours(), 1110, 1120), effect::lost);
  EXPECT_EQ(m.why(), loss::gone);
}

TEST(HoldMachine, AfterANoticeItLooksTenTimes) {
  auto m = held(false);
  m.notice("an operator", 0);
  int looks = 0;
  for (ms now = 0; m.next() < 8500; now = m.next()) {
    ASSERT_EQ(m.look(now), action::peek);
    ASSERT_NE(m.answered(ours(), now, now), effect::lost);
    ASSERT_LE(++looks, 10);
  }
  EXPECT_EQ(looks, 10);
}

TEST(HoldMachine, ALookWithoutAnAnswerIsRepeated) {
  auto m = held(false);
  m.clock_was_set(1000);
  ASSERT_EQ(m.look(1000), action::peek);
  (void)m.unanswered(1500);
  EXPECT_EQ(m.next(), 1600);
}

TEST(HoldMachine, ItCanStopRenewing) {
  auto m = held();
  m.stop_renewing();
  EXPECT_EQ(m.next(), 8500);
  EXPECT_EQ(m.look(8500), action::lose);
  EXPECT_EQ(m.why(), loss::not_renewed);
}

TEST(HoldMachine, WhatIsNoLongerRenewedIsOnlyPeekedAt) {
  auto m = held();
  m.stop_renewing();
  m.clock_was_set(1000);
  ASSERT_EQ(m.look(1000), action::peek);
  EXPECT_EQ(m.answered(ours(), 1000, 1010), effect::held);
  EXPECT_EQ(m.valid_until(), 8500) << "a peek extends nothing";
  m.notice("an operator", 2000);
  ASSERT_EQ(m.look(2000), action::peek);
  EXPECT_EQ(m.answered(ours(true), 2000, 2010), effect::lost);
  EXPECT_EQ(m.why(), loss::revoked);
}

TEST(HoldMachine, ARenewalThatIsAnsweredAfterTheLastExtendsNothing) {
  auto m = held();
  ASSERT_EQ(m.look(m.next()), action::renew);
  m.stop_renewing();
  EXPECT_EQ(m.answered(ours(), 3000, 3010), effect::held);
  EXPECT_EQ(m.valid_until(), 8500);
}

}  // namespace
}  // namespace dlock::engine
