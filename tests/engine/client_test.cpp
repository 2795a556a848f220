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

TEST_F(Client, AnAcquisitionEndsWithAHold) {
  play("acquire | ready -> 1");
  EXPECT_EQ(me.expects("id-1"), last_call) << "its grant may come before the answer";
  EXPECT_EQ(me.asks(last_call), op::enqueue);
  EXPECT_EQ(sent(), "enqueue id-1");
  EXPECT_EQ(last_request().client, "me");
  play("answer | happened -> acquired");
  const auto& end = last<acquire_ended>();
  EXPECT_EQ(end.call, last_call);
  const auto* l = me.find(end.got);
  ASSERT_NE(l, nullptr);
  EXPECT_TRUE(l->held(now));
  EXPECT_EQ(l->ask.id, "id-1");
  EXPECT_EQ(l->token, server.documents["lock"]->fence);
  EXPECT_EQ(l->machine.valid_until(), now + 4500);
  EXPECT_FALSE(me.expects("id-1"));
  EXPECT_FALSE(me.asks(last_call));
  EXPECT_EQ(announced(), "locked lock, ");
}

TEST_F(Client, ATryIsOneRequest) {
  (void)other(op::try_);
  (void)me.acquire(plan("lock", false), true, now);
  play("pass 10000 -> try id-1 | happened -> busy");
  EXPECT_EQ(last<acquire_ended>().last.holders, 1);
  EXPECT_TRUE(me.is_idle());
}

TEST_F(Client, AWaiterGetsTheLockAfterTheRelease) {
  play(
      "other try | acquire | serve -> enqueue id-1 | happened -> nothing | waiters -> 1 | wants inbox -> yes | "
      "pass 1000 | happened -> nothing | other release");
  EXPECT_NE(pass(1000), "");
  EXPECT_EQ(happened(), "acquired");
}

TEST_F(Client, AWaiterReportsItsPlaceAtEachAnswer) {
  (void)other(op::try_);
  const auto c = me.acquire(plan(), true, now);
  play("wants inbox -> no | serve -> enqueue id-1 | happened -> waits at 0");
  EXPECT_EQ(last<waiting>().call, c);
  play(
      "pass 50 -> heartbeat id-1 | happened -> waits at 0 (each time) | other release | pass 100 | "
      "happened -> acquired");
}

TEST_F(Client, RequestsOfOneCommandGetTheirOwnAnswers) {
  const auto one = acquire_shared(), two = acquire();
  play("serve -> enqueue id-1 + enqueue id-2 | happened -> acquired");
  EXPECT_EQ(last<acquire_ended>().call, one);
  EXPECT_EQ(me.expects("id-2"), two);
}

TEST_F(Client, AFailedCommandFailsAllItsRequests) {
  play(
      "share | share | fault lost request | sent -> enqueue id-1 + enqueue id-2 | answer | "
      "happened -> no answer yet; no answer yet");
}

