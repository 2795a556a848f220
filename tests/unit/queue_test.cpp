// Waiting: first come first served, no barging, no ghosts, tombstones.
#include <gtest/gtest.h>

#include "unit/lock_in_memory.hpp"

namespace dlock::testing {
namespace {

TEST(Transition, WaitersAreServedInTheOrderTheyCame) {
  lock_in_memory lock;
  for (const char* id : {"a", "b", "c", "d"}) lock(enqueue(id));
  std::string order;
  for (const char* id : {"a", "b", "c", "d"}) {
    order += lock.doc->holders.at(0).id;
    lock(release(id));
  }
  EXPECT_EQ(order, "abcd");
  EXPECT_EQ(lock.state(), "|");
}

TEST(Transition, TheHeadBlocksEverybodyBehindIt) {
  lock_in_memory lock;
  lock(with_weight(enqueue("reader"), 1));
  lock(enqueue("writer"));
  const auto answer = lock(with_weight(enqueue("late reader"), 1));
  EXPECT_EQ(lock.state(), "reader | writer late reader") << "or writers would starve";
  EXPECT_EQ(answer.place, 1);
}

TEST(Transition, NobodyPassesAHeadThatIsTooHeavyJustNow) {
  lock_in_memory lock;
  lock(with_weight(enqueue("a"), 2, 3));
  lock(with_weight(enqueue("heavy"), 2, 3));
  lock(with_weight(enqueue("light"), 1, 3));
  EXPECT_EQ(lock.state(), "a | heavy light");
}

TEST(Transition, ATryNeverBarges) {
  lock_in_memory lock;
  lock(with_weight(enqueue("reader"), 1));
  lock(enqueue("writer"));
  EXPECT_FALSE(lock(with_weight(try_for("b"), 1)).mine) << "it would fit, but for the queue";
  EXPECT_EQ(lock.state(), "reader | writer");
}

TEST(Transition, ATryDoesNotBargeIntoWhatItsOwnPurgeHasFreed) {
  lock_in_memory lock;
  lock(with_delta(enqueue("a"), 1000));
  lock(enqueue("b"));
  lock.now += 1500;
  EXPECT_FALSE(lock(try_for("c")).mine);
  EXPECT_EQ(lock.state(), "b |");
  lock(release("b"));
  lock(enqueue("a"));
  lock(with_weight(enqueue("d"), 1));
  lock.now += 5500;
  EXPECT_FALSE(lock(with_weight(try_for("e"), 1)).mine) << "d came first, although e would fit beside it";
  EXPECT_EQ(lock.state(), "d |");
}

TEST(Transition, ATryIsNeverQueued) {
  lock_in_memory lock;
  lock(enqueue("a"));
  const auto answer = lock(try_for("b"));
  EXPECT_EQ(lock.state(), "a |");
  EXPECT_EQ(answer.place, -1);
  lock(release("a"));
  EXPECT_EQ(lock.state(), "|");
}

TEST(Transition, AnEnqueueRepeatedQueuesOnce) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock(enqueue("b"));
  lock(enqueue("c"));
  const auto answer = lock(enqueue("b"));
  EXPECT_EQ(lock.state(), "a | b c") << "and at its old place";
  EXPECT_EQ(answer.place, 0);
  EXPECT_EQ(answer.queue, 2);
}

TEST(Transition, AnEnqueueRepeatedIsAHeartbeat) {
  lock_in_memory lock;
  lock(with_delta(enqueue("a"), 60'000));
  lock(enqueue("b"));
  lock.now += 3000;
  lock(enqueue("b"));
  EXPECT_EQ(lock.queued("b").seen, lock.now);
  EXPECT_EQ(lock.queued("b").until, lock.now + 15'000);
}

TEST(Transition, ATryOfSomebodyInTheQueueChangesNothing) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock(enqueue("b"));
  const auto before = lock.doc->waiters;
  lock.now += 100;
  EXPECT_EQ(lock(try_for("b")).place, 0);
  EXPECT_EQ(lock.doc->waiters, before);
}

TEST(Transition, ARequestRepeatedByItsHolderGrantsNoNewToken) {
  for (const auto op : {operation::enqueue, operation::try_}) {
    lock_in_memory lock;
    const auto first = lock(ask(op, "a"));
    lock.now += 7;
    const auto again = lock(ask(op, "a"));
    EXPECT_EQ(lock.state(), "a |") << name_of(op);
    EXPECT_EQ(again.mine->fence, first.mine->fence) << name_of(op);
    EXPECT_EQ(again.mine->since, first.mine->since) << name_of(op);
    EXPECT_EQ(again.rev, first.rev + 1) << "the answer comes from a write of its own";
  }
}

TEST(Transition, AReleaseRepeatedFindsNothingMore) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock(enqueue("b"));
  EXPECT_TRUE(lock(release("a")).found);
  const auto before = lock.doc;
  EXPECT_FALSE(lock(release("a")).found) << "so that a client knows whether it released";
  EXPECT_EQ(lock.doc, before);
}

TEST(Transition, NobodyReleasesForSomebodyElse) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock(enqueue("b"));
  const auto before = lock.doc;
  for (const char* id : {"b", "x"}) {
    EXPECT_FALSE(lock(release(id)).found) << id;
    EXPECT_EQ(lock.doc, before) << id;
  }
}

TEST(Transition, ACancelLeavesTheQueueInOrder) {
  lock_in_memory lock;
  for (const char* id : {"a", "b", "c", "d"}) lock(enqueue(id));
  EXPECT_TRUE(lock(cancel("c")).found);
  EXPECT_EQ(lock.state(), "a | b d");
}

TEST(Transition, ACancelOfAHolderFreesTheLock) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock(enqueue("b"));
  lock(cancel("a"));
  EXPECT_EQ(lock.state(), "b |");
}

