// Node's mongo-dlock in the same collection: what it makes of our documents, and we of its.
#include <gtest/gtest.h>

#include "unit/lock_in_memory.hpp"

namespace dlock::testing {
namespace {

/// A client of mongo-dlock takes the lock: it sets these fields and leaves the others.
void taken_by_node(lock_in_memory& lock, ms until) {
  if (!lock.doc) lock.doc.emplace();
  lock.doc->lockd = lockd_flag::yes;
  lock.doc->ct = lock.clock;
  lock.doc->et = until;
}

/// 1.x, by its own rule.
bool free_for_node(const document& d, ms its_clock) {
  return d.lockd == lockd_flag::no || *d.et < its_clock;
}

TEST(Transition, MongoDlocksLeaseIsRespectedUntilItEnds) {
  for (const std::string op : {"try", "enqueue"}) {
    lock_in_memory lock;
    taken_by_node(lock, kStart + 5000);
    const auto node = *lock.doc;
    lock.play(op + " a -> not held, foreign 5000 = " + (op == "enqueue" ? "| a" : "|"));
    // What node reads stays as it wrote it.
    EXPECT_EQ(lock.doc->lockd, node.lockd) << op;
    EXPECT_EQ(lock.doc->ct, node.ct) << op;
    EXPECT_EQ(lock.doc->et, node.et) << op;
    EXPECT_EQ(lock.doc->mine, node.mine) << op;
    lock.play("pass 5499; " + op + " a -> not held; pass 1; " + op + " a -> held, not foreign = a |");
    EXPECT_EQ(lock.doc->lockd, lockd_flag::one);
    EXPECT_EQ(lock.doc->ct, lock.clock);
    EXPECT_EQ(lock.doc->mine, lock.clock);
  }
}

TEST(Transition, MongoDlocksTakeOverEvictsUsAndKeepsTheQueue) {
  lock_in_memory lock;
  lock.play("enqueue a b; pass 100");
  taken_by_node(lock, lock.clock + 5000);
  lock.play("renew a -> not found; release a -> not found; heartbeat b -> place 0, foreign 5000 = | b");
}

TEST(Transition, AnEvictedHolderStaysEvictedWhenMongoDlocksLeaseHasEnded) {
  for (const char* step : {"renew a -> not found", "release a -> not found", "heartbeat a -> not held"}) {
    lock_in_memory lock;
    lock.play("enqueue a delta=60000; pass 100");
    taken_by_node(lock, lock.clock + 1000);
    lock.play(std::string("pass 5000; ") + step);
  }
}

TEST(Transition, MongoDlocksRefreshDoesNotMakeTheLockItsOwn) {
  lock_in_memory lock;
  lock.play("enqueue a");
  lock.doc->et = kStart + 90'000;  // a refresh sets et, and has no check of the owner
  lock.play("renew a -> found; try b -> not foreign = a |");
}

// With `true`, a client of 1.x that came back refreshed and then deleted a lock it no longer had, queue included.
TEST(Transition, HeldByUsIsLockdOneAtEveryStep) {
  lock_in_memory lock;
  lock.doc.emplace().lockd = lockd_flag::yes;
  lock.doc->ct = lock.doc->mine = lock.doc->et = kStart - 10'000;
  for (const char* step : {"enqueue a", "enqueue b", "renew a", "heartbeat b", "try c", "release a", "renew b"}) {
    lock.play(step);
    EXPECT_EQ(lock.doc->lockd, lockd_flag::one) << step;
  }
}

// A leftover `lockd: false` made a lock of 2.x, which sets only ct and et, look free.
TEST(Transition, FreeIsNoLockdAtAll) {
  for (const auto left : {lockd_flag::no, lockd_flag::yes, lockd_flag::one, lockd_flag::absent}) {
    lock_in_memory lock;
    lock.doc.emplace().lockd = left;
    lock.doc->ct = lock.doc->mine = lock.doc->et = kStart - 10'000;
    lock.play("heartbeat nobody");
    EXPECT_EQ(lock.doc->lockd, lockd_flag::absent);
    lock.play("enqueue a; release a; pass 100");
    EXPECT_EQ(lock.doc->lockd, lockd_flag::absent);
    lock.doc->ct = lock.clock;  // 2.x takes it
    lock.doc->et = lock.clock + 5000;
    EXPECT_FALSE(free_for_node(*lock.doc, lock.clock));
    lock.play("try b -> not held");
  }
}

TEST(Transition, EtIsTheLatestEndPlusSkewForMongoDlocksClock) {
  lock_in_memory lock;
  const auto et = [&](const std::string& text) {
    lock.play(text);
    return *lock.doc->et - lock.clock;
  };
  EXPECT_EQ(et("enqueue a shared delta=9000"), 9000 + kSkew);
  EXPECT_EQ(et("enqueue b shared delta=3000"), 9000 + kSkew);
  EXPECT_EQ(et("pass 1000; renew b delta=3000"), 8000 + kSkew) << "somebody else's end is later";
  EXPECT_EQ(et("renew b delta=30000"), 30'000 + kSkew);
  EXPECT_FALSE(free_for_node(*lock.doc, lock.clock + 30'000 + kSkew)) << "its clock may be ahead by the allowance";
  EXPECT_EQ(et("release b"), 8000 + kSkew);
}

TEST(Transition, AReleasedDocumentStaysUntilTheIndexSweepsIt) {
  lock_in_memory lock;
  lock.play("enqueue a; pass 100; release a");
  ASSERT_TRUE(lock.doc);
  EXPECT_EQ(lock.doc->et, lock.clock) << "grace counts from here";
  EXPECT_TRUE(free_for_node(*lock.doc, lock.clock + 1));
}

TEST(Transition, OurCapacityDoesNotLetAnybodyInBesideMongoDlock) {
  lock_in_memory lock;
  lock.play("enqueue a w=1 of=3; pass 100");
  taken_by_node(lock, lock.clock + 5000);
  lock.play("try b w=1 of=3 -> not held; enqueue c w=1 of=3 -> not held = | c; pass 5500; heartbeat c w=1 of=3 = c |");
}

}  // namespace
}  // namespace dlock::testing
