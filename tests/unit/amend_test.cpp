// A holder asks for less, or publishes another value: in one command, and without letting go.
#include <gtest/gtest.h>

#include "unit/lock_in_memory.hpp"

namespace dlock::testing {
namespace {

constexpr claim kExclusive{};
constexpr claim kShared{false, 1};

TEST(Transition, ADowngradeAdmitsTheReadersUpToTheNextWriter) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock(with_weight(enqueue("r1"), 1));
  lock(with_weight(enqueue("r2"), 1));
  lock(enqueue("w"));
  lock(with_weight(enqueue("r3"), 1));
  const auto answer = lock(with_weight(amend("a"), 1));
  EXPECT_EQ(lock.state(), "a r1 r2 | w r3") << "and nobody passes the writer";
  EXPECT_EQ(answer.mine.value().what, kShared);
  ASSERT_EQ(answer.heirs.size(), 2u);
  EXPECT_EQ(answer.heirs[0].id, "r1");
  EXPECT_EQ(answer.heirs[1].id, "r2");
}

TEST(Transition, ADowngradeBeforeAWriterAdmitsNobody) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock(enqueue("w"));
  lock(with_weight(enqueue("r"), 1));
  EXPECT_TRUE(lock(with_weight(amend("a"), 1)).heirs.empty());
  EXPECT_EQ(lock.state(), "a | w r") << "there is no gap for a writer either";
}

TEST(Transition, ADowngradeKeepsTheTokenAndTheGrantAndGivesAWholeLease) {
  lock_in_memory lock;
  auto first = enqueue("a");
  first.who = "alice";
  first.client = "inbox-a";
  lock(first);
  auto expected = lock.held("a");
  lock.now += 2000;
  const auto answer = lock(with_weight(amend("a"), 1));
  expected.what = kShared;
  expected.seq = 1;
  expected.until = lock.now + 5000;
  EXPECT_EQ(lock.held("a"), expected);
  EXPECT_EQ(answer.mine, expected);
  EXPECT_EQ(lock.doc->et, expected.until + kSkew);
}

TEST(Transition, ADowngradeNeverShortensALease) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock.now += 1500;
  lock(renew("a"));
  const auto until = lock.held("a").until;
  lock.at(kStart, with_weight(amend("a"), 1));
  EXPECT_EQ(lock.held("a").until, until) << "by a stale clock";
  lock(with_delta(with_weight(amend("a"), 1), 10));
  EXPECT_EQ(lock.held("a").until, until) << "by a shorter TTL";
}

TEST(Transition, ADowngradeRepeatedIsTheSame) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock(with_weight(enqueue("r"), 1));
  lock(with_weight(amend("a"), 1));
  auto expected = *lock.doc;
  EXPECT_TRUE(lock(with_weight(amend("a"), 1)).mine);
  ++expected.rev;
  EXPECT_EQ(*lock.doc, expected);
}

// Two readers who both want to become the writer would wait for each other.
TEST(Transition, AnUpgradeChangesNothing) {
  for (const bool alone : {true, false}) {
    lock_in_memory lock;
    lock(with_weight(enqueue("a"), 1));
    if (!alone) lock(with_weight(enqueue("b"), 1));
    const auto before = lock.doc->holders;
    const auto answer = lock(with_value(amend("a"), "new"));
    EXPECT_EQ(lock.doc->holders, before) << "nor does half of it: the value stays, too";
    EXPECT_EQ(answer.mine.value().what, kShared) << "the answer says so";
  }
}

TEST(Transition, AHeavierClaimChangesNothing) {
  lock_in_memory lock;
  lock(with_weight(enqueue("a"), 2, 5));
  const auto before = lock.doc->holders;
  EXPECT_EQ(lock(with_weight(amend("a"), 3)).mine.value().what.weight, 2) << "although there would be room";
  EXPECT_EQ(lock.doc->holders, before);
}

TEST(Transition, ALighterClaimAdmitsWhoFitsNow) {
  lock_in_memory lock;
  lock(with_weight(enqueue("a"), 4, 4));
  lock(with_weight(enqueue("b"), 3, 4));
  lock(with_weight(enqueue("c"), 1, 4));
  lock(with_weight(amend("a", 1), 2));
  EXPECT_EQ(lock.state(), "a | b c") << "2 of 4: not enough for the head, so nobody";
  lock(with_weight(amend("a", 2), 1));
  EXPECT_EQ(lock.state(), "a b | c");
}

TEST(Transition, AnExclusiveHolderTakesNoMoreThanTheCapacity) {
  for (const std::int64_t weight : {3, 4}) {
    lock_in_memory lock;
    auto r = enqueue("a");
    r.cap = 3;
    lock(r);
    lock(with_weight(amend("a"), weight));
    EXPECT_EQ(lock.held("a").what, weight <= 3 ? (claim{false, weight}) : kExclusive);
  }
}

TEST(Transition, WithoutACapacityAnExclusiveHolderMayTakeAnyWeight) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock(with_weight(amend("a"), 1000));
  EXPECT_EQ(lock.held("a").what.weight, 1000);
}

