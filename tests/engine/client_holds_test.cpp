// What a client holds, until it is lost or given back (client_release_test.cpp).
#include <gtest/gtest.h>

#include "engine/client.hpp"
#include "engine/driven_client.hpp"

namespace dlock::engine {
namespace {

struct ClientsHolds : driven_test {};

TEST_F(ClientsHolds, AHoldIsRenewedInTime) {
  play("hold | pass 1665 -> nothing | pass 1 -> renew id-1 | happened -> held");
  EXPECT_EQ(last<hold_changed>().hold, last_hold);
  EXPECT_EQ(last<hold_changed>().valid_until, now + 4500);
  play("pass 60000 | held -> yes");
}

TEST_F(ClientsHolds, AHoldWithoutAutorefreshEnds) {
  play(
      "hold unrenewed | pass 4499 -> nothing | happened -> nothing | pass 1 -> nothing | happened -> lost: ended | "
      "phase -> lost");
}

TEST_F(ClientsHolds, ARenewalThatIsNotAnsweredWarnsOnce) {
  play(
      "hold | fault lost request | pass 2500 -> renew id-1, renew id-1, renew id-1, renew id-1 | "
      "happened -> no renewal yet | fault none | pass 250 -> renew id-1 | happened -> held | "
      "fault lost request | pass 2000 | happened -> no renewal yet (that was another time)");
}

TEST_F(ClientsHolds, AHoldIsLostOnTimeWhileItsRenewalHangs) {
  play(
      "hold | silence 4499 -> renew id-1 | held -> yes | silence 1 | happened -> lost: not renewed | answer | "
      "happened -> nothing (too late) | phase -> lost");
}

TEST_F(ClientsHolds, ALateAnswerDoesNotExtendAHold) {
  play("hold | silence 4499 -> renew id-1");
  now += 1;  // and nobody has looked
  play("answer | happened -> lost: not renewed");
}

TEST_F(ClientsHolds, ALateAnswerSaysWhyItEnded) {
  play("hold unrenewed | silence 4400 | revoked id-1 | sent -> peek id-1");
  now += 100;  // and nobody has looked
  play("answer | happened -> lost: ended");
}

TEST_F(ClientsHolds, ADeletedLockIsLostAtTheNextRenewal) {
  play("hold | gone | pass 1666 -> renew id-1 | happened -> lost: gone | pass 60000 -> nothing");
}

TEST_F(ClientsHolds, ARevocationNoticeLeadsToARenewalAtOnce) {
  (void)hold();
  me.heard(protocol::revocation{"another", "id-1", "an operator"}, now);
  play(
      "revoked id-2 | sent -> nothing | revoked id-1 | serve -> renew id-1 | happened -> held (only the server knows)");
  (void)other(op::revoke, "lock", "id-1");
  play("revoked id-1 | serve -> renew id-1 | happened -> lost: revoked by an operator");
}

TEST_F(ClientsHolds, AHoldWithoutAutorefreshIsOnlyPeekedAtAfterANotice) {
  auto p = plan();
  p.renews = false;
  const auto h = hold(p);
  server.what = fault::lost_request;
  me.heard(protocol::revocation{"lock", "id-1", "an operator"}, now);
  play("serve -> peek id-1 | happened -> no peek yet | fault none | pass 100 -> peek id-1");
  EXPECT_EQ(me.find(h)->machine.valid_until(), 5500);
}

TEST_F(ClientsHolds, AllHoldsAreRenewedWhenTheWallClockWasSet) {
  play("hold | hold another | clock set | serve -> renew id-1, renew id-2");
}

TEST_F(ClientsHolds, AClientListensOnceItHasHeldALockFor250Ms) {
  play("hold | pass 249 | wants inbox -> no | pass 1 | wants inbox -> yes");
}

TEST_F(ClientsHolds, ARenewalThatCannotBeSentIsRetriedSoon) {
  play("hold | look 1666 | renewals -> 1");
  me.cannot_renew(now);
  play("renewals -> 0 | happened -> nothing | pass 249 -> nothing | pass 1 -> renew id-1 | held -> yes");
}

TEST_F(ClientsHolds, AnExpiredHoldIsLostEvenIfNoTimerFired) {
  play("hold | later 4500 | release | happened -> lost: not renewed; release: lost");
}

// --- the end --------------------------------------------------------------------------------------------------------

TEST_F(ClientsHolds, AfterCloseNothingIsRenewed) {
  play("hold | look 1666");
  ASSERT_EQ(me.ready_renewals(), 1U);
  play(
      "close | serve -> peek id-1 (what was due) | pass 2833 -> nothing | held -> yes | pass 1 -> nothing | "
      "happened -> held; lost: not renewed");
}

TEST_F(ClientsHolds, AfterCloseAHoldIsPeekedAtWhenTheWallClockWasSet) {
  play("hold | close");
  server.documents.erase("lock");
  play(
      "clock set | serve -> peek id-1 | held -> yes (it may be from before the grant) | pass 100 -> peek id-1 | "
      "happened -> held; lost: gone");
}

TEST_F(ClientsHolds, AfterCloseNoRenewalIsDue) {
  play("hold | close | look 1666 | renewals -> 0");
}

TEST_F(ClientsHolds, AfterCloseAHoldIsPeekedAtAfterANotice) {
  play("hold unrenewed | close | revoked id-1 | serve -> peek id-1");
}

}  // namespace
}  // namespace dlock::engine
