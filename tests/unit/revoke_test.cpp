// Somebody else takes a lock off its holder, who may stop first.
#include <gtest/gtest.h>

#include "unit/lock_in_memory.hpp"

namespace dlock::testing {
namespace {

TEST(Transition, ARevokedHolderStaysAndIsMarked) {
  lock_in_memory lock;
  lock(with_value(enqueue("a"), "v"));
  lock(enqueue("b"));
  auto expected = lock.held("a");
  lock.now += 1000;
  const auto answer = lock(revoke("a"));
  expected.revoked = true;
  EXPECT_EQ(lock.held("a"), expected) << "neither its lease nor anything else of it";
  EXPECT_EQ(answer.mine, expected) << "whoever revokes is told whom";
  EXPECT_EQ(lock.state(), "a | b") << "it may still believe";
}

TEST(Transition, ARevocationMarksOneHolderOnly) {
  lock_in_memory lock;
  lock(with_weight(enqueue("a"), 1));
  lock(with_weight(enqueue("b"), 1));
  const auto a = lock.held("a");
  lock(revoke("b"));
  EXPECT_EQ(lock.held("a"), a);
  EXPECT_TRUE(lock.held("b").revoked);
}

TEST(Transition, ARenewalFindsNothingOfARevokedHolder) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock(revoke("a"));
  const auto before = lock.doc;
  EXPECT_EQ(lock(renew("a")), reply{});
  EXPECT_EQ(lock.doc, before);
}

TEST(Transition, TheOthersRenewAsBefore) {
  lock_in_memory lock;
  lock(with_weight(enqueue("a"), 1));
  lock(with_weight(enqueue("b"), 1));
  lock(revoke("a"));
  lock.now += 1000;
  EXPECT_TRUE(lock(renew("b")).found);
  EXPECT_EQ(lock.held("b").until, lock.now + 5000);
  EXPECT_EQ(lock.held("a").until, kStart + 5000);
}

TEST(Transition, NothingThatARevokedHolderSendsProlongsItsLease) {
  for (const auto op : {operation::heartbeat, operation::try_, operation::enqueue, operation::amend}) {
    lock_in_memory lock;
    lock(enqueue("a"));
    lock(revoke("a"));
    const auto before = lock.doc->holders;
    lock.now += 1000;
    const auto answer = lock(with_delta(ask(op, "a"), 60'000));
    EXPECT_EQ(lock.doc->holders, before) << name_of(op);
    EXPECT_TRUE(lock.doc->waiters.empty()) << name_of(op);
    EXPECT_TRUE(answer.mine.value().revoked) << name_of(op) << ": it learns of it";
  }
}

TEST(Transition, ARevokedHolderKeepsTheLockUntilItsLeaseEnds) {
  for (const ms early : {1, 0}) {
    lock_in_memory lock;
    lock(enqueue("a"));
    lock(enqueue("b"));
    lock(revoke("a"));
    lock.now += 5000 + kSkew - early;
    lock(heartbeat("b"));
    EXPECT_EQ(lock.state(), early == 1 ? "a | b" : "b |");
    EXPECT_EQ(early == 1, lock.doc->holders[0].revoked) << "the next one is not";
  }
}

TEST(Transition, ARevokedHolderThatLetsGoFreesTheLockAtOnce) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock(enqueue("b"));
  lock(revoke("a"));
  const auto answer = lock(release("a"));
  EXPECT_TRUE(answer.found);
  EXPECT_EQ(lock.state(), "b |");
  ASSERT_EQ(answer.heirs.size(), 1u);
  EXPECT_EQ(answer.heirs[0].id, "b");
}

TEST(Transition, ACancelTakesItOffAtOnceAndForGood) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock(enqueue("b"));
  auto now = cancel("a");
  now.tomb = 30'000;
  lock(now);
  EXPECT_EQ(lock.state(), "b |");
  EXPECT_FALSE(lock(renew("a")).found);
  EXPECT_TRUE(lock(enqueue("a")).dead) << "nor does a late request of it bring it back";
}

TEST(Transition, ARevokedHeirIsNotAnnouncedAnyMore) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock(with_delta(enqueue("b"), 30'000));
  ASSERT_EQ(lock(release("a")).heirs.size(), 1u);
  const auto first_term = lock.held("b").until;
  EXPECT_TRUE(lock(revoke("b")).heirs.empty());
  lock(enqueue("c"));
  EXPECT_TRUE(lock(heartbeat("c")).heirs.empty());
  const auto late = lock(with_delta(heartbeat("b"), 30'000));
  EXPECT_EQ(late.mine.value().until, first_term) << "it was told before: no more than its first term";
  EXPECT_TRUE(late.mine->revoked);
}

TEST(Transition, ARevocationRepeatedChangesNothingMore) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock(revoke("a"));
  auto expected = *lock.doc;
  EXPECT_TRUE(lock(revoke("a")).found) << "what was in doubt may be repeated";
  ++expected.rev;
  EXPECT_EQ(*lock.doc, expected);
}

TEST(Transition, OnlyAHolderIsRevoked) {
  lock_in_memory lock;
  EXPECT_EQ(lock(revoke("a")), reply{}) << "no document";
  EXPECT_FALSE(creates(revoke("a")));
  lock(enqueue("a"));
  lock(enqueue("waits"));
  const auto before = lock.doc;
  for (const char* id : {"waits", "unknown"}) {
    EXPECT_EQ(lock(revoke(id)), reply{}) << id;
    EXPECT_EQ(lock.doc, before) << id;
  }
}

TEST(Transition, ARevocationOfWhatHasEndedLetsTheNextOneIn) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock(enqueue("b"));
  lock.now += 5000 + kSkew;
  EXPECT_FALSE(lock(revoke("a")).mine);
  EXPECT_EQ(lock.state(), "b |");
  EXPECT_FALSE(lock.held("b").revoked);
}

TEST(Transition, MongoDlocksHolderIsNotRevoked) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock.doc->ct = kStart + 1;
  lock.doc->et = kStart + 5000;
  const auto before = lock.doc;
  EXPECT_EQ(lock(revoke("a")), reply{});
  EXPECT_EQ(lock.doc, before);
}

TEST(Transition, WhoWasRevokedMayComeAgain) {
  lock_in_memory lock;
  const auto first = lock(enqueue("a"));
  lock(revoke("a"));
  lock(enqueue("a2"));
  EXPECT_EQ(lock.state(), "a | a2") << "as somebody new";
  lock(release("a"));
  EXPECT_FALSE(lock.held("a2").revoked);
  EXPECT_GT(lock.held("a2").fence, first.mine->fence);
}

TEST(Transition, WhatWasRevokedIsNotKept) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock(enqueue("b"));
  lock(revoke("a"));
  auto keeps = release("a");
  keeps.keep = 60'000;
  lock(keeps);
  EXPECT_EQ(lock.state(), "b |");
}

}  // namespace
}  // namespace dlock::testing
