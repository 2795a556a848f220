// Node's mongo-dlock in the same collection: what it makes of our documents, and we of its.
#include <gtest/gtest.h>

#include "unit/lock_in_memory.hpp"

namespace dlock::testing {
namespace {

/// A client of mongo-dlock takes the lock: it sets these fields and leaves the others.
void taken_by_node(lock_in_memory& lock, ms until) {
  if (!lock.doc) lock.doc.emplace();
  lock.doc->lockd = lockd_flag::yes;
  lock.doc->ct = lock.now;
  lock.doc->et = until;
}

/// 1.x, by its own rule.
bool free_for_node(const document& d, ms its_clock) {
  return d.lockd == lockd_flag::no || *d.et < its_clock;
}

TEST(Transition, NodesLeaseIsRespected) {
  for (const auto op : {operation::try_, operation::enqueue}) {
    lock_in_memory lock;
    taken_by_node(lock, kStart + 5000);
    const auto node = *lock.doc;
    const auto answer = lock(ask(op, "a"));
    EXPECT_EQ(lock.state(), op == operation::enqueue ? "| a" : "|") << name_of(op);
    EXPECT_FALSE(answer.mine) << name_of(op);
    EXPECT_EQ(answer.foreign_until, kStart + 5000) << name_of(op);
    // What node reads stays as it wrote it.
    EXPECT_EQ(lock.doc->lockd, node.lockd) << name_of(op);
    EXPECT_EQ(lock.doc->ct, node.ct) << name_of(op);
    EXPECT_EQ(lock.doc->et, node.et) << name_of(op);
    EXPECT_EQ(lock.doc->mine, node.mine) << name_of(op);
  }
}

TEST(Transition, NodesLeaseEndsAtEtPlusSkew) {
  for (const ms early : {1, 0}) {
    lock_in_memory lock;
    taken_by_node(lock, kStart + 5000);
    lock.now += 5000 + kSkew - early;
    EXPECT_EQ(lock(enqueue("a")).mine.has_value(), early == 0);
    EXPECT_EQ(lock.state(), early == 0 ? "a |" : "| a");
  }
}

TEST(Transition, WhatNodeLeftBehindBecomesOurs) {
  lock_in_memory lock;
  taken_by_node(lock, kStart + 5000);
  lock.now += 6000;
  const auto answer = lock(try_for("a"));
  EXPECT_TRUE(answer.mine);
  EXPECT_FALSE(answer.foreign_until);
  EXPECT_EQ(lock.doc->lockd, lockd_flag::one);
  EXPECT_EQ(lock.doc->ct, lock.now);
  EXPECT_EQ(lock.doc->mine, lock.now);
}

TEST(Transition, NodesTakeOverEvictsUsAndKeepsTheQueue) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock(enqueue("b"));
  lock.now += 100;
  taken_by_node(lock, lock.now + 5000);
  const auto before = lock.doc;
  EXPECT_FALSE(lock(renew("a")).found) << "lost";
  EXPECT_FALSE(lock(release("a")).found) << "nothing of ours to release";
  EXPECT_EQ(lock.doc, before) << "and nothing of node's is touched";
  const auto answer = lock(heartbeat("b"));
  EXPECT_EQ(lock.state(), "| b");
  EXPECT_EQ(answer.place, 0);
  EXPECT_EQ(answer.foreign_until, lock.now + 5000);
}

TEST(Transition, AnEvictedHolderStaysEvictedWhenNodesLeaseHasEnded) {
  for (const auto op : {operation::renew, operation::release, operation::heartbeat}) {
    lock_in_memory lock;
    lock(with_delta(enqueue("a"), 60'000));
    lock.now += 100;
    taken_by_node(lock, lock.now + 1000);
    lock.now += 5000;
    const auto answer = lock(ask(op, "a"));
    EXPECT_FALSE(answer.mine) << name_of(op);
    if (op != operation::heartbeat) {
      EXPECT_FALSE(answer.found) << name_of(op);
    }
  }
}

TEST(Transition, NodesRefreshDoesNotMakeTheLockNodes) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock.doc->et = kStart + 90'000;  // a refresh sets et, and has no check of the owner
  EXPECT_TRUE(lock(renew("a")).found) << "ct tells who holds it";
  EXPECT_FALSE(lock(try_for("b")).foreign_until);
  EXPECT_EQ(lock.state(), "a |");
}

// With `true`, a client of 1.x that came back refreshed and then deleted a lock it no longer had, queue included.
TEST(Transition, HeldByUsIsLockdOneAtEveryStep) {
  lock_in_memory lock;
  lock.doc.emplace().lockd = lockd_flag::yes;
  lock.doc->ct = lock.doc->mine = lock.doc->et = kStart - 10'000;
  for (const auto& r :
       {enqueue("a"), enqueue("b"), renew("a"), heartbeat("b"), try_for("c"), release("a"), renew("b")}) {
    lock(r);
    EXPECT_EQ(lock.doc->lockd, lockd_flag::one) << r;
  }
}

// A leftover `lockd: false` made a lock of 2.x, which sets only ct and et, look free.
TEST(Transition, FreeIsNoLockdAtAll) {
  for (const auto left : {lockd_flag::no, lockd_flag::yes, lockd_flag::one, lockd_flag::absent}) {
    lock_in_memory lock;
    lock.doc.emplace().lockd = left;
    lock.doc->ct = lock.doc->et = kStart - 10'000;
    lock(enqueue("a"));
    lock(release("a"));
    EXPECT_EQ(lock.doc->lockd, lockd_flag::absent);
    lock.now += 100;
    lock.doc->ct = lock.now;  // 2.x takes it
    lock.doc->et = lock.now + 5000;
    EXPECT_FALSE(free_for_node(*lock.doc, lock.now));
    EXPECT_FALSE(lock(try_for("b")).mine);
  }
}

TEST(Transition, ALeftoverLockdFalseIsRemovedBehindNodesBack) {
  lock_in_memory lock;
  lock.doc.emplace().lockd = lockd_flag::no;
  lock.doc->ct = lock.doc->mine = lock.doc->et = kStart - 10'000;
  lock(heartbeat("nobody"));
  EXPECT_EQ(lock.doc->lockd, lockd_flag::absent);
}

TEST(Transition, EtIsTheLatestEndPlusSkewForNodesClock) {
  lock_in_memory lock;
  lock(with_weight(with_delta(enqueue("a"), 9000), 1));
  EXPECT_EQ(lock.doc->et, kStart + 9000 + kSkew);
  lock(with_weight(with_delta(enqueue("b"), 3000), 1));
  EXPECT_EQ(lock.doc->et, kStart + 9000 + kSkew);
  lock.now += 1000;
  lock(with_delta(renew("b"), 3000));
  EXPECT_EQ(lock.doc->et, kStart + 9000 + kSkew) << "somebody else's end is later";
  lock(with_delta(renew("b"), 30'000));
  EXPECT_EQ(lock.doc->et, lock.now + 30'000 + kSkew);
  EXPECT_FALSE(free_for_node(*lock.doc, lock.now + 30'000 + kSkew)) << "its clock may be ahead by the allowance";
  lock(release("b"));
  EXPECT_EQ(lock.doc->et, kStart + 9000 + kSkew);
}

TEST(Transition, AReleasedDocumentStaysUntilTheIndexSweepsIt) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock.now += 100;
  lock(release("a"));
  ASSERT_TRUE(lock.doc);
  EXPECT_EQ(lock.doc->et, lock.now) << "grace counts from here";
  EXPECT_TRUE(free_for_node(*lock.doc, lock.now + 1));
}

TEST(Transition, OurCapacityDoesNotLetAnybodyInBesideNode) {
  lock_in_memory lock;
  lock(with_weight(enqueue("a"), 1, 3));
  lock.now += 100;
  taken_by_node(lock, lock.now + 5000);
  EXPECT_FALSE(lock(with_weight(try_for("b"), 1, 3)).mine);
  EXPECT_FALSE(lock(with_weight(enqueue("c"), 1, 3)).mine);
  EXPECT_EQ(lock.state(), "| c");
  lock.now += 5000 + kSkew;
  lock(with_weight(heartbeat("c"), 1, 3));
  EXPECT_EQ(lock.state(), "c |");
}

}  // namespace
}  // namespace dlock::testing
