// Who gets in: exclusive claims, weights, capacity.
#include <gtest/gtest.h>

#include "unit/lock_in_memory.hpp"

namespace dlock::testing {
namespace {

TEST(Transition, TheFirstRequestMakesTheDocumentAndHolds) {
  for (const std::string op : {"enqueue", "try"}) {
    lock_in_memory lock;
    const auto answer = lock.play(op + " a -> found, held, until 5000 = a |");
    EXPECT_EQ(answer.mine->id, "a");
    EXPECT_EQ(answer.mine->since, kStart);
    EXPECT_TRUE(answer.mine->announced);
    EXPECT_EQ(answer.rev, 1);
  }
}

TEST(Transition, OnlyARequestForTheLockMakesTheDocument) {
  lock_in_memory lock;
  for (const char* step : {"heartbeat a", "renew a", "release a", "cancel a", "amend a", "revoke a", "resize a of=3"}) {
    lock.play(std::string(step) + " -> not found = no document");
    EXPECT_FALSE(creates(lock.told.asked(step))) << step;
  }
  for (const char* step : {"enqueue a", "try a", "cancel a tomb=1"})
    EXPECT_TRUE(creates(lock.told.asked(step))) << step;
}

TEST(Transition, AnExclusiveHolderIsAlone) {
  play("enqueue a; enqueue b -> not held, place 0, holders 1, queue 1, ends 5000 = a | b; enqueue c shared = a | b c");
}

struct fit {
  const char* why;
  std::string held, asks;
  bool fits;
};

TEST(Transition, AClaimFitsOrNot) {
  const fit table[] = {
      {"exclusive, nobody there", "", "x", true},
      {"exclusive beside exclusive", "enqueue a;", "x", false},
      {"exclusive beside a weight", "enqueue a shared;", "x", false},
      {"a weight beside exclusive", "enqueue a;", "x shared", false},
      {"readers beside readers", "enqueue a b c shared;", "x shared", true},
      {"no capacity is no limit", "enqueue a w=1000000;", "x w=1000000", true},
      {"the last permit", "enqueue a b w=1 of=3;", "x w=1 of=3", true},
      {"one more than there are", "enqueue a b c w=1 of=3;", "x w=1 of=3", false},
      {"all permits at once", "", "x w=3 of=3", true},
      {"the rest, in one go", "enqueue a w=3 of=5;", "x w=2 of=5", true},
      {"more than the rest", "enqueue a w=3 of=5;", "x w=3 of=5", false},
      {"weights count, not holders", "enqueue a w=4 of=5;", "x w=2 of=5", false},
      {"exclusive in a semaphore, free", "", "x of=3", true},
      {"exclusive in a semaphore with permits left", "enqueue a w=1 of=3;", "x of=3", false},
  };
  for (const auto& row : table) {
    SCOPED_TRACE(row.why);
    play(row.held + "try " + row.asks + (row.fits ? "-> held" : " -> not held, place -1"));
    play(row.held + "enqueue " + row.asks + (row.fits ? " -> held, place -1" : " -> not held, place 0"));
  }
}

TEST(Transition, AReleaseAdmitsAsManyAsFit) {
  play("enqueue a b c; release a = b | c");
  play("enqueue a; enqueue r1 r2 r3 shared; enqueue w; enqueue r4 shared; release a = r1 r2 r3 | w r4");
  play(
      "enqueue a w=3 of=4; enqueue b c w=1 of=4; enqueue d w=2 of=4; enqueue e w=1 of=4 = a b | c d e; "
      "release a = b c d | e");
}

// Without this check the head of the queue would never fit, and block everybody for ever.
TEST(Transition, AWeightAboveTheCapacityIsRefusedAtOnce) {
  play_each({"try", "enqueue"}, "OP a w=4 of=3 -> not held, place -1 = |; enqueue b w=3 of=3 = b |");
}

TEST(Transition, AnotherCapacityIsRefusedWhileTheLockIsInUse) {
  for (const std::string other : {"", " of=2", " of=4"}) {
    play_each({"try", "enqueue"},
              "enqueue a w=1 of=3; OP b w=1" + other + " -> not held, place -1, cap 3, holders 1 = a |");
  }
  lock_in_memory lock;
  lock.play("enqueue a w=3 of=3; enqueue b w=1 of=3");
  lock.doc->holders.clear();
  lock.doc->et = lock.doc->ct =
      kStart + 10'000;  // mongo-dlock holds it: b cannot be admitted, and uses it all the same
  lock.play("enqueue c w=1 of=7 -> cap 3 = | b");
}

TEST(Transition, AFreeLockTakesAnyCapacity) {
  play("enqueue a w=1 of=3; release a; enqueue b w=5 of=5 -> held, cap 5; release b; try c -> held, cap 0");
}

TEST(Transition, AHolderKeepsWhatItAskedFor) {
  lock_in_memory lock;
  const auto answer = lock.play("enqueue a w=2 of=5 who=alice client=process-1 delta=7000");
  const auto& a = lock.held("a");
  EXPECT_EQ(a.what, (claim{false, 2}));
  EXPECT_EQ(a.delta, 7000);
  EXPECT_EQ(a.who, "alice");
  EXPECT_EQ(a.client, "process-1");
  EXPECT_EQ(answer.first, (holder_summary{"alice", a.fence, a.until}));
}

}  // namespace
}  // namespace dlock::testing
