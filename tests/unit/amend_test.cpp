// A holder asks for less, or publishes another value: in one command, and without letting go.
#include <gtest/gtest.h>

#include "unit/lock_in_memory.hpp"

namespace dlock::testing {
namespace {

TEST(Transition, ADowngradeAdmitsTheReadersUpToTheNextWriter) {
  play(
      "enqueue a; enqueue r1 r2 shared; enqueue w; enqueue r3 shared; "
      "amend a shared -> weight 1, heirs r1 r2 = a r1 r2 | w r3");
  play("enqueue a w; enqueue r shared; amend a shared -> no heirs = a | w r");
}

TEST(Transition, ADowngradeKeepsTheTokenAndTheGrantAndGivesAWholeLease) {
  lock_in_memory lock;
  lock.play("enqueue a who=alice client=inbox-a");
  auto expected = lock.held("a");
  const auto answer = lock.play("pass 2000; amend a shared");
  expected.what = {false, 1};
  expected.seq = 1;
  expected.until = lock.clock + 5000;
  EXPECT_EQ(lock.held("a"), expected);
  EXPECT_EQ(answer.mine, expected);
  EXPECT_EQ(lock.doc->et, expected.until + kSkew);
}

TEST(Transition, ADowngradeNeverShortensALease) {
  play("enqueue a; pass 1500; renew a; amend a shared stale=1500 -> until 5000; amend a shared delta=10 -> until 5000");
}

TEST(Transition, ADowngradeRepeatedIsTheSame) {
  lock_in_memory lock;
  lock.play("enqueue a; enqueue r shared; amend a shared seq=1");
  auto expected = *lock.doc;
  lock.play("amend a shared seq=1 -> held");
  ++expected.rev;
  EXPECT_EQ(*lock.doc, expected);
}

// Two readers who both want to become the writer would wait for each other.
TEST(Transition, AnUpgradeOrAHeavierClaimChangesNothing) {
  for (const char* text :
       {"enqueue a shared; amend a value=new -> weight 1", "enqueue a b shared; amend a value=new -> weight 1",
        "enqueue a w=2 of=5; amend a w=3 -> weight 2"}) {
    lock_in_memory lock;
    lock.play(text);
    EXPECT_EQ(lock.doc->holders, lock.before->holders) << "nor does half of it: the value stays, too";
  }
}

TEST(Transition, ALighterClaimAdmitsWhoFitsNow) {
  play("enqueue a w=4 of=4; enqueue b w=3 of=4; enqueue c w=1 of=4; amend a w=2 = a | b c; amend a w=1 = a b | c");
}

TEST(Transition, AnExclusiveHolderTakesNoMoreThanTheCapacity) {
  play("enqueue a of=3; amend a w=4 -> exclusive; amend a w=3 -> weight 3");
  play("enqueue a; amend a w=1000 -> weight 1000");
}

TEST(Transition, AnAmendmentIsARenewalEvenIfItAsksForTooMuch) {
  play("enqueue a shared; pass 2000; amend a -> until 5000");
}

TEST(Transition, AnAmendmentOfTheSameClaimPublishesAValue) {
  lock_in_memory lock;
  const auto token = lock.play("enqueue a value=10.0.0.7").mine->fence;
  EXPECT_EQ(lock.play("amend a value=10.0.0.8 -> value 10.0.0.8, exclusive").mine->fence, token);
  lock.play("amend a");
  EXPECT_EQ(lock.held("a").value, "") << "it replaces: who only downgrades says the value again";
}

// Its first copy stalled, and it was repeated; then another one was answered.
TEST(Transition, ALateCopyOfAnAmendmentUndoesNoLaterOne) {
  play(
      "enqueue a; amend a seq=1 value=A; amend a seq=2 value=B; pass 1000; amend a seq=1 value=A -> value B, until "
      "5000;"
      "amend a seq=3 value=C -> value C");
  play(
      "enqueue a; amend a seq=2 shared; enqueue r shared = a r |; amend a seq=1 shared value=late -> weight 1;"
      "amend a seq=3 shared value=C -> value C");
}

TEST(Transition, AValueComesAlongThroughTheQueue) {
  lock_in_memory lock;
  lock.play("enqueue a value=A -> value A; enqueue b value=B");
  EXPECT_EQ(lock.queued("b").value, "B");
  lock.play("release a; heartbeat b value=other -> value B");  // only an amendment changes it
}

TEST(Transition, AWaiterSaysSinceWhenItWaits) {
  lock_in_memory lock;
  lock.play("enqueue a; pass 100; enqueue b; pass 100; enqueue b; heartbeat b");
  EXPECT_EQ(lock.queued("b").since, kStart + 100) << "whatever it sends later";
}

TEST(Transition, OnlyALiveHolderAmends) {
  play("enqueue a waits; amend waits unknown shared -> not found");
  play("enqueue a b; pass 5499; amend a shared -> held = a | b");
  play("enqueue a b; pass 5500; amend a shared -> not held = b |");
  lock_in_memory lock;
  lock.play("enqueue a");
  lock.doc->ct = kStart + 1;  // mongo-dlock has it
  lock.doc->et = kStart + 5000;
  lock.play("amend a shared -> not found");
}

TEST(Transition, AHolderThatIsRevokedAmendsNothing) {
  lock_in_memory lock;
  lock.play("enqueue a value=old; enqueue r shared; revoke a; pass 1000; amend a shared value=new -> revoked = a | r");
  EXPECT_EQ(lock.doc->holders, lock.before->holders);
}

TEST(Transition, AnHeirThatAmendsIsHeardOf) {
  play("enqueue a; enqueue b delta=30000; release a; pass 100; amend b delta=30000 shared -> no heirs, until 30000");
}

}  // namespace
}  // namespace dlock::testing