TEST(Transition, AnAmendmentIsARenewalEvenIfItAsksForTooMuch) {
  lock_in_memory lock;
  lock(with_weight(enqueue("a"), 1));
  lock.now += 2000;
  EXPECT_EQ(lock(amend("a")).mine.value().until, lock.now + 5000) << "every answer 'held' moved the lease";
}

TEST(Transition, AnAmendmentOfTheSameClaimPublishesAValue) {
  lock_in_memory lock;
  lock(with_value(enqueue("a"), "10.0.0.7"));
  const auto token = lock.held("a").fence;
  EXPECT_EQ(lock(with_value(amend("a"), "10.0.0.8")).mine.value().value, "10.0.0.8");
  EXPECT_EQ(lock.held("a").what, kExclusive);
  EXPECT_EQ(lock.held("a").fence, token);
  lock(amend("a", 2));
  EXPECT_EQ(lock.held("a").value, "") << "it replaces: who only downgrades says the value again";
}

// Its first copy stalled, and it was repeated; then another one was answered.
TEST(Transition, ALateCopyOfAnAmendmentUndoesNoLaterOne) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock(with_value(amend("a", 1), "A"));
  lock(with_value(amend("a", 2), "B"));
  lock.now += 1000;
  const auto answer = lock(with_value(amend("a", 1), "A"));
  EXPECT_EQ(lock.held("a").value, "B");
  EXPECT_EQ(answer.mine.value().value, "B");
  EXPECT_EQ(lock.held("a").until, lock.now + 5000) << "it renews all the same: what it answers is that it is held";
  lock(with_value(amend("a", 3), "C"));
  EXPECT_EQ(lock.held("a").value, "C");
}

TEST(Transition, AnAmendmentThatIsOvertakenHasNoEffect) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock(with_weight(amend("a", 2), 1));
  lock(with_weight(enqueue("r"), 1));
  EXPECT_EQ(lock.state(), "a r |");
  lock(with_value(with_weight(amend("a", 1), 1), "late"));
  EXPECT_EQ(lock.held("a").value, "");
}

TEST(Transition, AValueComesAlongThroughTheQueue) {
  lock_in_memory lock;
  lock(with_value(enqueue("a"), "of a"));
  lock(with_value(enqueue("b"), "of b"));
  EXPECT_EQ(lock.held("a").value, "of a");
  EXPECT_EQ(lock.queued("b").value, "of b");
  lock(release("a"));
  EXPECT_EQ(lock.held("b").value, "of b");
  lock(with_value(heartbeat("b"), "something else"));
  EXPECT_EQ(lock.held("b").value, "of b") << "only an amendment changes it";
}

TEST(Transition, AWaiterSaysSinceWhenItWaits) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock.now += 100;
  lock(enqueue("b"));
  lock.now += 100;
  lock(enqueue("b"));
  lock(heartbeat("b"));
  EXPECT_EQ(lock.queued("b").since, kStart + 100) << "whatever it sends later";
}

TEST(Transition, NobodyAmendsWhatItDoesNotHold) {
  lock_in_memory lock;
  EXPECT_EQ(lock(amend("a")), reply{}) << "no document";
  EXPECT_FALSE(creates(amend("a")));
  lock(enqueue("a"));
  lock(enqueue("waits"));
  const auto before = lock.doc;
  for (const char* id : {"waits", "unknown"}) {
    EXPECT_EQ(lock(with_weight(amend(id), 1)), reply{}) << id;
    EXPECT_EQ(lock.doc, before) << id;
  }
}

TEST(Transition, AnAmendmentAfterTheEndDoesNotReviveALease) {
  for (const ms early : {1, 0}) {
    lock_in_memory lock;
    lock(enqueue("a"));
    lock(enqueue("b"));
    lock.now += 5000 + kSkew - early;
    const auto answer = lock(with_weight(amend("a"), 1));
    EXPECT_EQ(answer.mine.has_value(), early == 1);
    EXPECT_EQ(lock.state(), early == 1 ? "a | b" : "b |");
  }
}

TEST(Transition, AnAmendmentFindsNothingOnceMongoDlockHolds) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock.doc->ct = kStart + 1;
  lock.doc->et = kStart + 5000;
  const auto before = lock.doc;
  EXPECT_EQ(lock(with_weight(amend("a"), 1)), reply{});
  EXPECT_EQ(lock.doc, before);
}

TEST(Transition, AHolderThatIsRevokedAmendsNothing) {
  lock_in_memory lock;
  lock(with_value(enqueue("a"), "old"));
  lock(with_weight(enqueue("r"), 1));
  lock(revoke("a"));
  const auto before = lock.doc->holders;
  lock.now += 1000;
  const auto answer = lock(with_value(with_weight(amend("a"), 1), "new"));
  EXPECT_EQ(lock.doc->holders, before);
  EXPECT_EQ(lock.state(), "a | r");
  EXPECT_TRUE(answer.mine.value().revoked) << "so that it learns of it";
}

TEST(Transition, AnHeirThatAmendsIsHeardOf) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock(with_delta(enqueue("b"), 30'000));
  lock(release("a"));
  lock.now += 100;
  const auto answer = lock(with_delta(with_weight(amend("b"), 1), 30'000));
  EXPECT_TRUE(answer.heirs.empty());
  EXPECT_EQ(lock.held("b").until, lock.now + 30'000);
}

}  // namespace
}  // namespace dlock::testing
