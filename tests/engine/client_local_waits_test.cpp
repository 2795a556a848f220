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
  (void)acquire();
  server.documents["lock"] = std::nullopt;
  me.clock_was_set(now);
  EXPECT_EQ(serve(), "renew id-1, enqueue id-2");
  EXPECT_EQ(happened(), "lost: gone; acquired");
  EXPECT_EQ(phase(h), hold_phase::lost);
}

TEST_F(ClientsTurns, WhenALeaseEndsTheNextIsAskedForAtOnce) {
  (void)hold();
  (void)acquire();
  EXPECT_EQ(pass_in_silence(4500), "renew id-1, enqueue id-2");
  EXPECT_EQ(happened(), "lost: not renewed");
}

TEST_F(ClientsTurns, WhenALeaseIsDroppedTheNextIsAskedForAtOnce) {
  const auto h = hold();
  (void)acquire();
  me.drop(h, now);
  EXPECT_EQ(serve(), "release id-1, enqueue id-2");
  EXPECT_EQ(happened(), "releasing; acquired");
}

TEST_F(ClientsTurns, AWriterThatBecomesAReaderLetsOthersAsk) {
  const auto h = hold();
  (void)acquire();
  (void)acquire_shared();
  (void)me.amend(h, protocol::claim{.exclusive = false, .weight = 1}, "", now);
  EXPECT_EQ(sent(), "enqueue id-2, amend id-1");
}

TEST_F(ClientsTurns, WhenTheOneAheadIsRefusedTheNextIsAskedFor) {
  (void)acquire();
  (void)acquire();
  server.what = fault::refused;
  EXPECT_EQ(sent(), "enqueue id-1");
  answer_all();
  EXPECT_EQ(happened(), "refused");
  server.what = fault::none;
  EXPECT_EQ(serve(), "cancel id-1 for good, enqueue id-2");
  EXPECT_EQ(happened(), "acquired");
}

// --- who waits locally ends without a command -----------------------------------------------------------------------

TEST_F(ClientsTurns, WhoWaitsForItsTurnIsCancelledAtOnce) {
  (void)hold();
  const auto two = acquire();
  me.cancel(two, now);
  EXPECT_EQ(happened(), "cancelled");
  EXPECT_EQ(serve(), "");
}

TEST_F(ClientsTurns, ALocalWaitTimesOutWhileItsClientHoldsTheLock) {
  (void)hold();
  const auto two = ask(within(500));
  EXPECT_EQ(me.ends_by(two), now + 580);
  EXPECT_EQ(pass(499), "");
  EXPECT_EQ(happened(), "");
  EXPECT_EQ(pass(1), "");
  EXPECT_EQ(happened(), "timed out");
  const auto& end = last<acquire_ended>().last;
  ASSERT_TRUE(end.first);
  EXPECT_EQ(end.first->who, "somebody");
  EXPECT_EQ(end.now, tiny_server::epoch + now);
  EXPECT_EQ(end.first->until - end.now, 4000);
  EXPECT_EQ(end.holders, 1);
  EXPECT_EQ(last<acquire_ended>().missing, "");
}

TEST_F(ClientsTurns, AWaitThatEndsTooLateSaysThatTheLeaseHasEnded) {
  (void)hold();
  (void)pass(300);
  (void)ask(within(500));
  now += 20'000;  // the process was frozen
  me.look(now);
  EXPECT_EQ(happened(), "no answer; lost: not renewed");
  EXPECT_EQ(last<acquire_ended>().missing, "the lease ahead of it has ended");
}

TEST_F(ClientsTurns, AtTheEndOfTheLeaseAheadItAsksTheServer) {
  auto p = plan();
  p.renews = false;
  (void)hold(p);
  (void)ask(within(4500));
  EXPECT_EQ(pass(4500), "enqueue id-2, cancel id-2") << "on the server, it is held for a moment still";
  EXPECT_EQ(happened(), "lost: ended; timed out");
}

TEST_F(ClientsTurns, ALocalWaitTimesOutIfTheOneAheadIsInTheQueue) {
  (void)first_waits();
  (void)ask(within(500));
  (void)pass(500);
  EXPECT_EQ(happened(), "timed out");
  EXPECT_EQ(last<acquire_ended>().last.first->who, "another");
}

TEST_F(ClientsTurns, ALocalWaitTimesOutIfItsClientHasJustReleased) {
  const auto h = hold();
  (void)acquire();
  (void)ask(within(500));
  (void)pass(400);
  (void)release(h);
  (void)ask(plan("lock", false));
  EXPECT_EQ(happened(), "releasing; busy");
  EXPECT_EQ(pass_in_silence(100), "release id-1 + enqueue id-2");
  EXPECT_EQ(happened(), "timed out") << "the answer to a pass may be late";
}

