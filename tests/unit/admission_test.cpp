// Who gets in: exclusive claims, weights, capacity.
#include <gtest/gtest.h>

#include "unit/lock_in_memory.hpp"

namespace dlock::testing {
namespace {

TEST(Transition, TheFirstRequestMakesTheDocumentAndHolds) {
  for (const auto& first : {enqueue("a"), try_for("a")}) {
    lock_in_memory lock;
    const auto answer = lock(first);
    EXPECT_EQ(lock.state(), "a |");
    ASSERT_TRUE(answer.found);
    ASSERT_TRUE(answer.mine);
    EXPECT_EQ(answer.mine->id, "a");
    EXPECT_EQ(answer.mine->since, kStart);
    EXPECT_EQ(answer.mine->until, kStart + first.delta);
    EXPECT_TRUE(answer.mine->announced);
    EXPECT_EQ(answer.rev, 1);
  }
}

TEST(Transition, OnlyARequestForTheLockMakesTheDocument) {
  for (const auto op : {operation::heartbeat, operation::renew, operation::release, operation::cancel}) {
    lock_in_memory lock;
    const auto answer = lock(ask(op, "a"));
    EXPECT_EQ(answer, reply{}) << name_of(op);
    EXPECT_FALSE(lock.doc) << name_of(op);
    EXPECT_FALSE(creates(ask(op, "a"))) << name_of(op);
  }
  EXPECT_TRUE(creates(enqueue("a")));
  EXPECT_TRUE(creates(try_for("a")));
}

TEST(Transition, AnExclusiveHolderIsAlone) {
  lock_in_memory lock;
  lock(enqueue("a"));
  const auto answer = lock(enqueue("b"));
  EXPECT_EQ(lock.state(), "a | b");
  EXPECT_FALSE(answer.mine);
  EXPECT_EQ(answer.place, 0);
  EXPECT_EQ(answer.holders, 1);
  EXPECT_EQ(answer.queue, 1);
  EXPECT_EQ(answer.next_end, kStart + 5000);
  lock(with_weight(enqueue("c"), 1));
  EXPECT_EQ(lock.state(), "a | b c");
}

struct fit {
  const char* why;
  std::int64_t cap;
  std::vector<claim> held;
  claim asks;
  bool fits;
};

TEST(Transition, AClaimFitsOrNot) {
  const claim all{};
  const auto weight = [](std::int64_t w) { return claim{false, w}; };
  const fit table[] = {
      {"exclusive, nobody there", 0, {}, all, true},
      {"exclusive beside exclusive", 0, {all}, all, false},
      {"exclusive beside a weight", 0, {weight(1)}, all, false},
      {"a weight beside exclusive", 0, {all}, weight(1), false},
      {"readers beside readers", 0, {weight(1), weight(1), weight(1)}, weight(1), true},
      {"no capacity is no limit", 0, {weight(1'000'000)}, weight(1'000'000), true},
      {"the last permit", 3, {weight(1), weight(1)}, weight(1), true},
      {"one more than there are", 3, {weight(1), weight(1), weight(1)}, weight(1), false},
      {"all permits at once", 3, {}, weight(3), true},
      {"the rest, in one go", 5, {weight(3)}, weight(2), true},
      {"more than the rest", 5, {weight(3)}, weight(3), false},
      {"weights count, not holders", 5, {weight(4)}, weight(2), false},
      {"exclusive in a semaphore, free", 3, {}, all, true},
      {"exclusive in a semaphore with permits left", 3, {weight(1)}, all, false},
  };
  for (const auto& row : table) {
    SCOPED_TRACE(row.why);
    for (const auto op : {operation::try_, operation::enqueue}) {
      lock_in_memory lock;
      int n = 0;
      auto r = ask(operation::enqueue, "");
      r.cap = row.cap;
      for (const auto& c : row.held) {
        r.id = std::to_string(n++);
        r.what = c;
        ASSERT_TRUE(lock(r).mine) << r.id;
      }
      r.op = op;
      r.id = "asks";
      r.what = row.asks;
      const auto answer = lock(r);
      EXPECT_EQ(answer.mine.has_value(), row.fits) << name_of(op);
      EXPECT_EQ(answer.place, op == operation::enqueue && !row.fits ? 0 : -1) << name_of(op);
    }
  }
}

TEST(Transition, SeveralFitAtOnceWhenAnExclusiveHolderLeaves) {
  lock_in_memory lock;
  lock(enqueue("a"));
  for (const char* id : {"r1", "r2", "r3"}) lock(with_weight(enqueue(id), 1));
  lock(enqueue("w"));
  lock(with_weight(enqueue("r4"), 1));
  lock(release("a"));
  EXPECT_EQ(lock.state(), "r1 r2 r3 | w r4") << "readers up to the next writer";
}

TEST(Transition, OnlyOneExclusiveWaiterIsAdmittedAtATime) {
  lock_in_memory lock;
  for (const char* id : {"a", "b", "c"}) lock(enqueue(id));
  lock(release("a"));
  EXPECT_EQ(lock.state(), "b | c");
}

TEST(Transition, AReleasedPermitAdmitsAsManyAsFit) {
  lock_in_memory lock;
  lock(with_weight(enqueue("a"), 3, 4));
  lock(with_weight(enqueue("b"), 1, 4));
  lock(with_weight(enqueue("c"), 1, 4));
  lock(with_weight(enqueue("d"), 2, 4));
  lock(with_weight(enqueue("e"), 1, 4));
  ASSERT_EQ(lock.state(), "a b | c d e");
  lock(release("a"));
  EXPECT_EQ(lock.state(), "b c d | e");
}

// Without this check the head of the queue would never fit, and block everybody for ever.
TEST(Transition, AWeightAboveTheCapacityIsRefusedAtOnce) {
  for (const auto op : {operation::try_, operation::enqueue}) {
    lock_in_memory lock;
    const auto answer = lock(with_weight(ask(op, "a"), 4, 3));
    EXPECT_EQ(lock.state(), "|") << name_of(op);
    EXPECT_FALSE(answer.mine) << name_of(op);
    EXPECT_EQ(answer.place, -1) << name_of(op);
    lock(with_weight(enqueue("b"), 3, 3));
    EXPECT_EQ(lock.state(), "b |") << name_of(op);
  }
}

TEST(Transition, AnotherCapacityIsRefusedWhileTheLockIsInUse) {
  for (const auto op : {operation::try_, operation::enqueue}) {
    for (const std::int64_t other : {0, 2, 4}) {
      lock_in_memory lock;
      lock(with_weight(enqueue("a"), 1, 3));
      const auto holders = lock.doc->holders;
      const auto answer = lock(with_weight(ask(op, "b"), 1, other));
      EXPECT_EQ(lock.state(), "a |") << name_of(op) << ", cap " << other;
      EXPECT_EQ(lock.doc->holders, holders);
      EXPECT_EQ(answer.cap, 3) << "the answer says which one it has";
      EXPECT_FALSE(answer.mine);
      EXPECT_EQ(answer.place, -1);
    }
  }
}

TEST(Transition, ALockWithWaitersIsInUseToo) {
  lock_in_memory lock;
  lock(with_weight(enqueue("a"), 3, 3));
  lock(with_weight(enqueue("b"), 1, 3));
  lock.doc->holders.clear();
  lock.doc->et = lock.doc->ct = kStart + 10'000;  // mongo-dlock holds it: b cannot be admitted
  lock(with_weight(enqueue("c"), 1, 7));
  EXPECT_EQ(lock.state(), "| b");
  EXPECT_EQ(lock.doc->cap, 3);
}

TEST(Transition, AFreeLockTakesAnyCapacity) {
  lock_in_memory lock;
  lock(with_weight(enqueue("a"), 1, 3));
  lock(release("a"));
  EXPECT_TRUE(lock(with_weight(enqueue("b"), 5, 5)).mine);
  EXPECT_EQ(lock.doc->cap, 5);
  lock(release("b"));
  EXPECT_TRUE(lock(try_for("c")).mine);
  EXPECT_EQ(lock.doc->cap, 0);
}

TEST(Transition, AHolderKeepsWhatItAskedFor) {
  lock_in_memory lock;
  auto r = with_weight(enqueue("a"), 2, 5);
  r.who = "alice@host, pid 7";
  r.client = "process-1";
  const auto answer = lock(r);
  const auto& a = lock.held("a");
  EXPECT_EQ(a.what, r.what);
  EXPECT_EQ(a.delta, r.delta);
  EXPECT_EQ(a.who, r.who);
  EXPECT_EQ(a.client, r.client);
  EXPECT_EQ(answer.first, (holder_summary{r.who, a.fence, a.until}));
}

}  // namespace
}  // namespace dlock::testing
