// Calls of one client for one lock take turns: one of them asks the server, the others wait locally.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/client.hpp"
#include "engine/driven_client.hpp"

namespace dlock::engine {
namespace {

struct ClientsTurns : driven_test {
  call_id ask(protocol::acquire_plan p, bool tells_place = false) { return me.acquire(std::move(p), tells_place, now); }
  protocol::acquire_plan within(ms time) const {
    auto p = plan();
    p.deadline = now + time;
    return p;
  }
  /// Another client has the lock, and one of this client waits for it on the server.
  call_id first_waits(protocol::acquire_plan p = plan()) {
    (void)other(op::try_);
    const auto c = ask(std::move(p));
    EXPECT_EQ(serve(), "enqueue id-1");
    EXPECT_EQ(happened(), "");
    return c;
  }
  hold_id got() const { return last<acquire_ended>().got; }
  [[nodiscard]] std::string holder() { return server.documents["lock"]->holders.at(0).id; }
};

// --- the lock passes on ---------------------------------------------------------------------------------------------

TEST_F(ClientsTurns, OneCommandReleasesAndAsksForTheNext) {
  const auto h = hold();
  const auto two = acquire(), three = acquire();
  EXPECT_EQ(pass(1000), "") << "who waits for its turn sends nothing";
  EXPECT_TRUE(me.waits_locally(two));
  EXPECT_TRUE(me.is_served(two, now));
  (void)release(h);
  EXPECT_EQ(sent(), "release id-1 + enqueue id-2");
  answer_all();
  EXPECT_EQ(happened(), "releasing; released; release: released; acquired");
  EXPECT_EQ(last<acquire_ended>().call, two);
  EXPECT_EQ(holder(), "id-2");
  EXPECT_TRUE(me.waits_locally(three));
  (void)release(got());
  EXPECT_EQ(serve(), "release id-2 + enqueue id-3");
  EXPECT_EQ(happened(), "releasing; released; release: released; acquired");
  EXPECT_EQ(last<acquire_ended>().call, three);
  EXPECT_EQ(announced(), "locked lock, unlocked lock, locked lock, unlocked lock, locked lock, ");
  (void)release(got());
  EXPECT_EQ(serve(), "release id-3");
}

TEST_F(ClientsTurns, OtherClientsHaveTheirTurnInBetween) {
  const auto h = hold();
  (void)acquire();
  (void)other(op::enqueue);
  (void)release(h);
  EXPECT_EQ(serve(), "release id-1 + enqueue id-2");
  EXPECT_EQ(happened(), "releasing; released; release: released");
  EXPECT_EQ(told(), "other client: other, ");
  EXPECT_EQ(holder(), "other");
  EXPECT_EQ(waiters(), 1U);
  (void)other(op::release);
  (void)pass(1000);
  EXPECT_EQ(happened(), "acquired");
}

TEST_F(ClientsTurns, ThePassDoesNotWaitForOtherCommands) {
  for (int i = 0; i < 2; ++i) (void)acquire_shared();
  (void)serve();
  (void)happened();
  const auto h = hold(plan("other"));
  (void)acquire("other");
  (void)release(h);
  EXPECT_EQ(sent(), "release id-3 + enqueue id-4");
}

TEST_F(ClientsTurns, WhatDoesNotGoTogetherGoesOneByOne) {
  auto longer = plan();
  longer.ask.delta = 7000;
  const auto h = hold();
  (void)ask(longer);
  (void)acquire();
  (void)release(h);
  EXPECT_EQ(serve(), "release id-1, enqueue id-2") << "another TTL";
  EXPECT_EQ(happened(), "releasing; released, free; release: released; acquired");
  (void)release(got(), 300);
  EXPECT_EQ(sent(), "release id-2, enqueue id-3") << "it is kept for a while";
  answer_all();
  (void)pass(1000);
  EXPECT_EQ(happened(), "releasing; released; release: released; acquired");
}

TEST_F(ClientsTurns, WithObservedExpiryTooTheyGoOneByOne) {
  auto p = plan();
  p.ask.observed = true;
  const auto h = hold(p);
  (void)ask(p);
  (void)release(h);
  EXPECT_EQ(sent(), "release id-1, enqueue id-2");
  answer_all();
  (void)happened();
  EXPECT_EQ(holder(), "id-2");
}

TEST_F(ClientsTurns, ItIsAskedForAlsoIfThereWasNothingToRelease) {
  const auto h = hold();
  (void)acquire();
  server.documents["lock"] = std::nullopt;
  (void)release(h);
  EXPECT_EQ(serve(), "release id-1 + enqueue id-2, cancel id-1");
  EXPECT_EQ(happened(), "releasing; lost: gone; release: lost; acquired");
}

// --- a pass without an answer ---------------------------------------------------------------------------------------

TEST_F(ClientsTurns, EachRepeatsItsOwnPartOfAPassWithoutAnAnswer) {
  for (const auto what : {fault::lost_request, fault::lost_answer, fault::unreachable}) {
    const auto h = hold();
    (void)acquire();
    server.what = what;
    (void)release(h);
    const auto pass_on = sent();
    EXPECT_NE(pass_on.find(" + enqueue"), std::string::npos) << pass_on;
    answer_all();
    server.what = fault::none;
    const auto again = pass(300);
    EXPECT_NE(again.find("release"), std::string::npos) << again;
    EXPECT_NE(again.find("enqueue"), std::string::npos) << again;
    EXPECT_NE(happened().find("acquired"), std::string::npos);
    EXPECT_EQ(last<release_ended>().what, release_ended::result::released);
    EXPECT_EQ(holders(), 1U);
    (void)release(got());
    (void)pass(1000);
    (void)happened();
    EXPECT_EQ(holders() + waiters(), 0U);
  }
}

TEST_F(ClientsTurns, ALateCopyOfAPassBringsNothingBack) {
  const auto h = hold();
  (void)acquire();
  server.what = fault::lost_answer;
  (void)release(h);
  (void)sent();
  const auto copy = on_their_way.back().all;
  answer_all();
  server.what = fault::none;
  (void)pass(300);
  (void)happened();
  EXPECT_EQ(holder(), "id-2");
  (void)server.carry_out(copy, now);
  EXPECT_EQ(holders(), 1U);
  EXPECT_EQ(waiters(), 0U);
  (void)release(got());
  (void)pass(300);
  (void)server.carry_out(copy, now);
  EXPECT_EQ(holders() + waiters(), 0U) << "it has a tombstone, because it was in doubt";
}

TEST_F(ClientsTurns, IfThePassIsRefusedItIsStillReleased) {
  const auto h = hold();
  (void)acquire();
  server.what = fault::refused;
  (void)release(h);
  EXPECT_EQ(serve(), "release id-1 + enqueue id-2, cancel id-2 for good");
  EXPECT_EQ(happened(), "releasing; refused");
  server.what = fault::none;
  (void)pass(100);
  EXPECT_EQ(happened(), "released, free; release: released");
}

TEST_F(ClientsTurns, WhoIsCancelledBeforeThePassIsSentLeavesItToTheNext) {
  const auto h = hold();
  const auto two = acquire();
  (void)acquire();
  (void)release(h);
  me.cancel(two, now);
  EXPECT_EQ(sent(), "release id-1 + enqueue id-2") << "the next one has taken it over";
  answer_all();
  EXPECT_EQ(happened(), "releasing; cancelled; released; release: released; acquired");
}

TEST_F(ClientsTurns, AReleaseWhoseTimeIsOverGoesWithoutTheOther) {
  const auto h = hold();
  (void)acquire();
  (void)release(h, 0, 10);
  now += 10;
  me.look(now);
  EXPECT_EQ(happened(), "releasing; in doubt; release: unknown");
  EXPECT_EQ(serve(), "enqueue id-2, release id-1");
  (void)pass(1000);
  EXPECT_EQ(happened(), "acquired");
}

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
  EXPECT_EQ(sent(), "enqueue id-2 + enqueue id-3, amend id-1");
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

TEST_F(ClientsTurns, ATryDoesNotPassThem) {
  (void)hold();
  (void)acquire();
  (void)ask(plan("lock", false));
  EXPECT_EQ(serve(), "");
  EXPECT_EQ(happened(), "busy");
  EXPECT_EQ(last<acquire_ended>().last.first->who, "somebody");
}

TEST_F(ClientsTurns, ATryAsksTheServerIfNobodyWaits) {
  (void)hold();
  (void)ask(plan("lock", false));
  EXPECT_EQ(serve(), "try id-2");
  EXPECT_EQ(happened(), "busy");
}

// --- order ----------------------------------------------------------------------------------------------------------

TEST_F(ClientsTurns, AReaderDoesNotPassAWriterOfItsClient) {
  const auto h = hold();
  (void)acquire();
  const auto reader = acquire_shared();
  EXPECT_EQ(serve(), "");
  EXPECT_TRUE(me.waits_locally(reader));
  (void)release(h);
  EXPECT_EQ(sent(), "release id-1 + enqueue id-2 + enqueue id-3");
  answer_all();
  EXPECT_EQ(happened(), "releasing; released; release: released; acquired");
  EXPECT_EQ(holder(), "id-2");
}

TEST_F(ClientsTurns, AReaderAsksTheServerIfNoWriterWaitsLocally) {
  (void)hold();
  (void)acquire_shared();
  EXPECT_EQ(serve(), "enqueue id-2");
  EXPECT_EQ(waiters(), 1U);
}

TEST_F(ClientsTurns, APassDoesNotOvertakeAnEarlierRequest) {
  const auto h = hold();
  for (int i = 0; i < 3; ++i) {
    (void)acquire_shared();
    if (i < 2) (void)sent();
  }
  (void)acquire();
  (void)release(h);
  EXPECT_EQ(sent(), "release id-1") << "a reader waits until one of two commands comes back";
  answer_all();
  EXPECT_EQ(serve(), "enqueue id-4 + enqueue id-5");
}

TEST_F(ClientsTurns, APlaceCountsThoseOnTheServerAndThoseHere) {
  (void)other(op::try_);
  (void)other(op::enqueue, "lock", "more");
  const auto one = ask(plan(), true);
  const auto two = ask(plan(), true);
  (void)acquire();
  EXPECT_EQ(serve(), "enqueue id-1");
  EXPECT_EQ(happened(), "waits at 1; waits at 2");
  EXPECT_EQ(last<waiting>().call, two);
  EXPECT_EQ(last<waiting>().last.queue, 4);
  me.cancel(one, now);
  (void)pass(50);
  EXPECT_EQ(happened(), "cancelled; waits at 1");
}

TEST_F(ClientsTurns, APlaceIsToldOnlyWhenTheOneAheadHasAnAnswer) {
  (void)acquire();
  (void)ask(plan(), true);
  EXPECT_EQ(happened(), "") << "a try that asks the server could still pass both";
  EXPECT_EQ(serve(), "enqueue id-1");
  EXPECT_EQ(happened(), "waits at 0; acquired");
}

TEST_F(ClientsTurns, WhoIsClosedIsOverAtOnce) {
  (void)hold();
  std::vector<call_id> all;
  for (int i = 0; i < 100; ++i) all.push_back(acquire());
  me.close(now);
  EXPECT_EQ(sent(), "");
  (void)happened();
  for (const auto c : all) EXPECT_FALSE(me.waits_locally(c));
  EXPECT_EQ(last<acquire_ended>().what, acquire_ended::result::cancelled);
}

}  // namespace
}  // namespace dlock::engine
