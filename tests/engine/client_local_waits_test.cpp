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

TEST_F(ClientsTurns, AlsoWhenItEnds) {
  (void)hold();
  (void)acquire();
  EXPECT_EQ(pass_in_silence(4500), "renew id-1, enqueue id-2");
  EXPECT_EQ(happened(), "lost: not renewed");
}

TEST_F(ClientsTurns, AlsoWhenItIsDropped) {
  const auto h = hold();
  (void)acquire();
  me.drop(h, now);
  EXPECT_EQ(serve(), "release id-1, enqueue id-2");
  EXPECT_EQ(happened(), "acquired");
}

TEST_F(ClientsTurns, AWriterThatBecomesAReaderLetsOthersAsk) {
  const auto h = hold();
  (void)acquire();
  (void)acquire_shared();
  (void)me.amend(h, {.exclusive = false, .weight = 1}, "", now);
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

// --- the place in the queue is inherited ----------------------------------------------------------------------------

TEST_F(ClientsTurns, WhoGivesUpInTimeLeavesItsPlaceToTheNext) {
  const auto one = first_waits(within(500));
  const auto two = acquire();
  (void)pass(600);
  EXPECT_EQ(happened(), "timed out");
  EXPECT_EQ(last<acquire_ended>().call, one);
  EXPECT_FALSE(last<acquire_ended>().in_doubt);
  EXPECT_EQ(me.expects("id-1"), two);
  EXPECT_EQ(waiters(), 1U);
  (void)other(op::release);
  (void)pass(1000);
  EXPECT_EQ(happened(), "acquired");
  EXPECT_EQ(holder(), "id-1");
}

TEST_F(ClientsTurns, WhoIsCancelledToo) {
  const auto one = first_waits();
  const auto two = acquire();
  me.cancel(one, now);
  EXPECT_EQ(happened(), "cancelled");
  EXPECT_EQ(sent(), "");
  EXPECT_EQ(pass(50), "heartbeat id-1") << "as if nothing had happened";
  const auto heir = other(op::release).heirs.at(0);
  me.heard(protocol::grant{"lock", heir.id, heir.fence, heir.since}, now);
  EXPECT_EQ(happened(), "acquired");
  EXPECT_EQ(last<acquire_ended>().call, two);
}

TEST_F(ClientsTurns, TheAnswerThatIsOnItsWayIsForTheNext) {
  const auto one = acquire();
  const auto two = acquire();
  EXPECT_EQ(sent(), "enqueue id-1");
  me.cancel(one, now);
  answer_all();
  EXPECT_EQ(happened(), "cancelled; acquired");
  EXPECT_EQ(last<acquire_ended>().call, two);
  EXPECT_EQ(serve(), "") << "nothing has to be undone";
}

TEST_F(ClientsTurns, ANoticeThatMayHaveBeenMissedIsForTheNextToo) {
  (void)other(op::try_);
  const auto one = acquire();
  (void)acquire();
  EXPECT_EQ(sent(), "enqueue id-1");
  me.opened(part::inbox, now);
  me.cancel(one, now);
  answer_all();
  EXPECT_EQ(sent(), "heartbeat id-1");
}

TEST_F(ClientsTurns, WhoWantsSomethingElseAsksForItself) {
  const auto one = first_waits();
  auto longer = plan();
  longer.ask.delta = 7000;
  (void)ask(longer);
  me.cancel(one, now);
  EXPECT_EQ(serve(), "cancel id-1, enqueue id-2");
  EXPECT_EQ(happened(), "cancelled");
  EXPECT_EQ(waiters(), 1U);
}

TEST_F(ClientsTurns, WithoutAnAnswerItGoesOnToo) {
  (void)ask(within(500));
  const auto two = acquire();
  server.what = fault::lost_answer;
  while (now < 1700) (void)pass(50);
  EXPECT_EQ(happened(), "no answer yet; no answer; no answer yet");
  EXPECT_FALSE(last<acquire_ended>().in_doubt) << "what it has asked for is for the next one";
  server.what = fault::none;
  (void)pass(1000);
  EXPECT_EQ(happened(), "acquired");
  EXPECT_EQ(last<acquire_ended>().call, two);
  EXPECT_EQ(holder(), "id-1");
}

TEST_F(ClientsTurns, EachHasItsOwnLimitForTheFirstContact) {
  (void)acquire();
  now += 100;
  const auto two = acquire();
  EXPECT_EQ(me.ends_by(two), now + 10'000);
  server.what = fault::unreachable;
  (void)pass(9910);
  EXPECT_EQ(happened(), "no answer yet; no answer; no answer yet") << "the first one, after 10 s";
  (void)pass(100);
  EXPECT_EQ(happened(), "no answer");
  EXPECT_EQ(last<acquire_ended>().call, two);
}

// --- who waits locally ends without a command -----------------------------------------------------------------------

TEST_F(ClientsTurns, WhoWaitsForItsTurnIsCancelledAtOnce) {
  (void)hold();
  const auto two = acquire();
  me.cancel(two, now);
  EXPECT_EQ(happened(), "cancelled");
  EXPECT_EQ(serve(), "");
}

TEST_F(ClientsTurns, ItTimesOutWhileALeaseOfItsClientIsHeld) {
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
  EXPECT_EQ(end.first->until - end.now, 4000);
}

TEST_F(ClientsTurns, OrByTheLastAnswerOfTheOneAhead) {
  (void)first_waits();
  (void)ask(within(500));
  (void)pass(500);
  EXPECT_EQ(happened(), "timed out");
  EXPECT_EQ(last<acquire_ended>().last.first->who, "another");
}

TEST_F(ClientsTurns, OrIfItsClientHeldTheLockAMomentAgo) {
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

TEST_F(ClientsTurns, ItFailsIfTheServerIsSilent) {
  (void)acquire();
  (void)ask(within(500));
  EXPECT_EQ(pass_in_silence(579), "enqueue id-1");
  EXPECT_EQ(happened(), "");
  (void)pass_in_silence(1);
  EXPECT_EQ(happened(), "no answer");
  EXPECT_EQ(last<acquire_ended>().missing, "the call ahead of it waits for an answer");
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

TEST_F(ClientsTurns, SoIsAPlaceOfTheOneAhead) {
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

TEST_F(ClientsTurns, WhoHeardSomethingWhileItWaitedHasNoLimitLater) {
  const auto h = hold();
  const auto two = acquire();
  (void)pass(3000);
  (void)release(h);
  EXPECT_EQ(sent().find("release id-1 + enqueue id-2"), 0U);
  EXPECT_EQ(me.ends_by(two), never);
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

TEST_F(ClientsTurns, ATryAsksTheServerIfNobodyWaits) {
  (void)hold();
  (void)ask(plan("lock", false));
  EXPECT_EQ(serve(), "try id-2");
  EXPECT_EQ(happened(), "busy");
}

}  // namespace
}  // namespace dlock::engine
