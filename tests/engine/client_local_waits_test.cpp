// Calls that wait for the turn of their client: somebody acts for them, and they keep their limits.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/client_turns.hpp"

namespace dlock::engine {
namespace {

// --- nobody waits locally without somebody who acts for it ----------------------------------------------------------

TEST_F(ClientsTurns, WhenALeaseIsLostTheNextIsAskedForAtOnce) {
  const auto h = hold();
  play("acquire | gone | clock set | serve -> renew id-1, enqueue id-2 | happened -> lost: gone; acquired");
  EXPECT_EQ(phase(h), hold_phase::lost);
}

TEST_F(ClientsTurns, WhenALeaseEndsTheNextIsAskedForAtOnce) {
  play("hold | acquire | silence 4500 -> renew id-1, enqueue id-2 | happened -> lost: not renewed");
}

TEST_F(ClientsTurns, WhenALeaseIsDroppedTheNextIsAskedForAtOnce) {
  play("hold | acquire | drop | serve -> release id-1, enqueue id-2 | happened -> releasing; acquired");
}

TEST_F(ClientsTurns, AWriterThatBecomesAReaderLetsOthersAsk) {
  const auto h = hold();
  play("acquire | share");
  (void)me.amend(h, protocol::claim{.exclusive = false, .weight = 1}, "", now);
  EXPECT_EQ(sent(), "enqueue id-2, amend id-1");
}

TEST_F(ClientsTurns, WhenTheOneAheadIsRefusedTheNextIsAskedFor) {
  play(
      "acquire | acquire | fault refused | sent -> enqueue id-1 | answer | happened -> refused | fault none | "
      "serve -> cancel id-1 for good, enqueue id-2 | happened -> acquired");
}

// --- who waits locally ends without a command -----------------------------------------------------------------------

TEST_F(ClientsTurns, WhoWaitsForItsTurnIsCancelledAtOnce) {
  (void)hold();
  const auto two = acquire();
  me.cancel(two, now);
  play("happened -> cancelled | serve -> nothing");
}

TEST_F(ClientsTurns, ALocalWaitTimesOutWhileItsClientHoldsTheLock) {
  (void)hold();
  const auto two = ask(within(500));
  EXPECT_EQ(me.ends_by(two), now + 580);
  play("pass 499 -> nothing | happened -> nothing | pass 1 -> nothing | happened -> timed out");
  const auto& end = last<acquire_ended>().last;
  ASSERT_TRUE(end.first);
  EXPECT_EQ(end.first->who, "somebody");
  EXPECT_EQ(end.now, tiny_server::epoch + now);
  EXPECT_EQ(end.first->until - end.now, 4000);
  EXPECT_EQ(end.holders, 1);
  EXPECT_EQ(last<acquire_ended>().missing, "");
}

TEST_F(ClientsTurns, AWaitThatEndsTooLateSaysThatTheLeaseHasEnded) {
  play("hold | pass 300 | acquire within=500");
  now += 20'000;  // the process was frozen
  play("look | happened -> no answer; lost: not renewed");
  EXPECT_EQ(last<acquire_ended>().missing, "the lease ahead of it has ended");
}

TEST_F(ClientsTurns, AtTheEndOfTheLeaseAheadItAsksTheServer) {
  play(
      "hold unrenewed | acquire within=4500 | "
      "pass 4500 -> enqueue id-2, cancel id-2 (on the server, it is held for a moment still) | "
      "happened -> lost: ended; timed out");
}

TEST_F(ClientsTurns, ALocalWaitTimesOutIfTheOneAheadIsInTheQueue) {
  (void)first_waits();
  play("acquire within=500 | pass 500 | happened -> timed out");
  EXPECT_EQ(last<acquire_ended>().last.first->who, "another");
}

TEST_F(ClientsTurns, ALocalWaitTimesOutIfItsClientHasJustReleased) {
  play(
      "hold | acquire | acquire within=500 | pass 400 | release | acquire try | happened -> releasing; busy | "
      "silence 100 -> release id-1 + enqueue id-2 | happened -> timed out (the answer to a pass may be late)");
}

TEST_F(ClientsTurns, ALocalWaitTimesOutIfItsClientHasJustDroppedTheLock) {
  play(
      "hold | acquire | acquire within=500 | pass 400 | drop | silence 100 -> release id-1, enqueue id-2 | "
      "happened -> releasing; timed out");
}

TEST_F(ClientsTurns, ALocalWaitFailsIfTheFirstReleaseWasLongAgo) {
  play(
      "hold | acquire | acquire within=1500 | release in=10 | silence 1400 | release | silence 179 | "
      "happened -> releasing; in doubt; release: unknown; releasing | silence 1 | happened -> no answer");
}

TEST_F(ClientsTurns, ALocalWaitFailsIfTheServerIsSilent) {
  play(
      "acquire | acquire within=500 | silence 579 -> enqueue id-1 | happened -> nothing | silence 1 | "
      "happened -> no answer");
  EXPECT_EQ(last<acquire_ended>().missing, "the call ahead of it waits for an answer");
}

TEST_F(ClientsTurns, ALocalWaitFailsForTheReasonOfTheOneAhead) {
  (void)first_waits();
  play("fault unreachable | later 1");
  const auto two = ask(within(20'000));
  play("pass 20080 | happened -> no answer yet; no answer");
  EXPECT_EQ(last<acquire_ended>().call, two);
  EXPECT_EQ(last<acquire_ended>().failure.why, "a fault");
}

TEST_F(ClientsTurns, WithoutADeadlineItWaitsAsLongAsItHasATurnAhead) {
  play("hold");
  const auto two = acquire();
  EXPECT_EQ(me.ends_by(two), now + 10'000);
  (void)pass(20'000);
  EXPECT_EQ(happened().find("no answer"), std::string::npos);
  EXPECT_TRUE(me.waits_locally(two));
  EXPECT_EQ(me.ends_by(two), never);
  play(
      "fault unreachable | release in=30000 | pass 20000 | "
      "happened -> releasing; no answer yet (there was a contact) | fault none | pass 2000");
  EXPECT_NE(happened().find("acquired"), std::string::npos);
}

TEST_F(ClientsTurns, ALeaseOfItsClientIsContactEnough) {
  auto p = plan();
  p.ask.delta = 60'000;  // no renewal comes in between
  (void)hold(p);
  now += 1;
  const auto two = ask(p);
  play("pass 10000 -> nothing | happened -> nothing");
  EXPECT_TRUE(me.waits_locally(two));
}

TEST_F(ClientsTurns, APlaceOfTheOneAheadIsContactEnough) {
  auto p = plan();
  p.wait_period = 60'000;
  p.ask.delta = 60'000;
  me.opened(part::inbox, now);  // so the one ahead polls rarely
  (void)first_waits(p);
  now += 1;
  const auto two = ask(p);
  const ms late = now + 10'000;
  while (me.next() < late) {
    now = me.next();
    play("look | sent -> nothing (without a poll in between)");
  }
  now = late;
  play("look | happened -> nothing");
  EXPECT_TRUE(me.waits_locally(two));
}

TEST_F(ClientsTurns, WhoHeardNothingSinceItCameFails) {
  (void)first_waits();
  play("later 1 | fault unreachable");
  const auto two = ask(plan());
  play("silence 9999 | happened -> nothing | silence 1 | happened -> no answer");
  EXPECT_EQ(last<acquire_ended>().call, two);
}

TEST_F(ClientsTurns, AnAnswerInTheSameMillisecondIsContactEnough) {
  (void)first_waits();
  server.what = fault::unreachable;
  const auto two = ask(plan());
  play("silence 10000 | happened -> nothing");
  EXPECT_TRUE(me.waits_locally(two));
}

TEST_F(ClientsTurns, WhoHeardSomethingWhileItWaitedHasNoLimitLater) {
  for (const ms time : {0, 3000}) {
    driven d;
    const auto h = d.hold();
    const auto two = d.acquire();
    (void)d.pass(time);
    (void)d.release(h);
    EXPECT_EQ(d.sent().find("release id-1 + enqueue id-2"), 0U);
    EXPECT_EQ(d.me.ends_by(two), never);
    d.end();
  }
}

TEST_F(ClientsTurns, ATryDoesNotPassThem) {
  play("hold | acquire | acquire try | serve -> nothing | happened -> busy");
  EXPECT_TRUE(last<acquire_ended>().last.found);
  EXPECT_EQ(last<acquire_ended>().last.first->who, "somebody");
}

TEST_F(ClientsTurns, NobodyWaitsForATry) {
  const auto c = ask(plan("lock", false));
  EXPECT_TRUE(me.is_served(c, now)) << "it asks for itself";
  play("acquire | serve -> try id-1, enqueue id-2");
}

TEST_F(ClientsTurns, ATryAsksTheServerIfNobodyWaits) {
  play("hold | acquire try | serve -> try id-2 | happened -> busy");
}

}  // namespace
}  // namespace dlock::engine
