// Somebody else revokes a lease. Its holder may stop first.
#include <gtest/gtest.h>

#include "unit/lock_in_memory.hpp"

namespace dlock::testing {
namespace {

TEST(Transition, ARevokedHolderStaysAndIsMarked) {
  lock_in_memory lock;
  lock.play("enqueue a value=v; enqueue b");
  auto expected = lock.held("a");
  expected.revoked = true;
  const auto answer = lock.play("pass 1000; revoke a = a | b");
  EXPECT_EQ(lock.held("a"), expected) << "neither its lease nor anything else of it";
  EXPECT_EQ(answer.mine, expected) << "whoever revokes is told whom";
}

TEST(Transition, ARevocationMarksOneHolderOnly) {
  lock_in_memory lock;
  lock.play("enqueue a b shared");
  const auto a = lock.held("a");
  lock.play("revoke b; pass 1000");
  EXPECT_EQ(lock.held("a"), a);
  EXPECT_TRUE(lock.held("b").revoked);
  lock.play("renew b -> not found; renew a -> found, until 5000");
  EXPECT_EQ(lock.held("b").until, kStart + 5000);
}

TEST(Transition, NothingThatARevokedHolderSendsProlongsItsLease) {
  for (const std::string op : {"heartbeat", "try", "enqueue", "amend"}) {
    lock_in_memory lock;
    lock.play("enqueue a; revoke a; pass 1000; " + op + " a delta=60000 -> revoked");
    EXPECT_EQ(lock.doc->holders, lock.before->holders) << op;
    EXPECT_TRUE(lock.doc->waiters.empty()) << op;
  }
}

TEST(Transition, ARevokedHolderKeepsTheLockUntilItsLeaseEndsOrItLetsGo) {
  play("enqueue a b; revoke a; pass 5499; heartbeat b = a | b; pass 1; heartbeat b -> held, not revoked = b |");
  play("enqueue a b; revoke a; release a -> found, heirs b = b |");
  play("enqueue a b; revoke a; release a keep=60000 = b |");
}

TEST(Transition, ACancelRemovesAHolderAtOnceAndForGood) {
  play("enqueue a b; cancel a tomb=30000 = b |; renew a -> not found; enqueue a -> dead");
}

TEST(Transition, ARevokedHeirIsNotAnnouncedAnyMoreAndKeepsItsFirstTerm) {
  lock_in_memory lock;
  lock.play("enqueue a; enqueue b delta=30000; release a -> heirs b");
  const auto first_term = lock.held("b").until;
  lock.play("revoke b -> no heirs; enqueue c; heartbeat c -> no heirs; heartbeat b delta=30000 -> revoked");
  EXPECT_EQ(lock.held("b").until, first_term);
}

TEST(Transition, ARevocationRepeatedChangesNothingMore) {
  lock_in_memory lock;
  lock.play("enqueue a; revoke a; revoke a -> found");
  EXPECT_EQ(lock.doc->holders, lock.before->holders);
}

TEST(Transition, OnlyALiveHolderIsRevoked) {
  play("revoke a -> not found = no document; enqueue a waits; revoke waits x -> not found");
  play("enqueue a b; pass 5500; revoke a -> not held = b |; heartbeat b -> not revoked");
  lock_in_memory lock;
  lock.play("enqueue a");
  lock.doc->ct = kStart + 1;  // mongo-dlock has it
  lock.doc->et = kStart + 5000;
  lock.play("revoke a -> not found");
}

TEST(Transition, WhoWasRevokedMayComeAgainWithAHigherToken) {
  lock_in_memory lock;
  const auto first = lock.play("enqueue a").mine->fence;
  lock.play("revoke a; enqueue a2 = a | a2; release a; heartbeat a2 -> held, not revoked");
  EXPECT_GT(lock.held("a2").fence, first);
}

}  // namespace
}  // namespace dlock::testing
