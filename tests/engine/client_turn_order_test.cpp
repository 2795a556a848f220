// Calls of one client for one lock are served in the order in which they came: readers and writers.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/client_turns.hpp"

namespace dlock::engine {
namespace {

TEST_F(ClientsTurns, AReaderDoesNotPassAWriterOfItsClient) {
  play("hold | acquire");
  const auto reader = acquire_shared();
  EXPECT_EQ(serve(), "");
  EXPECT_TRUE(me.waits_locally(reader));
  play("release | sent -> release id-1 + enqueue id-2");
  EXPECT_TRUE(me.waits_locally(reader)) << "its request could overtake that one";
  const auto later = acquire_shared();
  EXPECT_TRUE(me.waits_locally(later));
  play("answer | happened -> releasing; released; release: released; acquired");
  EXPECT_EQ(holder().id, "id-2");
  EXPECT_EQ(serve(), "enqueue id-3 + enqueue id-4");
}

TEST_F(ClientsTurns, AReaderAsksTheServerAsSoonAsTheWriterBeforeItHasAPlace) {
  (void)other(op::try_);
  const auto writer = acquire();
  const auto reader = acquire_shared();
  EXPECT_EQ(sent(), "enqueue id-1");
  EXPECT_TRUE(me.waits_locally(reader));
  answer_all();
  EXPECT_FALSE(me.waits_locally(reader));
  EXPECT_EQ(serve(), "enqueue id-2");
  EXPECT_FALSE(me.waits_locally(writer));
}

TEST_F(ClientsTurns, AReaderWaitsUntilAWriterThatHasLostItsPlaceHasAnother) {
  (void)first_waits();
  server.documents["lock"]->waiters.clear();
  play("look 50 | sent -> heartbeat id-1 | answer");
  const auto reader = acquire_shared();
  EXPECT_TRUE(me.waits_locally(reader));
  play("sent -> enqueue id-2 | answer | serve -> enqueue id-3");
  EXPECT_FALSE(me.waits_locally(reader));
}

TEST_F(ClientsTurns, AReaderBehindAnHeirAsksTheServer) {
  const auto one = first_waits();
  (void)acquire();
  const auto reader = acquire_shared();
  EXPECT_EQ(serve(), "");
  me.cancel(one, now);
  EXPECT_EQ(serve(), "enqueue id-2") << "the writer before it has the place of the first";
  EXPECT_FALSE(me.waits_locally(reader));
}

TEST_F(ClientsTurns, AReaderGoesWhenTheWriterBeforeItLeaves) {
  (void)hold();
  const auto writer = acquire();
  const auto reader = acquire_shared();
  EXPECT_EQ(sent(), "");
  me.cancel(writer, now);
  EXPECT_EQ(sent(), "enqueue id-2") << "it stands behind the holder, on the server";
  EXPECT_FALSE(me.waits_locally(reader));
}

TEST_F(ClientsTurns, AReaderAsksTheServerIfNoWriterWaitsLocally) {
  play("hold | share | serve -> enqueue id-2 | waiters -> 1");
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
  play("other try | other enqueue lock more");
  const auto one = ask(plan(), true);
  (void)ask(plan(), true);
  const auto three = ask(plan(), true);
  play("serve -> enqueue id-1 | happened -> waits at 1; waits at 2; waits at 3");
  EXPECT_EQ(last<waiting>().call, three);
  EXPECT_EQ(last<waiting>().last.queue, 4);
  play("pass 50 -> heartbeat id-1 | happened -> waits at 1 (the others are told once a second at most)");
  EXPECT_EQ(last<waiting>().call, one);
  EXPECT_EQ(last<waiting>().last.queue, 4);
  me.cancel(one, now);
  play("pass 100 | happened -> cancelled; waits at 1");
}

TEST_F(ClientsTurns, APlaceIsNotToldAtEachTurn) {
  play(
      "hold | acquire | acquire tells | happened -> waits at 1 | release | serve | "
      "happened -> releasing; released; release: released; waits at 0; acquired | acquire tells | release | serve | "
      "happened -> waits at 1; releasing; released; release: released; acquired");
}

TEST_F(ClientsTurns, APlaceIsToldAtOnceWhileItsClientHoldsTheLock) {
  play("hold | acquire tells | acquire tells | happened -> waits at 0; waits at 1");
  EXPECT_EQ(last<waiting>().last.queue, 2);
  play(
      "other enqueue | pass 2000 -> renew id-1 | happened | acquire tells | "
      "happened -> waits at 3 (the other one stands on the server, as the renewal has told)");
  EXPECT_EQ(last<waiting>().last.queue, 4);
}

TEST_F(ClientsTurns, APlaceIsToldOnlyWhenTheOneAheadHasAnAnswer) {
  play(
      "acquire | acquire tells | happened -> nothing (a try that asks the server could still pass both) | "
      "serve -> enqueue id-1 | happened -> waits at 0; acquired");
}

TEST_F(ClientsTurns, WhoIsClosedIsOverAtOnce) {
  (void)hold();
  std::vector<call_id> all;
  for (int i = 0; i < 100; ++i) all.push_back(acquire());
  play("close | sent -> nothing | happened");
  for (const auto c : all) EXPECT_FALSE(me.waits_locally(c));
  EXPECT_EQ(last<acquire_ended>().what, acquire_ended::result::cancelled);
}

}  // namespace
}  // namespace dlock::engine