TEST(Transition, ACancelOfTheHeadAdmitsWhoComesAfterIt) {
  lock_in_memory lock;
  lock(with_weight(enqueue("reader"), 1));
  lock(enqueue("writer"));
  lock(with_weight(enqueue("late reader"), 1));
  lock(cancel("writer"));
  EXPECT_EQ(lock.state(), "reader late reader |");
}

TEST(Transition, AHeartbeatTellsThePlace) {
  lock_in_memory lock;
  for (const char* id : {"a", "b", "c", "d"}) lock(enqueue(id));
  EXPECT_EQ(lock(heartbeat("d")).place, 2);
  lock(cancel("b"));
  EXPECT_EQ(lock(heartbeat("d")).place, 1);
}

// A delayed heartbeat used to bring a cancelled or expired entry back, which was then granted to nobody.
TEST(Transition, ADelayedHeartbeatMakesNoGhost) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock(enqueue("b"));
  lock(cancel("b"));
  const auto answer = lock(heartbeat("b"));
  EXPECT_EQ(lock.state(), "a |");
  EXPECT_TRUE(answer.found);
  EXPECT_FALSE(answer.mine);
  EXPECT_EQ(answer.place, -1);
}

TEST(Transition, AHeartbeatAfterItsEntryHasEndedMakesNoGhost) {
  lock_in_memory lock;
  lock(with_delta(enqueue("a"), 60'000));
  lock(enqueue("b"));
  lock.now += 15'000 + 500;
  EXPECT_EQ(lock(heartbeat("b")).place, -1);
  EXPECT_EQ(lock.state(), "a |");
}

// With the entry's life as long as the period, every heartbeat found its entry gone.
TEST(Transition, AWaiterOutlivesTwoLostHeartbeats) {
  lock_in_memory lock;
  lock(with_delta(enqueue("a"), 60'000));
  lock(enqueue("b"));
  lock.now += 3 * 5000;
  EXPECT_EQ(lock(heartbeat("b")).place, 0);
  EXPECT_EQ(lock.queued("b").until, lock.now + 15'000);
}

TEST(Transition, ATombstoneRefusesALateRequest) {
  for (const auto op : {operation::enqueue, operation::try_}) {
    lock_in_memory lock;
    auto giving_up = cancel("b");
    giving_up.tomb = 30'000;
    EXPECT_TRUE(creates(giving_up));
    EXPECT_TRUE(lock(giving_up).dead);
    ASSERT_TRUE(lock.doc) << "the request may be the first one to arrive";
    const auto answer = lock(ask(op, "b"));
    EXPECT_EQ(lock.state(), "|") << name_of(op);
    EXPECT_TRUE(answer.dead) << name_of(op);
    EXPECT_FALSE(answer.mine) << name_of(op);
    EXPECT_EQ(answer.place, -1) << name_of(op);
    EXPECT_FALSE(lock(ask(op, "c")).dead) << "nobody else";
    EXPECT_EQ(lock.state(), "c |") << name_of(op);
  }
}

TEST(Transition, ATombstoneGoesInTime) {
  lock_in_memory lock;
  auto giving_up = cancel("b");
  giving_up.tomb = 30'000;
  lock(giving_up);
  lock.now += 30'000 + 499;
  EXPECT_TRUE(lock(enqueue("b")).dead);
  EXPECT_EQ(lock.doc->gone.size(), 1u);
  lock.now += 1;
  EXPECT_TRUE(lock(enqueue("b")).mine);
  EXPECT_TRUE(lock.doc->gone.empty());
}

TEST(Transition, ACancelRepeatedLeavesOneTombstone) {
  lock_in_memory lock;
  lock(enqueue("a"));
  auto giving_up = cancel("a");
  giving_up.tomb = 30'000;
  lock(giving_up);
  lock(giving_up);
  EXPECT_EQ(lock.doc->gone, (std::vector<tombstone>{{"a", kStart + 30'000}}));
  EXPECT_EQ(lock.state(), "|");
}

TEST(Transition, ACancelWithoutDoubtLeavesNoTombstone) {
  lock_in_memory lock;
  lock(enqueue("a"));
  EXPECT_FALSE(lock(cancel("a")).dead);
  EXPECT_TRUE(lock.doc->gone.empty());
}

TEST(Transition, EveryAnswerToAnOperationIsAWrite) {
  lock_in_memory lock;
  lock(enqueue("a"));
  std::int64_t rev = 1;
  for (const auto& r : {enqueue("a"), enqueue("b"), enqueue("b"), heartbeat("b"), heartbeat("nobody"), renew("a"),
                        try_for("c"), cancel("b"), cancel("nobody"), release("a")}) {
    EXPECT_EQ(lock(r).rev, ++rev) << r;
    EXPECT_EQ(lock.doc->rev, rev) << r;
  }
}

}  // namespace
}  // namespace dlock::testing
