// Waiting: first come first served, no barging, no ghosts, tombstones.
#include <gtest/gtest.h>

#include "unit/lock_in_memory.hpp"

namespace dlock::testing {
namespace {

TEST(Transition, WaitersAreServedInTheOrderTheyCame) {
  play("enqueue a b c d = a | b c d; release a = b | c d; release b = c | d; release c = d |; release d = |");
}

TEST(Transition, TheHeadBlocksEverybodyBehindIt) {
  play("enqueue r shared; enqueue w; enqueue late shared -> place 1 = r | w late");
  play("enqueue a w=2 of=3; enqueue heavy w=2 of=3; enqueue light w=1 of=3 = a | heavy light");
}

TEST(Transition, ATryNeverBarges) {
  play("enqueue r shared; enqueue w; try b shared -> not held, place -1 = r | w");
  // nor into what its own command has freed
  play("enqueue a delta=1000; enqueue b; pass 1500; try c -> not held = b |");
  play("enqueue a; enqueue r shared; pass 5500; try s shared -> not held = r |");
}

TEST(Transition, ATryIsNeverQueued) {
  play("enqueue a; try b -> place -1 = a |; release a = |");
}

TEST(Transition, AnEnqueueRepeatedKeepsItsPlaceAndIsAHeartbeat) {
  play("enqueue a b c; enqueue b -> place 0, queue 2 = a | b c");
  lock_in_memory lock;
  lock.play("enqueue a delta=60000; enqueue b; pass 3000; enqueue b");
  EXPECT_EQ(lock.queued("b").seen, lock.clock);
  EXPECT_EQ(lock.queued("b").until, lock.clock + 15'000);
}

TEST(Transition, ATryOfAWaiterChangesNothing) {
  lock_in_memory lock;
  lock.play("enqueue a b; pass 100; try b -> place 0");
  EXPECT_EQ(lock.doc->waiters, lock.before->waiters);
}

TEST(Transition, ARequestRepeatedByItsHolderGrantsNoNewToken) {
  for (const std::string op : {"enqueue", "try"}) {
    lock_in_memory lock;
    const auto first = lock.play(op + " a"), again = lock.play("pass 7; " + op + " a = a |");
    EXPECT_EQ(again.mine->fence, first.mine->fence) << op;
    EXPECT_EQ(again.mine->since, first.mine->since) << op;
  }
}

TEST(Transition, AReleaseRepeatedOrOfSomebodyElseFindsNothing) {
  play("enqueue a b; release a -> found; release a -> not found = b |");
  play("enqueue a b; release b -> not found; release x -> not found = a | b");
}

TEST(Transition, ACancelRemovesAWaiterOrAHolderAndAdmitsWhoFitsThen) {
  play("enqueue a b c d; cancel c -> found = a | b d");
  play("enqueue a b; cancel a = b |");
  play("enqueue r shared; enqueue w; enqueue s shared; cancel w = r s |");
}

TEST(Transition, AHeartbeatTellsThePlace) {
  play("enqueue a b c d; heartbeat d -> place 2; cancel b; heartbeat d -> place 1");
}

// A delayed heartbeat used to bring a cancelled or expired entry back, which was then granted to nobody.
TEST(Transition, ADelayedHeartbeatMakesNoGhost) {
  play("enqueue a b; cancel b; heartbeat b -> found, not held, place -1 = a |");
  play("enqueue a delta=60000; enqueue b; pass 15500; heartbeat b -> place -1 = a |");
}

// With the entry's life as long as the period, every heartbeat found its entry gone.
TEST(Transition, AWaiterOutlivesTwoLostHeartbeats) {
  lock_in_memory lock;
  lock.play("enqueue a delta=60000; enqueue b; pass 15000; heartbeat b -> place 0");
  EXPECT_EQ(lock.queued("b").until, lock.clock + 15'000);
}

TEST(Transition, ATombstoneRefusesALateRequest) {
  play_each({"enqueue", "try"},
            "cancel b tomb=30000 -> dead; OP b -> dead, not held, place -1 = |; OP c -> not dead, held = c |");
}

TEST(Transition, ATombstoneEndsInTime) {
  lock_in_memory lock;
  lock.play("cancel b tomb=30000; pass 30499; enqueue b -> dead");
  EXPECT_EQ(lock.doc->gone.size(), 1u);
  lock.play("pass 1; enqueue b -> held");
  EXPECT_TRUE(lock.doc->gone.empty());
}

TEST(Transition, OnlyACancelInDoubtLeavesATombstoneAndOnlyOne) {
  lock_in_memory lock;
  lock.play("enqueue a; cancel a tomb=30000; cancel a tomb=30000 = |");
  EXPECT_EQ(lock.doc->gone, (std::vector<tombstone>{{"a", kStart + 30'000}}));
  lock.play("enqueue b; cancel b -> not dead");
  EXPECT_EQ(lock.doc->gone.size(), 1U);
}

TEST(Transition, EveryAnswerToAnOperationIsAWrite) {
  lock_in_memory lock;
  lock.play("enqueue a");
  std::int64_t rev = 1;
  for (const char* step : {"enqueue a", "enqueue b", "enqueue b", "heartbeat b", "heartbeat nobody", "renew a", "try c",
                           "cancel b", "cancel nobody", "release a"}) {
    EXPECT_EQ(lock.play(step).rev, ++rev) << step;
    EXPECT_EQ(lock.doc->rev, rev) << step;
  }
}

}  // namespace
}  // namespace dlock::testing
