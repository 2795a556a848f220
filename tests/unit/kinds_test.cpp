// What the kinds of locks promise, told as stories: readers and writers, permits, another number of them.
#include <gtest/gtest.h>

#include "unit/lock_in_memory.hpp"

namespace dlock::testing {
namespace {

request reader(const std::string& id) {
  return with_weight(enqueue(id), 1);
}

request permits(const std::string& id, std::int64_t k, std::int64_t of = 3) {
  return with_weight(enqueue(id), k, of);
}

// --- readers and writers
// ------------------------------------------------------------------------------------------------

TEST(Transition, ReadersThatKeepComingDoNotStarveAWriter) {
  lock_in_memory lock;
  lock(reader("r0"));
  lock(enqueue("w"));
  for (int i = 1; i <= 20; ++i) {
    const auto next = "r" + std::to_string(i);
    EXPECT_FALSE(lock(with_weight(try_for("t" + next), 1)).mine);
    lock(reader(next));
    EXPECT_EQ(lock.doc->holders.size(), 1u) << next;
  }
  lock(release("r0"));
  EXPECT_EQ(lock.held("w").what, claim{});
}

TEST(Transition, WritersThatKeepComingDoNotStarveAReader) {
  lock_in_memory lock;
  lock(enqueue("w0"));
  lock(enqueue("w1"));
  lock(reader("r"));
  for (const char* id : {"w2", "w3", "w4"}) lock(enqueue(id));
  lock(release("w0"));
  EXPECT_EQ(lock.state(), "w1 | r w2 w3 w4");
  lock(release("w1"));
  EXPECT_EQ(lock.state(), "r | w2 w3 w4") << "it came before them";
}

TEST(Transition, ReadersThatWaitedTogetherAreAdmittedTogether) {
  lock_in_memory lock;
  lock(reader("r0"));
  lock(enqueue("w"));
  for (const char* id : {"r1", "r2", "r3"}) lock(reader(id));
  lock(release("r0"));
  EXPECT_EQ(lock.state(), "w | r1 r2 r3");
  EXPECT_EQ(lock(release("w")).heirs.size(), 3u);
  EXPECT_EQ(lock.state(), "r1 r2 r3 |");
}

TEST(Transition, AWriterWaitsForTheLastReader) {
  lock_in_memory lock;
  lock(reader("r1"));
  lock(reader("r2"));
  lock(enqueue("w"));
  lock(release("r1"));
  EXPECT_EQ(lock.state(), "r2 | w");
  lock(release("r2"));
  EXPECT_EQ(lock.state(), "w |");
}

TEST(Transition, AReaderThatComesToReadersAloneIsLetIn) {
  lock_in_memory lock;
  lock(reader("r1"));
  EXPECT_TRUE(lock(with_weight(try_for("r2"), 1)).mine);
  EXPECT_TRUE(lock(reader("r3")).mine);
}

TEST(Transition, EveryReaderHasATokenOfItsOwnAndTheyRise) {
  lock_in_memory lock;
  lock(enqueue("w"));
  for (const char* id : {"r1", "r2", "r3"}) lock(reader(id));
  const auto writer = lock.held("w").fence;
  lock(release("w"));
  EXPECT_LT(writer, lock.held("r1").fence);
  EXPECT_LT(lock.held("r1").fence, lock.held("r2").fence);
  EXPECT_LT(lock.held("r2").fence, lock.held("r3").fence);
}

// --- permits
// ------------------------------------------------------------------------------------------------------------

TEST(Transition, SeveralPermitsAreTakenAtOnceOrNotAtAll) {
  lock_in_memory lock;
  lock(permits("a", 1));
  EXPECT_EQ(lock(permits("b", 3)).place, 0) << "2 are free, and it takes none of them";
  lock(cancel("b"));
  EXPECT_TRUE(lock(permits("c", 2)).mine);
  EXPECT_FALSE(lock(with_weight(try_for("d"), 1, 3)).mine);
}

TEST(Transition, WhoWaitsForThreeIsNotPassedByThoseWhoWantOne) {
  lock_in_memory lock;
  for (const char* id : {"a", "b", "c"}) lock(permits(id, 1));
  lock(permits("heavy", 3));
  lock(permits("light", 1));
  for (const char* id : {"a", "b"}) {
    lock(release(id));
    EXPECT_FALSE(lock(with_weight(try_for("x"), 1, 3)).mine);
    EXPECT_EQ(lock.doc->waiters.size(), 2u) << "a permit is free, and kept for it";
  }
  lock(release("c"));
  EXPECT_EQ(lock.state(), "heavy | light");
}

TEST(Transition, APermitOfTheDeadComesBack) {
  lock_in_memory lock;
  lock(permits("dead", 2));
  lock.now += 3000;
  lock(permits("b", 1));
  lock(permits("c", 2));
  lock.now += 2500;
  lock(heartbeat("c"));
  EXPECT_EQ(lock.state(), "b c |");
}

// --- another number of permits
// ----------------------------------------------------------------------------------------

TEST(Transition, MorePermitsAdmitWhoFitsNow) {
  lock_in_memory lock;
  lock(permits("a", 3));
  for (const char* id : {"b", "c", "d"}) lock(permits(id, 2));
  const auto a = lock.held("a");
  const auto answer = lock(lock.resize(7));
  EXPECT_EQ(lock.state(), "a b c | d");
  EXPECT_EQ(lock.held("a"), a);
  EXPECT_EQ(answer.cap, 7);
  EXPECT_EQ(answer.holders, 3);
  EXPECT_EQ(answer.queue, 1);
  EXPECT_EQ(answer.heirs.size(), 2u);
}

TEST(Transition, FewerPermitsTakeNoneAway) {
  lock_in_memory lock;
  for (const char* id : {"a", "b", "c"}) lock(permits(id, 1));
  const auto holders = lock.doc->holders;
  EXPECT_EQ(lock(lock.resize(1)).holders, 3);
  EXPECT_EQ(lock.doc->holders, holders);
  lock.now += 1000;
  EXPECT_TRUE(lock(renew("b")).found) << "nor are they lost later";
}

TEST(Transition, FewerPermitsAdmitNobodyUntilEnoughHaveComeBack) {
  lock_in_memory lock;
  for (const char* id : {"a", "b", "c"}) lock(permits(id, 1));
  lock(permits("d", 1));
  lock(lock.resize(2));
  EXPECT_EQ(lock.state(), "a b c | d");
  lock(release("a"));
  EXPECT_EQ(lock.state(), "b c | d") << "2 of 2";
  EXPECT_FALSE(lock(with_weight(try_for("x"), 1, 2)).mine);
  lock(release("b"));
  EXPECT_EQ(lock.state(), "c d |");
}

TEST(Transition, WhoWaitsForMoreThanThereAreLeavesAndTheOthersKeepTheirOrder) {
  lock_in_memory lock;
  lock(permits("a", 3));
  lock(permits("b", 3));
  lock(permits("c", 1));
  auto all = enqueue("all");
  all.cap = 3;
  lock(all);
  lock(permits("d", 3));
  lock(permits("e", 2));
  lock(lock.resize(2));
  EXPECT_EQ(lock.state(), "a | c all e") << "at the head they would wait for ever; who wants it alone does not";
  EXPECT_EQ(lock(heartbeat("b")).place, -1) << "so it learns of it";
  lock(release("a"));
  EXPECT_EQ(lock.state(), "c | all e");
}

TEST(Transition, WhenTheHeadLeavesTheNextOneIsAdmitted) {
  lock_in_memory lock;
  lock(permits("a", 1));
  lock(permits("b", 3));
  lock(permits("c", 1));
  lock(lock.resize(2));
  EXPECT_EQ(lock.state(), "a c |");
}

TEST(Transition, AfterAResizeTheOldNumberIsRefused) {
  lock_in_memory lock;
  lock(permits("a", 1));
  lock(lock.resize(5));
  const auto answer = lock(permits("b", 1, 3));
  EXPECT_EQ(answer.place, -1);
  EXPECT_EQ(answer.cap, 5) << "it is told the new one";
  EXPECT_TRUE(lock(permits("c", 4, 5)).mine);
}

TEST(Transition, ALockWithoutACapacityGetsNone) {
  lock_in_memory lock;
  EXPECT_EQ(lock(resize(3)), reply{}) << "no document";
  EXPECT_FALSE(creates(resize(3)));
  lock(enqueue("a"));
  const auto before = lock.doc;
  EXPECT_EQ(lock(resize(3)), reply{});
  EXPECT_EQ(lock.doc, before);
}

TEST(Transition, AResizeRepeatedIsTheSame) {
  lock_in_memory lock;
  lock(permits("a", 2));
  lock(permits("b", 2));
  lock(lock.resize(4));
  auto expected = *lock.doc;
  lock(lock.resize(4));
  ++expected.rev;
  EXPECT_EQ(*lock.doc, expected);
}

TEST(Transition, AResizeWhileMongoDlockHoldsAdmitsNobody) {
  lock_in_memory lock;
  lock(permits("a", 3));
  lock(permits("b", 3));
  lock.doc->ct = kStart + 1;
  lock.doc->et = kStart + 5000;
  const auto answer = lock(lock.resize(9));
  EXPECT_EQ(lock.state(), "| b");
  EXPECT_EQ(lock.doc->cap, 9);
  EXPECT_EQ(answer.foreign_until, kStart + 5000);
}

// resize(8) stalls, is repeated and answered; resize(4) is answered; the first copy arrives.
TEST(Transition, ALateCopyOfAResizeUndoesNoLaterOne) {
  lock_in_memory lock;
  lock(with_weight(enqueue("a"), 1, 2));
  const auto first = lock.resize(8);
  EXPECT_EQ(lock(first).cap, 8);
  EXPECT_EQ(lock(lock.resize(4)).cap, 4);
  const auto late = lock(first);
  EXPECT_EQ(lock.doc->cap, 4);
  EXPECT_EQ(late.cap, 4) << "the answer says what it is";
  EXPECT_EQ(late.resized, lock.doc->resized) << "and with what to ask again";
}

TEST(Transition, ALateResizeUndoesNoCapacityOfNewUsers) {
  lock_in_memory lock;
  lock(with_weight(enqueue("a"), 1, 2));
  const auto late = lock.resize(8);
  lock(release("a"));
  lock(with_weight(enqueue("b"), 1, 3));
  lock(late);
  EXPECT_EQ(lock.doc->cap, 3);
}

}  // namespace
}  // namespace dlock::testing
