// The place of a call in the queue is inherited by the call of its client that waits behind it.
#include <gtest/gtest.h>

#include "engine/client_turns.hpp"

namespace dlock::engine {
namespace {

TEST_F(ClientsTurns, WhoGivesUpInTimeLeavesItsPlaceToTheNext) {
  const auto one = first_waits(within(500));
  const auto two = acquire();
  play("pass 600 | happened -> timed out");
  EXPECT_EQ(last<acquire_ended>().call, one);
  EXPECT_FALSE(last<acquire_ended>().in_doubt);
  EXPECT_EQ(me.expects("id-1"), two);
  play("waiters -> 1 | other release | pass 1000 | happened -> acquired");
  EXPECT_EQ(holder().id, "id-1");
}

TEST_F(ClientsTurns, ACancelledWaiterLeavesItsPlaceToTheNext) {
  const auto one = first_waits();
  const auto two = acquire();
  me.cancel(one, now);
  EXPECT_EQ(happened(), "cancelled");
  me.cancel(one, now);
  EXPECT_EQ(happened(), "") << "it is over";
  EXPECT_EQ(me.ends_by(two), never) << "the server has answered since it came";
  play("sent -> nothing | pass 50 -> heartbeat id-1 (as if nothing had happened)");
  const auto heir = other(op::release).heirs.at(0);
  me.heard(protocol::grant{"lock", heir.id, heir.fence, heir.since}, now);
  EXPECT_EQ(happened(), "acquired");
  EXPECT_EQ(last<acquire_ended>().call, two);
}

TEST_F(ClientsTurns, AnHeirThatIsCancelledTooLeavesThePlaceToTheOneBehindIt) {
  const auto one = first_waits();
  const auto two = acquire();
  const auto three = acquire();
  me.cancel(one, now);
  me.cancel(two, now);
  play("happened -> cancelled; cancelled | pass 50 -> heartbeat id-1 (when the first one would have polled)");
  EXPECT_EQ(me.expects("id-1"), three);
}

TEST_F(ClientsTurns, WhatWasUndoneForTheOneBeforeIsNotUndoneAgain) {
  const auto one = first_waits();
  play("fault lost answer | pass 50 | fault none");
  server.documents["lock"]->waiters.clear();
  while (me.expects("id-1")) (void)pass(10);
  const auto two = acquire();
  me.cancel(one, now);
  EXPECT_EQ(me.expects("id-2"), two);
  EXPECT_EQ(serve(), "");
  me.cancel(two, now);
  play("serve -> cancel id-2 | happened -> no answer yet; cancelled; cancelled");
}

TEST_F(ClientsTurns, TheAnswerThatIsOnItsWayIsForTheNext) {
  const auto one = acquire();
  const auto two = acquire();
  EXPECT_EQ(sent(), "enqueue id-1");
  me.cancel(one, now);
  play("answer | happened -> cancelled; acquired");
  EXPECT_EQ(last<acquire_ended>().call, two);
  EXPECT_EQ(serve(), "") << "nothing has to be undone";
}

TEST_F(ClientsTurns, ANoticeThatMayHaveBeenMissedIsForTheNextToo) {
  (void)other(op::try_);
  const auto one = acquire();
  play("acquire | sent -> enqueue id-1 | inbox opened");
  me.cancel(one, now);
  play("answer | sent -> heartbeat id-1");
}

TEST_F(ClientsTurns, AMissedReleaseByMongoDlockIsForTheNextToo) {
  foreign_holds();
  last_call = acquire();
  play(
      "acquire | serve -> enqueue id-1 | mongo-dlock releases lock | sent -> heartbeat id-1 | "
      "mongo-dlock releases lock | cancel | wants events -> yes | answer | serve -> heartbeat id-1 | "
      "mongo-dlock releases lock | serve -> heartbeat id-1");
}

TEST_F(ClientsTurns, WhoWantsSomethingElseAsksForItself) {
  const auto one = first_waits();
  play("acquire ttl=7000");
  me.cancel(one, now);
  play("serve -> cancel id-1, enqueue id-2 | happened -> cancelled | waiters -> 1");
}

TEST_F(ClientsTurns, TheNextInheritsARequestWithoutAnAnswer) {
  (void)ask(within(500));
  const auto two = acquire();
  server.what = fault::lost_answer;
  while (now < 1700) (void)pass(50);
  EXPECT_EQ(happened(), "no answer yet; no answer; no answer yet");
  EXPECT_FALSE(last<acquire_ended>().in_doubt) << "what it has asked for is for the next one";
  play("fault none | pass 1000 | happened -> acquired");
  EXPECT_EQ(last<acquire_ended>().call, two);
  EXPECT_EQ(holder().id, "id-1");
}

TEST_F(ClientsTurns, EachHasItsOwnLimitForTheFirstContact) {
  play("acquire | later 100");
  const auto two = acquire();
  EXPECT_EQ(me.ends_by(two), now + 10'000);
  play(
      "fault unreachable | pass 9910 | "
      "happened -> no answer yet; no answer; no answer yet (the first one, after 10 s) | pass 100 | "
      "happened -> no answer");
  EXPECT_EQ(last<acquire_ended>().call, two);
}

}  // namespace
}  // namespace dlock::engine