TEST_F(Client, ARequestCarriesTheHighestTokenOfItsLock) {
  const auto fence = other(op::try_).fence;
  (void)me.acquire(plan("lock", false), false, now);
  play("serve | gone | acquire | sent -> enqueue id-2");
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

TEST_F(Client, ACancelledWaiterLeavesTheQueue) {
  play(
      "other try | acquire | serve -> enqueue id-1 | happened -> nothing | waiters -> 1 | cancel | cancel | "
      "sent -> cancel id-1 | happened -> nothing (it leaves) | answer | happened -> cancelled");
  EXPECT_EQ(last<acquire_ended>().call, last_call);
  play("waiters -> 0 | idle -> yes");
}

TEST_F(Client, ARequestThatWasNeverSentIsCancelledAtOnce) {
  me.cancel(acquire(), now);
  play("happened -> cancelled | serve -> nothing (there is nothing to undo)");
}

TEST_F(Client, ARequestThatStillQueuesIsCancelledAtOnce) {
  for (const auto* id : {"id-1", "id-2"}) {
    (void)acquire_shared();
    ASSERT_EQ(sent(), std::string("enqueue ") + id);
  }
  play("share | sent -> nothing (two are on their way) | cancel | sent -> nothing | happened -> cancelled");
}

TEST_F(Client, ACancelDuringARequestIsInDoubtAndLeavesATombstone) {
  play("acquire | sent -> enqueue id-1");
  auto late = std::exchange(on_their_way, {});
  play("cancel | serve -> cancel id-1 for good | happened -> cancelled, in doubt");
  on_their_way.swap(late);
  play("answer | happened -> nothing | holders -> 0 (it found no way in)");
}

TEST_F(Client, ACancelEndsAfter400MsAtTheLatest) {
  play(
      "other try | acquire | serve -> enqueue id-1 | happened -> nothing | waiters -> 1 | cancel | "
      "silence 399 -> cancel id-1 | happened -> nothing | silence 1 -> nothing | happened -> cancelled | "
      "background -> 1");
}

TEST_F(Client, ACancelEnds80MsAfterTheDeadlineAtTheLatest) {
  (void)other(op::try_);
  auto p = plan();
  p.deadline = now + 100;
  last_call = me.acquire(p, false, now);
  play("serve | cancel | silence 179 | happened -> nothing | silence 1 | happened -> cancelled");
}

TEST_F(Client, AnEndedOrUnknownCallCannotBeCancelled) {
  play("acquire | serve | happened -> acquired | cancel");
  me.cancel(12345, now);
  play("sent -> nothing | happened -> nothing");
}

// --- over in another way --------------------------------------------------------------------------------------------

TEST_F(Client, ATimedOutAcquisitionIsUndoneInTheBackground) {
  (void)other(op::try_);
  auto p = plan();
  p.deadline = now + 20;
  (void)me.acquire(p, false, now);
  play("serve | pass 20 -> heartbeat id-1, cancel id-1 | happened -> timed out | waiters -> 0");
}

TEST_F(Client, ADeadlineIsKeptWhileTheLastRequestHangs) {
  (void)other(op::try_);
  auto p = plan();
  p.deadline = now + 20;
  (void)me.acquire(p, false, now);
  play(
      "serve | silence 99 -> heartbeat id-1 | happened -> nothing | silence 1 -> cancel id-1 for good | "
      "happened -> timed out, in doubt");
}

TEST_F(Client, AnUnansweredRequestIsRepeatedAndReportedOnce) {
  auto p = plan();
  p.patience = 1000;
  (void)me.acquire(p, false, now);
  play(
      "fault unreachable | pass 300 -> enqueue id-1, enqueue id-1, enqueue id-1 | happened -> no answer yet | "
      "pass 700 | happened -> no answer");
  EXPECT_EQ(last<acquire_ended>().failure.why, "a fault");
}

TEST_F(Client, AnUnansweredAcquisitionIsUndone) {
  auto p = plan();
  p.patience = 100;
  (void)me.acquire(p, false, now);
  play(
      "fault lost answer | pass 100 | happened -> no answer yet; no answer, in doubt | "
      "holders -> 0 (and the tombstone got there, though that was not answered) | fault none | "
      "pass 1000 -> cancel id-1 for good | idle -> yes");
}

TEST_F(Client, ADocumentThatIsNoLockIsReported) {
  server.documents["lock"] = protocol::document{.fence = -1};
  play("acquire | serve -> enqueue id-1 | happened -> not a lock");
  EXPECT_EQ(last<acquire_ended>().last.defect, "fence");
}

TEST_F(Client, ARefusedAcquisitionFailsAndIsUndone) {
  play(
      "other try | acquire | serve -> enqueue id-1 | happened -> nothing | waiters -> 1 | fault refused | "
      "look 50 | sent -> heartbeat id-1 | answer | happened -> refused");
  EXPECT_EQ(last<acquire_ended>().failure.why, "a fault");
  play("expects id-1 -> no | fault none");
  EXPECT_EQ(serve().substr(0, 11), "cancel id-1");
  play("waiters -> 0 | size -> 0");
}

TEST_F(Client, ARefusalAfterAnUnansweredRequestIsInDoubt) {
  play(
      "acquire | fault lost request | serve | fault refused | pass 100 -> enqueue id-1, cancel id-1 for good | "
      "happened -> no answer yet; refused, in doubt");
}

// --- notices --------------------------------------------------------------------------------------------------------

TEST_F(Client, AGrantNoticeEndsTheWait) {
  (void)wait_behind_another();
  const auto heir = other(op::release).heirs.at(0);
  me.heard(protocol::grant{"another", heir.id, heir.fence, heir.since}, now);
  me.heard(protocol::grant{"lock", "nobody", heir.fence, heir.since}, now);
  EXPECT_EQ(happened(), "");
  me.heard(protocol::grant{"lock", heir.id, heir.fence, heir.since}, now);
  play("happened -> acquired | sent -> nothing");
}

TEST_F(Client, AWaiterPollsAtOnceWhenItMayHaveMissedANotice) {
  (void)wait_behind_another();
  me.heard(protocol::revocation{"another", "id-1", "x"}, now);
  play("inbox closed | sent -> nothing");
  me.heard(protocol::revocation{"lock", "id-1", "x"}, now);
  play(
      "serve -> heartbeat id-1 | inbox opened | sent -> heartbeat id-1 | inbox opened | "
      "sent -> nothing (one is on its way) | answer | serve -> heartbeat id-1 (but it may be older)");
}

TEST_F(Client, AWaiterPollsWhenMongoDlockReleases) {
  play(
      "mongo-dlock holds | wants events -> no | acquire | serve -> enqueue id-1 | wants events -> yes | "
      "mongo-dlock releases another | sent -> nothing | mongo-dlock releases lock | serve -> heartbeat id-1 | "
      "events opened | serve -> heartbeat id-1 | cancel | wants events -> no");
}

TEST_F(Client, OtherWaitersDoNotPollWhenMongoDlockReleases) {
  play(
      "other try | acquire | serve -> enqueue id-1 | happened -> nothing | waiters -> 1 | "
      "mongo-dlock releases lock | sent -> nothing");
}

TEST_F(Client, NoNoticeIsBelievedAfterListeningHasStopped) {
  play("mongo-dlock holds | acquire | serve");
  me.stop_listening();
  play("wants inbox -> no | wants events -> no | expects id-1 -> no");
  me.heard(protocol::grant{"lock", "id-1", tiny_server::epoch * 2000, tiny_server::epoch}, now);
  play("mongo-dlock releases lock | sent -> nothing | happened -> nothing");
}

// --- the end --------------------------------------------------------------------------------------------------------

TEST_F(Client, CloseCancelsAcquisitions) {
  play(
      "other try | acquire | serve -> enqueue id-1 | happened -> nothing | waiters -> 1 | share | "
      "sent -> enqueue id-2 | close");
  EXPECT_FALSE(me.is_idle());
  play(
      "sent -> cancel id-1, cancel id-2 for good | happened -> nothing | answer | "
      "happened -> cancelled; cancelled, in doubt | idle -> yes");
}

TEST_F(Client, AfterCloseAnAcquisitionIsCancelled) {
  play("close | acquire | happened -> cancelled");
  EXPECT_EQ(last<acquire_ended>().call, last_call);
  EXPECT_EQ(serve(), "");
}

TEST_F(Client, CloseDoesNotWaitForASilentServer) {
  play(
      "other try | acquire | serve -> enqueue id-1 | happened -> nothing | waiters -> 1 | close | "
      "fault lost request | serve -> cancel id-1 (once) | happened -> cancelled | idle -> yes");
}

}  // namespace
}  // namespace dlock::engine
