// Calls of one client for one lock take turns: a release also asks for the next one.
#include "engine/client_turns.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dlock::engine {
namespace {

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
  EXPECT_EQ(holder().id, "id-2");
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
  EXPECT_EQ(holder().id, "other");
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
  EXPECT_EQ(happened(), "releasing; released; release: released; acquired");
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
  EXPECT_EQ(holder().id, "id-2");
}

TEST_F(ClientsTurns, TheNextIsAskedForAlsoIfThereWasNothingToRelease) {
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
  EXPECT_EQ(holder().id, "id-2");
  (void)server.carry_out(copy, now);
  EXPECT_EQ(holders(), 1U);
  EXPECT_EQ(waiters(), 0U);
  (void)release(got());
  (void)pass(300);
  (void)server.carry_out(copy, now);
  EXPECT_EQ(holders() + waiters(), 0U) << "it has a tombstone, because it was in doubt";
}

TEST_F(ClientsTurns, AfterARefusedPassTheHolderIsStillReleased) {
  const auto h = hold();
  (void)acquire();
  server.what = fault::refused;
  (void)release(h);
  EXPECT_EQ(serve(), "release id-1 + enqueue id-2, cancel id-2 for good");
  EXPECT_EQ(happened(), "releasing; refused");
  server.what = fault::none;
  (void)pass(100);
  EXPECT_EQ(happened(), "released; release: released");
}

TEST_F(ClientsTurns, IfThePassAndTheReleaseAreRefusedTheReleaseEnds) {
  const auto h = hold();
  (void)acquire();
  server.what = fault::refused;
  (void)release(h);
  EXPECT_EQ(pass(50), "release id-1 + enqueue id-2, cancel id-2 for good, release id-1, release id-1");
  EXPECT_EQ(happened(), "releasing; refused; in doubt; release: unknown");
}

TEST_F(ClientsTurns, AReleaseThatIsRefusedAloneIsOver) {
  auto longer = plan();
  longer.ask.delta = 7000;
  const auto h = hold();
  (void)ask(longer);
  server.what = fault::refused;
  (void)release(h);
  EXPECT_EQ(sent(), "release id-1, enqueue id-2");
  answer_all();
  EXPECT_EQ(happened(), "releasing; in doubt; release: unknown; refused");
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

}  // namespace
}  // namespace dlock::engine
