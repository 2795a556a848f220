// What a client holds, until it is lost or given back (client_release_test.cpp).
#include <gtest/gtest.h>

#include "engine/client.hpp"
#include "engine/driven_client.hpp"

namespace dlock::engine {
namespace {

struct ClientsHolds : driven_test {};

TEST_F(ClientsHolds, WhatIsHeldIsRenewedInTime) {
  const auto h = hold();
  EXPECT_EQ(pass(1665), "");
  EXPECT_EQ(pass(1), "renew id-1");
  EXPECT_EQ(happened(), "held");
  EXPECT_EQ(last<hold_changed>().hold, h);
  EXPECT_EQ(last<hold_changed>().valid_until, now + 4500);
  (void)pass(60'000);
  EXPECT_TRUE(me.find(h)->held(now));
}

TEST_F(ClientsHolds, WhatIsNotToBeRenewedEnds) {
  auto p = plan();
  p.renews = false;
  const auto h = hold(p);
  EXPECT_EQ(pass(4499), "");
  EXPECT_EQ(happened(), "");
  EXPECT_EQ(pass(1), "");
  EXPECT_EQ(happened(), "lost: ended");
  EXPECT_EQ(phase(h), hold_phase::lost);
}

TEST_F(ClientsHolds, ARenewalThatIsNotAnsweredWarnsOnce) {
  (void)hold();
  server.what = fault::lost_request;
  EXPECT_EQ(pass(2500), "renew id-1, renew id-1, renew id-1, renew id-1");
  EXPECT_EQ(happened(), "no renewal yet");
  server.what = fault::none;
  EXPECT_EQ(pass(250), "renew id-1");
  EXPECT_EQ(happened(), "held");
  server.what = fault::lost_request;
  (void)pass(2000);
  EXPECT_EQ(happened(), "no renewal yet") << "that was another time";
}

TEST_F(ClientsHolds, WhoseRenewalHangsIsLostOnTime) {
  const auto h = hold();
  EXPECT_EQ(pass_in_silence(4499), "renew id-1");
  EXPECT_TRUE(me.find(h)->held(now));
  (void)pass_in_silence(1);
  EXPECT_EQ(happened(), "lost: not renewed");
  answer_all();
  EXPECT_EQ(happened(), "") << "too late";
  EXPECT_EQ(phase(h), hold_phase::lost);
}

TEST_F(ClientsHolds, AnAnswerAfterTheEndDoesNotKeepIt) {
  (void)hold();
  EXPECT_EQ(pass_in_silence(4499), "renew id-1");
  now += 1;  // and nobody has looked
  answer_all();
  EXPECT_EQ(happened(), "lost: not renewed");
}

TEST_F(ClientsHolds, WhatTheServerDoesNotKnowIsLostAtTheNextRenewal) {
  (void)hold();
  server.documents["lock"] = std::nullopt;
  EXPECT_EQ(pass(1666), "renew id-1");
  EXPECT_EQ(happened(), "lost: gone");
  EXPECT_EQ(pass(60'000), "");
}

TEST_F(ClientsHolds, ARevocationNoticeLeadsToARenewalAtOnce) {
  (void)hold();
  me.heard(protocol::revocation{"another", "id-1", "an operator"}, now);
  me.heard(protocol::revocation{"lock", "id-2", "an operator"}, now);
  EXPECT_EQ(sent(), "");
  me.heard(protocol::revocation{"lock", "id-1", "an operator"}, now);
  EXPECT_EQ(serve(), "renew id-1");
  EXPECT_EQ(happened(), "held") << "only the server knows";
  (void)other(op::revoke, "lock", "id-1");
  me.heard(protocol::revocation{"lock", "id-1", "an operator"}, now);
  EXPECT_EQ(serve(), "renew id-1");
  EXPECT_EQ(happened(), "lost: revoked by an operator");
}

TEST_F(ClientsHolds, WhatIsNotRenewedIsOnlyLookedAtAfterANotice) {
  auto p = plan();
  p.renews = false;
  const auto h = hold(p);
  server.what = fault::lost_request;
  me.heard(protocol::revocation{"lock", "id-1", "an operator"}, now);
  EXPECT_EQ(serve(), "peek id-1");
  EXPECT_EQ(happened(), "no peek yet");
  server.what = fault::none;
  EXPECT_EQ(pass(100), "peek id-1");
  EXPECT_EQ(me.find(h)->machine.valid_until(), 5500);
}

TEST_F(ClientsHolds, WhenTheClockWasSetAllAreRenewedAtOnce) {
  (void)hold();
  (void)hold(plan("another"));
  me.clock_was_set(now);
  EXPECT_EQ(serve(), "renew id-1, renew id-2");
}

TEST_F(ClientsHolds, WhoHoldsSomethingFor250MsListens) {
  (void)hold();
  (void)pass(249);
  EXPECT_FALSE(me.wants_inbox());
  (void)pass(1);
  EXPECT_TRUE(me.wants_inbox());
}

TEST_F(ClientsHolds, WhatCannotBeRenewedIsTriedAgainSoon) {
  const auto h = hold();
  now += 1666;
  me.look(now);
  EXPECT_EQ(me.ready_renewals(), 1U);
  me.cannot_renew(now);
  EXPECT_EQ(me.ready_renewals(), 0U);
  EXPECT_EQ(happened(), "");
  EXPECT_EQ(pass(249), "");
  EXPECT_EQ(pass(1), "renew id-1");
  EXPECT_TRUE(me.find(h)->held(now));
}

TEST_F(ClientsHolds, WhatIsOverIsLostAlsoIfNobodyLookedBefore) {
  const auto h = hold();
  now += 4500;
  (void)release(h);
  EXPECT_EQ(happened(), "lost: not renewed; release: lost");
}

// --- the end --------------------------------------------------------------------------------------------------------

TEST_F(ClientsHolds, AfterCloseNothingIsRenewed) {
  const auto h = hold();
  now += 1666;
  me.look(now);
  ASSERT_EQ(me.ready_renewals(), 1U);
  me.close(now);
  EXPECT_EQ(serve(), "peek id-1") << "what was due";
  EXPECT_EQ(pass(2833), "");
  EXPECT_TRUE(me.find(h)->held(now));
  EXPECT_EQ(pass(1), "");
  EXPECT_EQ(happened(), "held; lost: not renewed");
}

TEST_F(ClientsHolds, AfterCloseALeaseIsStillAskedAboutWhenTheClockWasSet) {
  const auto h = hold();
  me.close(now);
  server.documents.erase("lock");
  me.clock_was_set(now);
  EXPECT_EQ(serve(), "peek id-1");
  EXPECT_TRUE(me.find(h)->held(now)) << "it may be from before the grant";
  EXPECT_EQ(pass(100), "peek id-1");
  EXPECT_EQ(happened(), "held; lost: gone");
}

TEST_F(ClientsHolds, NorIsAnythingDue) {
  (void)hold();
  me.close(now);
  now += 1666;
  me.look(now);
  EXPECT_EQ(me.ready_renewals(), 0U);
}

TEST_F(ClientsHolds, ButWhatIsNotRenewedIsStillLookedAtAfterANotice) {
  auto p = plan();
  p.renews = false;
  (void)hold(p);
  me.close(now);
  me.heard(protocol::revocation{"lock", "id-1", "an operator"}, now);
  EXPECT_EQ(serve(), "peek id-1");
}

}  // namespace
}  // namespace dlock::engine