TEST_F(ClientsTurns, ALocalWaitTimesOutIfItsClientHasJustDroppedTheLock) {
  const auto h = hold();
  (void)acquire();
  (void)ask(within(500));
  (void)pass(400);
  me.drop(h, now);
  EXPECT_EQ(pass_in_silence(100), "release id-1, enqueue id-2");
  EXPECT_EQ(happened(), "releasing; timed out");
}

TEST_F(ClientsTurns, ALocalWaitFailsIfTheFirstReleaseWasLongAgo) {
  const auto h = hold();
  (void)acquire();
  (void)ask(within(1500));
  (void)release(h, 0, 10);
  (void)pass_in_silence(1400);
  (void)release(h);
  (void)pass_in_silence(179);
  EXPECT_EQ(happened(), "releasing; in doubt; release: unknown; releasing");
  (void)pass_in_silence(1);
  EXPECT_EQ(happened(), "no answer");
}

TEST_F(ClientsTurns, ALocalWaitFailsIfTheServerIsSilent) {
  (void)acquire();
  (void)ask(within(500));
  EXPECT_EQ(pass_in_silence(579), "enqueue id-1");
  EXPECT_EQ(happened(), "");
  (void)pass_in_silence(1);
  EXPECT_EQ(happened(), "no answer");
  EXPECT_EQ(last<acquire_ended>().missing, "the call ahead of it waits for an answer");
}

TEST_F(ClientsTurns, ALocalWaitFailsForTheReasonOfTheOneAhead) {
  (void)first_waits();
  server.what = fault::unreachable;
  now += 1;
  const auto two = ask(within(20'000));
  (void)pass(20'080);
  EXPECT_EQ(happened(), "no answer yet; no answer");
  EXPECT_EQ(last<acquire_ended>().call, two);
  EXPECT_EQ(last<acquire_ended>().failure.why, "a fault");
}

TEST_F(ClientsTurns, WithoutADeadlineItWaitsAsLongAsItHasATurnAhead) {
  const auto h = hold();
  const auto two = acquire();
  EXPECT_EQ(me.ends_by(two), now + 10'000);
  (void)pass(20'000);
  EXPECT_EQ(happened().find("no answer"), std::string::npos);
  EXPECT_TRUE(me.waits_locally(two));
  EXPECT_EQ(me.ends_by(two), never);
  server.what = fault::unreachable;
  (void)release(h, 0, 30'000);
  (void)pass(20'000);
  EXPECT_EQ(happened(), "releasing; no answer yet") << "there was a contact";
  server.what = fault::none;
  (void)pass(2000);
  EXPECT_NE(happened().find("acquired"), std::string::npos);
}

TEST_F(ClientsTurns, ALeaseOfItsClientIsContactEnough) {
  auto p = plan();
  p.ask.delta = 60'000;  // no renewal comes in between
  (void)hold(p);
  now += 1;
  const auto two = ask(p);
  EXPECT_EQ(pass(10'000), "");
  EXPECT_EQ(happened(), "");
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
    me.look(now);
    ASSERT_EQ(sent(), "") << "without a poll in between";
  }
  now = late;
  me.look(now);
  EXPECT_EQ(happened(), "");
  EXPECT_TRUE(me.waits_locally(two));
}

TEST_F(ClientsTurns, WhoHeardNothingSinceItCameFails) {
  (void)first_waits();
  now += 1;
  server.what = fault::unreachable;
  const auto two = ask(plan());
  (void)pass_in_silence(9999);
  EXPECT_EQ(happened(), "");
  (void)pass_in_silence(1);
  EXPECT_EQ(happened(), "no answer");
  EXPECT_EQ(last<acquire_ended>().call, two);
}

TEST_F(ClientsTurns, AnAnswerInTheSameMillisecondIsContactEnough) {
  (void)first_waits();
  server.what = fault::unreachable;
  const auto two = ask(plan());
  (void)pass_in_silence(10'000);
  EXPECT_EQ(happened(), "");
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
  (void)hold();
  (void)acquire();
  (void)ask(plan("lock", false));
  EXPECT_EQ(serve(), "");
  EXPECT_EQ(happened(), "busy");
  EXPECT_TRUE(last<acquire_ended>().last.found);
  EXPECT_EQ(last<acquire_ended>().last.first->who, "somebody");
}

TEST_F(ClientsTurns, NobodyWaitsForATry) {
  const auto c = ask(plan("lock", false));
  EXPECT_TRUE(me.is_served(c, now)) << "it asks for itself";
  (void)acquire();
  EXPECT_EQ(serve(), "try id-1, enqueue id-2");
}

TEST_F(ClientsTurns, ATryAsksTheServerIfNobodyWaits) {
  (void)hold();
  (void)ask(plan("lock", false));
  EXPECT_EQ(serve(), "try id-2");
  EXPECT_EQ(happened(), "busy");
}

}  // namespace
}  // namespace dlock::engine
