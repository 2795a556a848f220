// What the kinds of locks promise, told as stories: readers and writers, permits, another number of them.
#include <gtest/gtest.h>

#include "unit/lock_in_memory.hpp"

namespace dlock::testing {
namespace {

// --- readers and writers --------------------------------------------------------------------------------------------

TEST(Transition, ReadersThatKeepComingDoNotStarveAWriter) {
  lock_in_memory lock;
  lock.play("enqueue r0 shared; enqueue w");
  for (int i = 1; i <= 20; ++i) {
    const auto next = std::to_string(i);
    lock.play("try t" + next + " shared -> not held; enqueue r" + next + " shared -> not held, holders 1");
  }
  lock.play("release r0; heartbeat w -> exclusive");
}

TEST(Transition, WritersThatKeepComingDoNotStarveAReader) {
  play("enqueue w0 w1; enqueue r shared; enqueue w2 w3; release w0 = w1 | r w2 w3; release w1 = r | w2 w3");
}

TEST(Transition, ReadersThatWaitedTogetherAreAdmittedTogether) {
  play(
      "enqueue r0 shared; enqueue w; enqueue r1 r2 r3 shared; release r0 = w | r1 r2 r3; "
      "release w -> heirs r1 r2 r3 = r1 r2 r3 |");
}

TEST(Transition, AWriterWaitsForTheLastReader) {
  play("enqueue r1 r2 shared; enqueue w; release r1 = r2 | w; release r2 = w |");
}

// --- permits --------------------------------------------------------------------------------------------------------

TEST(Transition, SeveralPermitsAreTakenAtOnceOrNotAtAll) {
  play(
      "enqueue a w=1 of=3; enqueue b w=3 of=3 -> place 0; cancel b; enqueue c w=2 of=3 -> held; "
      "try d w=1 of=3 -> not held");
}

TEST(Transition, WhoWaitsForThreeIsNotPassedByThoseWhoWantOne) {
  play(
      "enqueue a b c w=1 of=3; enqueue heavy w=3 of=3; enqueue light w=1 of=3; "
      "release a; try x w=1 of=3 -> not held = b c | heavy light; "
      "release b; try x w=1 of=3 -> not held = c | heavy light; release c = heavy | light");
}

TEST(Transition, APermitOfTheDeadComesBack) {
  play("enqueue dead w=2 of=3; pass 3000; enqueue b w=1 of=3; enqueue c w=2 of=3; pass 2500; heartbeat c = b c |");
}

// --- another number of permits --------------------------------------------------------------------------------------

TEST(Transition, MorePermitsAdmitWhoFitsNow) {
  lock_in_memory lock;
  lock.play("enqueue a w=3 of=3; enqueue b c d w=2 of=3");
  const auto a = lock.held("a");
  lock.play("resize x of=7 -> cap 7, holders 3, queue 1, heirs b c = a b c | d");
  EXPECT_EQ(lock.held("a"), a);
}

TEST(Transition, FewerPermitsTakeNoneAwayAndAdmitNobodyUntilEnoughHaveComeBack) {
  lock_in_memory lock;
  lock.play("enqueue a b c w=1 of=3; enqueue d w=1 of=3");
  const auto holders = lock.doc->holders;
  lock.play("resize x of=2 -> holders 3 = a b c | d");
  EXPECT_EQ(lock.doc->holders, holders);
  lock.play("pass 1000; renew b -> found; release a = b c | d; try x w=1 of=2 -> not held; release b = c d |");
}

TEST(Transition, WhoWaitsForMoreThanThereAreLeavesAndTheOthersKeepTheirOrder) {
  // At the head they would wait for ever; who wants the lock alone does not.
  play(
      "enqueue a b w=3 of=3; enqueue c w=1 of=3; enqueue all of=3; enqueue d w=3 of=3; enqueue e w=2 of=3; "
      "resize x of=2 = a | c all e; heartbeat b -> place -1; release a = c | all e");
  play("enqueue a w=1 of=3; enqueue b w=3 of=3; enqueue c w=1 of=3; resize x of=2 = a c |");
}

TEST(Transition, AfterAResizeTheOldNumberIsRefused) {
  play("enqueue a w=1 of=3; resize x of=5; enqueue b w=1 of=3 -> place -1, cap 5; enqueue c w=4 of=5 -> held");
}

TEST(Transition, ALockWithoutACapacityGetsNone) {
  play("enqueue a; resize x of=3 -> not found");
}

TEST(Transition, AResizeRepeatedIsTheSame) {
  lock_in_memory lock;
  lock.play("enqueue a b w=2 of=2; resize x of=4");
  auto expected = *lock.doc;
  lock.play("resize x of=4");
  ++expected.rev;
  EXPECT_EQ(*lock.doc, expected);
}

TEST(Transition, AResizeWhileMongoDlockHoldsAdmitsNobody) {
  lock_in_memory lock;
  lock.play("enqueue a b w=3 of=3");
  lock.doc->ct = kStart + 1;
  lock.doc->et = kStart + 5000;
  lock.play("resize x of=9 -> cap 9, foreign 5000 = | b");
}

// resize(8) stalls, is repeated and answered; resize(4) is answered; the first copy arrives.
TEST(Transition, ALateCopyOfAResizeUndoesNoLaterOne) {
  lock_in_memory lock;
  lock.play("enqueue a w=1 of=2");
  const auto first = lock.told.asked("resize x of=8");
  EXPECT_EQ(lock(first).cap, 8);
  lock.play("resize x of=4 -> cap 4");
  const auto late = lock(first);
  EXPECT_EQ(late.cap, 4) << "the answer says what it is";
  EXPECT_EQ(late.resized, lock.doc->resized) << "and with what to ask again";
  lock.play("release a; enqueue b w=1 of=3");
  lock(first);
  EXPECT_EQ(lock.doc->cap, 3) << "nor the capacity of new users";
}

}  // namespace
}  // namespace dlock::testing
