// Acquisitions of a client, from their first request to their end; and the end of the client.
#include "engine/client.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "engine/driven_client.hpp"

namespace dlock::engine {
namespace {

struct Client : driven_test {
  /// Stands in the queue behind another client.
  call_id wait_behind_another() {
    (void)other(op::try_);
    const auto c = acquire();
    EXPECT_EQ(serve(), "enqueue id-1");
    EXPECT_EQ(happened(), "");
    EXPECT_EQ(waiters(), 1U);
    return c;
  }
};

// --- acquired -------------------------------------------------------------------------------------------------------

TEST_F(Client, AnAcquisitionIsOverWithAHold) {
  const auto c = acquire();
  EXPECT_EQ(me.ready(), 1U);
  EXPECT_EQ(me.expects("id-1"), c) << "its grant may come before the answer";
  EXPECT_EQ(me.asks(c), op::enqueue);
  EXPECT_EQ(sent(), "enqueue id-1");
  EXPECT_EQ(last_request().client, "me");
  answer_all();
  EXPECT_EQ(happened(), "acquired");
  const auto& end = last<acquire_ended>();
  EXPECT_EQ(end.call, c);
  const auto* l = me.find(end.got);
  ASSERT_NE(l, nullptr);
  EXPECT_TRUE(l->held(now));
  EXPECT_EQ(l->ask.id, "id-1");
  EXPECT_EQ(l->token, server.documents["lock"]->fence);
  EXPECT_EQ(l->machine.valid_until(), now + 4500);
  EXPECT_FALSE(me.expects("id-1"));
  EXPECT_FALSE(me.asks(c));
  EXPECT_EQ(announced(), "locked lock, ");
}

TEST_F(Client, ATryIsOneRequest) {
  (void)other(op::try_);
  (void)me.acquire(plan("lock", false), true, now);
  EXPECT_EQ(pass(10'000), "try id-1");
  EXPECT_EQ(happened(), "busy");
  EXPECT_EQ(last<acquire_ended>().last.holders, 1);
  EXPECT_TRUE(me.is_idle());
}

TEST_F(Client, WhoWaitsIsAcquiredLater) {
  (void)wait_behind_another();
  EXPECT_TRUE(me.wants_inbox());
  (void)pass(1000);
  EXPECT_EQ(happened(), "");
  (void)other(op::release);
  EXPECT_NE(pass(1000), "");
  EXPECT_EQ(happened(), "acquired");
}

TEST_F(Client, WhoIsToSayItsPlaceSaysIt) {
  (void)other(op::try_);
  const auto c = me.acquire(plan(), true, now);
  EXPECT_FALSE(me.wants_inbox());
  EXPECT_EQ(serve(), "enqueue id-1");
  EXPECT_EQ(happened(), "waits at 0");
  EXPECT_EQ(last<waiting>().call, c);
  EXPECT_EQ(pass(50), "heartbeat id-1");
  EXPECT_EQ(happened(), "waits at 0") << "each time";
  (void)other(op::release);
  (void)pass(100);
  EXPECT_EQ(happened(), "acquired");
}

TEST_F(Client, SeveralGoInOneCommandAndGetTheirOwnAnswers) {
  const auto one = acquire(), two = acquire();
  EXPECT_EQ(serve(), "enqueue id-1 + enqueue id-2");
  EXPECT_EQ(happened(), "acquired");
  EXPECT_EQ(last<acquire_ended>().call, one);
  EXPECT_EQ(me.expects("id-2"), two);
}

TEST_F(Client, AFailureIsEverybodys) {
  (void)acquire();
  (void)acquire();
  server.what = fault::lost_request;
  EXPECT_EQ(sent(), "enqueue id-1 + enqueue id-2");
  answer_all();
  EXPECT_EQ(happened(), "no answer yet; no answer yet");
}

TEST_F(Client, ARequestCarriesTheHighestTokenOfItsLock) {
  const auto fence = other(op::try_).fence;
  (void)me.acquire(plan("lock", false), false, now);
  (void)serve();
  server.documents["lock"] = std::nullopt;
  (void)acquire();
  ASSERT_EQ(sent(), "enqueue id-2");
  EXPECT_EQ(last_request().floor, fence);
}

TEST_F(Client, WithObservedExpiryOneTryContinuesTheWatchOfTheOneBefore) {
  auto r = others(op::try_);
  r.observed = true;
  (void)server.carry_out(r, now);
  auto observed = plan("lock", false);
  observed.ask.observed = true;
  for (const auto* what : {"busy", "busy", "acquired"}) {  // a lease of 60 s is over after a fiftieth more
    (void)me.acquire(observed, false, now);
    (void)serve();
    EXPECT_EQ(happened(), what);
    now += 30'601;
  }
}

// --- cancelled ------------------------------------------------------------------------------------------------------

TEST_F(Client, WhoIsCancelledGivesUpItsPlaceInTheQueue) {
  const auto c = wait_behind_another();
  me.cancel(c, now);
  me.cancel(c, now);
  EXPECT_EQ(sent(), "cancel id-1");
  EXPECT_EQ(happened(), "") << "it leaves";
  answer_all();
  EXPECT_EQ(happened(), "cancelled");
  EXPECT_EQ(last<acquire_ended>().call, c);
  EXPECT_EQ(waiters(), 0U);
  EXPECT_TRUE(me.is_idle());
}

TEST_F(Client, WhatWasNeverSentEndsAtOnce) {
  me.cancel(acquire(), now);
  EXPECT_EQ(happened(), "cancelled");
  EXPECT_EQ(serve(), "") << "there is nothing to undo";
}

TEST_F(Client, NorDoesWhatWaitedForItsTurn) {
  for (const auto* id : {"id-1", "id-2"}) {
    (void)acquire();
    ASSERT_EQ(sent(), std::string("enqueue ") + id);
  }
  const auto c = acquire();
  EXPECT_EQ(sent(), "") << "two are on their way";
  me.cancel(c, now);
  EXPECT_EQ(sent(), "");
  EXPECT_EQ(happened(), "cancelled");
}

TEST_F(Client, WhatIsOnItsWayIsInDoubtAndLeavesATombstone) {
  const auto c = acquire();
  ASSERT_EQ(sent(), "enqueue id-1");
  auto late = std::exchange(on_their_way, {});
  me.cancel(c, now);
  EXPECT_EQ(serve(), "cancel id-1 for good");
  EXPECT_EQ(happened(), "cancelled, in doubt");
  on_their_way.swap(late);
  answer_all();
  EXPECT_EQ(happened(), "");
  EXPECT_EQ(holders(), 0U) << "it found no way in";
}

TEST_F(Client, ACancelEndsAfter400MsAtTheLatest) {
  const auto c = wait_behind_another();
  me.cancel(c, now);
  EXPECT_EQ(pass_in_silence(399), "cancel id-1");
  EXPECT_EQ(happened(), "");
  EXPECT_EQ(pass_in_silence(1), "");
  EXPECT_EQ(happened(), "cancelled");
  EXPECT_EQ(me.in_the_background(), 1U);
}

TEST_F(Client, AndAt80MsAfterItsDeadline) {
  (void)other(op::try_);
  auto p = plan();
  p.deadline = now + 100;
  const auto c = me.acquire(p, false, now);
  (void)serve();
  me.cancel(c, now);
  (void)pass_in_silence(179);
  EXPECT_EQ(happened(), "");
  (void)pass_in_silence(1);
  EXPECT_EQ(happened(), "cancelled");
}

TEST_F(Client, WhoIsAcquiredOrUnknownCannotBeCancelled) {
  const auto c = acquire();
  (void)serve();
  EXPECT_EQ(happened(), "acquired");
  me.cancel(c, now);
  me.cancel(12345, now);
  EXPECT_EQ(sent(), "");
  EXPECT_EQ(happened(), "");
}

// --- over in another way --------------------------------------------------------------------------------------------

TEST_F(Client, WhatTimedOutIsUndoneInTheBackground) {
  (void)other(op::try_);
  auto p = plan();
  p.deadline = now + 20;
  (void)me.acquire(p, false, now);
  (void)serve();
  EXPECT_EQ(pass(20), "heartbeat id-1, cancel id-1");
  EXPECT_EQ(happened(), "timed out");
  EXPECT_EQ(waiters(), 0U);
}

TEST_F(Client, WhoseLastRequestHangsEndsOnTime) {
  (void)other(op::try_);
  auto p = plan();
  p.deadline = now + 20;
  (void)me.acquire(p, false, now);
  (void)serve();
  EXPECT_EQ(pass_in_silence(99), "heartbeat id-1");
  EXPECT_EQ(happened(), "");
  EXPECT_EQ(pass_in_silence(1), "cancel id-1 for good");
  EXPECT_EQ(happened(), "timed out, in doubt");
}

TEST_F(Client, WithoutAnAnswerTheSameIsAskedAgainAndToldOnce) {
  auto p = plan();
  p.patience = 1000;
  (void)me.acquire(p, false, now);
  server.what = fault::unreachable;
  EXPECT_EQ(pass(300), "enqueue id-1, enqueue id-1, enqueue id-1");
  EXPECT_EQ(happened(), "no answer yet");
  (void)pass(700);
  EXPECT_EQ(happened(), "no answer");
  EXPECT_EQ(last<acquire_ended>().failure.why, "a fault");
}

TEST_F(Client, WhatGotNoAnswerAndMayHaveBeenDoneIsUndone) {
  auto p = plan();
  p.patience = 100;
  (void)me.acquire(p, false, now);
  server.what = fault::lost_answer;
  (void)pass(100);
  EXPECT_EQ(happened(), "no answer yet; no answer, in doubt");
  EXPECT_EQ(holders(), 0U) << "and the tombstone got there, though that was not answered";
  server.what = fault::none;
  EXPECT_EQ(pass(1000), "cancel id-1 for good");
  EXPECT_TRUE(me.is_idle());
}

TEST_F(Client, WhatIsNoLockIsSaidToBeNone) {
  server.documents["lock"] = protocol::document{.fence = -1};
  (void)acquire();
  EXPECT_EQ(serve(), "enqueue id-1");
  EXPECT_EQ(happened(), "not a lock");
  EXPECT_EQ(last<acquire_ended>().last.defect, "fence");
}

TEST_F(Client, WhatIsRefusedSaysSoAndIsUndone) {
  (void)wait_behind_another();
  server.what = fault::refused;
  now += 50;
  me.look(now);
  ASSERT_EQ(sent(), "heartbeat id-1");
  answer_all();
  EXPECT_EQ(happened(), "refused");
  EXPECT_EQ(last<acquire_ended>().failure.why, "a fault");
  EXPECT_FALSE(me.expects("id-1"));
  server.what = fault::none;
  EXPECT_EQ(serve().substr(0, 11), "cancel id-1");
  EXPECT_EQ(waiters(), 0U);
  EXPECT_EQ(me.size(), 0U);
}

TEST_F(Client, WhatIsRefusedAfterADoubtIsInDoubt) {
  (void)acquire();
  server.what = fault::lost_request;
  (void)serve();
  server.what = fault::refused;
  EXPECT_EQ(pass(100), "enqueue id-1, cancel id-1 for good");
  EXPECT_EQ(happened(), "no answer yet; refused, in doubt");
}

// --- notices --------------------------------------------------------------------------------------------------------

TEST_F(Client, AGrantThatIsHeardOfIsAcquired) {
  (void)wait_behind_another();
  const auto heir = other(op::release).heirs.at(0);
  me.heard(protocol::grant{"another", heir.id, heir.fence, heir.since}, now);
  me.heard(protocol::grant{"lock", "nobody", heir.fence, heir.since}, now);
  EXPECT_EQ(happened(), "");
  me.heard(protocol::grant{"lock", heir.id, heir.fence, heir.since}, now);
  EXPECT_EQ(happened(), "acquired");
  EXPECT_EQ(sent(), "");
}

TEST_F(Client, WhoWaitsLooksAtOnceWhenItMayHaveMissedSomething) {
  (void)wait_behind_another();
  me.heard(protocol::revocation{"another", "id-1", "x"}, now);
  me.inbox_opened(false, now);
  EXPECT_EQ(sent(), "");
  me.heard(protocol::revocation{"lock", "id-1", "x"}, now);
  EXPECT_EQ(serve(), "heartbeat id-1");
  me.inbox_opened(true, now);
  EXPECT_EQ(sent(), "heartbeat id-1");
  me.inbox_opened(true, now);
  EXPECT_EQ(sent(), "") << "one is on its way";
  answer_all();
  EXPECT_EQ(serve(), "heartbeat id-1") << "but it may be older";
}

TEST_F(Client, WhoWaitsForMongoDlockLooksWhenThatReleases) {
  foreign_holds();
  EXPECT_FALSE(me.wants_events());
  const auto c = acquire();
  EXPECT_EQ(serve(), "enqueue id-1");
  EXPECT_TRUE(me.wants_events());
  me.heard_release("another", now);
  EXPECT_EQ(sent(), "");
  me.heard_release("lock", now);
  EXPECT_EQ(serve(), "heartbeat id-1");
  me.events_opened(true, now);
  EXPECT_EQ(serve(), "heartbeat id-1");
  me.cancel(c, now);
  EXPECT_FALSE(me.wants_events());
}

TEST_F(Client, WhoWaitsForNobodyElsesReleaseDoesNotLook) {
  (void)wait_behind_another();
  me.heard_release("lock", now);
  EXPECT_EQ(sent(), "");
}

TEST_F(Client, WhenItListensNoMoreNothingIsBelieved) {
  foreign_holds();
  (void)acquire();
  (void)serve();
  me.stop_listening();
  EXPECT_FALSE(me.wants_inbox());
  EXPECT_FALSE(me.wants_events());
  EXPECT_FALSE(me.expects("id-1"));
  me.heard(protocol::grant{"lock", "id-1", tiny_server::epoch * 2000, tiny_server::epoch}, now);
  me.heard_release("lock", now);
  EXPECT_EQ(sent(), "");
  EXPECT_EQ(happened(), "");
}

// --- the end --------------------------------------------------------------------------------------------------------

TEST_F(Client, CloseCancelsAcquisitions) {
  (void)wait_behind_another();
  (void)acquire();
  ASSERT_EQ(sent(), "enqueue id-2");
  me.close(now);
  EXPECT_FALSE(me.is_idle());
  EXPECT_EQ(sent(), "cancel id-1, cancel id-2 for good");
  EXPECT_EQ(happened(), "");
  answer_all();
  EXPECT_EQ(happened(), "cancelled; cancelled, in doubt");
  EXPECT_TRUE(me.is_idle());
}

TEST_F(Client, AfterCloseAnAcquisitionIsCancelled) {
  me.close(now);
  const auto c = acquire();
  EXPECT_EQ(happened(), "cancelled");
  EXPECT_EQ(last<acquire_ended>().call, c);
  EXPECT_EQ(serve(), "");
}

TEST_F(Client, CloseDoesNotWaitForASilentServer) {
  (void)wait_behind_another();
  me.close(now);
  server.what = fault::lost_request;
  EXPECT_EQ(serve(), "cancel id-1") << "once";
  EXPECT_EQ(happened(), "cancelled");
  EXPECT_TRUE(me.is_idle());
}

}  // namespace
}  // namespace dlock::engine
