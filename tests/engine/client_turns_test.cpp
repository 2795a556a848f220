// Calls of one client for one lock take turns: a release also asks for the next one.
#include "engine/client_turns.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dlock::engine {
namespace {

// --- the lock passes on ---------------------------------------------------------------------------------------------

TEST_F(ClientsTurns, OneCommandReleasesAndAsksForTheNext) {
  play("hold");
  const auto two = acquire(), three = acquire();
  EXPECT_EQ(pass(1000), "") << "who waits for its turn sends nothing";
  EXPECT_TRUE(me.waits_locally(two));
  EXPECT_TRUE(me.is_served(two, now));
  play(
      "release | sent -> release id-1 + enqueue id-2 | answer | "
      "happened -> releasing; released; release: released; acquired");
  EXPECT_EQ(last<acquire_ended>().call, two);
  EXPECT_EQ(holder().id, "id-2");
  EXPECT_TRUE(me.waits_locally(three));
  play("release | serve -> release id-2 + enqueue id-3 | happened -> releasing; released; release: released; acquired");
  EXPECT_EQ(last<acquire_ended>().call, three);
  EXPECT_EQ(announced(), "locked lock, unlocked lock, locked lock, unlocked lock, locked lock, ");
  (void)release(got());
  EXPECT_EQ(serve(), "release id-3");
}

TEST_F(ClientsTurns, OtherClientsHaveTheirTurnInBetween) {
  play(
      "hold | acquire | other enqueue | release | serve -> release id-1 + enqueue id-2 | "
      "happened -> releasing; released; release: released | told -> other client: other");
  EXPECT_EQ(holder().id, "other");
  play("waiters -> 1 | other release | pass 1000 | happened -> acquired");
}

TEST_F(ClientsTurns, ThePassDoesNotWaitForOtherCommands) {
  for (int i = 0; i < 2; ++i) (void)acquire_shared();
  play("serve | happened | hold other | acquire other | release | sent -> release id-3 + enqueue id-4");
}

TEST_F(ClientsTurns, WhatDoesNotGoTogetherGoesOneByOne) {
  play(
      "hold | acquire ttl=7000 | acquire | release | serve -> release id-1, enqueue id-2 (another TTL) | "
      "happened -> releasing; released; release: released; acquired | release keep=300 | "
      "sent -> release id-2, enqueue id-3 (it is kept for a while) | answer | pass 1000 | "
      "happened -> releasing; released; release: released; acquired");
}

TEST_F(ClientsTurns, WithObservedExpiryTooTheyGoOneByOne) {
  play("hold observed | acquire observed | release | sent -> release id-1, enqueue id-2 | answer | happened");
  EXPECT_EQ(holder().id, "id-2");
}

TEST_F(ClientsTurns, TheNextIsAskedForAlsoIfThereWasNothingToRelease) {
  play(
      "hold | acquire | gone | release | serve -> release id-1 + enqueue id-2, cancel id-1 | "
      "happened -> releasing; lost: gone; release: lost; acquired");
}

// --- a pass without an answer ---------------------------------------------------------------------------------------

TEST_F(ClientsTurns, EachRepeatsItsOwnPartOfAPassWithoutAnAnswer) {
  for (const auto what : {fault::lost_request, fault::lost_answer, fault::unreachable}) {
    play("hold | acquire");
    server.what = what;
    play("release");
    const auto pass_on = sent();
    EXPECT_NE(pass_on.find(" + enqueue"), std::string::npos) << pass_on;
    play("answer | fault none");
    const auto again = pass(300);
    EXPECT_NE(again.find("release"), std::string::npos) << again;
    EXPECT_NE(again.find("enqueue"), std::string::npos) << again;
    EXPECT_NE(happened().find("acquired"), std::string::npos);
    EXPECT_EQ(last<release_ended>().what, release_ended::result::released);
    play("holders -> 1 | release | pass 1000 | happened");
    EXPECT_EQ(holders() + waiters(), 0U);
  }
}

TEST_F(ClientsTurns, ALateCopyOfAPassBringsNothingBack) {
  play("hold | acquire | fault lost answer | release | sent");
  const auto copy = on_their_way.back().all;
  play("answer | fault none | pass 300 | happened");
  EXPECT_EQ(holder().id, "id-2");
  (void)server.carry_out(copy, now);
  play("holders -> 1 | waiters -> 0 | release | pass 300");
  (void)server.carry_out(copy, now);
  EXPECT_EQ(holders() + waiters(), 0U) << "it has a tombstone, because it was in doubt";
}

TEST_F(ClientsTurns, AfterARefusedPassTheHolderIsStillReleased) {
  play(
      "hold | acquire | fault refused | release | serve -> release id-1 + enqueue id-2, cancel id-2 for good | "
      "happened -> releasing; refused | fault none | pass 100 | happened -> released; release: released");
}

TEST_F(ClientsTurns, IfThePassAndTheReleaseAreRefusedTheReleaseEnds) {
  play(
      "hold | acquire | fault refused | release | "
      "pass 50 -> release id-1 + enqueue id-2, cancel id-2 for good, release id-1, release id-1 | "
      "happened -> releasing; refused; in doubt; release: unknown");
}

TEST_F(ClientsTurns, AReleaseThatIsRefusedAloneIsOver) {
  play(
      "hold | acquire ttl=7000 | fault refused | release | sent -> release id-1, enqueue id-2 | answer | "
      "happened -> releasing; in doubt; release: unknown; refused");
}

TEST_F(ClientsTurns, WhoIsCancelledBeforeThePassIsSentLeavesItToTheNext) {
  play("hold");
  const auto two = acquire();
  play("acquire | release");
  me.cancel(two, now);
  EXPECT_EQ(sent(), "release id-1 + enqueue id-2") << "the next one has taken it over";
  answer_all();
  EXPECT_EQ(happened(), "releasing; cancelled; released; release: released; acquired");
}

TEST_F(ClientsTurns, AReleaseWhoseTimeIsOverGoesWithoutTheOther) {
  play(
      "hold | acquire | release in=10 | look 10 | happened -> releasing; in doubt; release: unknown | "
      "serve -> enqueue id-2, release id-1 | pass 1000 | happened -> acquired");
}

}  // namespace
}  // namespace dlock::engine
