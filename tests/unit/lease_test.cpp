// Time: leases, skew, stale clocks, heirs, renewal, release with `keep`.
#include <gtest/gtest.h>

#include "unit/lock_in_memory.hpp"

namespace dlock::testing {
namespace {

// --- the end of an entry --------------------------------------------------------------------------------------------

TEST(Transition, AHolderEndsForOthersAtUntilPlusSkew) {
  play("enqueue a; pass 5499; try b -> not held = a |; pass 1; try b -> held = b |");
  play("enqueue a; pass 5000; try b skew=0 -> held");  // it is that of the request
}

TEST(Transition, AWaiterEndsAtUntilPlusSkew) {
  play("enqueue a delta=60000; enqueue b; pass 15499; heartbeat x = a | b; pass 1; heartbeat x = a |");
  play("enqueue a delta=15000; enqueue dead; pass 10000; enqueue b; pass 5500; heartbeat b = b |");
}

TEST(Transition, AnyCommandLetsTheNextOneIn) {
  play_each({"try", "heartbeat", "cancel"}, "enqueue a b; pass 5500; OP c -> heirs b = b |");
  play("enqueue a b; pass 5500; enqueue c -> heirs b = b | c");
}

TEST(Transition, TheAnswerTellsTheEarliestEndAndTheFirstHolder) {
  lock_in_memory lock;
  const auto answer = lock.play(
      "enqueue a delta=7000 shared who=alice; enqueue b delta=3000 shared; enqueue c delta=9000 shared -> ends 3000, "
      "holders 3");
  EXPECT_EQ(answer.first.value().who, "alice");
}

// --- a clock that is stale: $$NOW is fixed before the command waits for its locks -----------------------------------

TEST(Transition, AStalledRenewalNeverShortensALease) {
  play_each({"renew", "heartbeat", "enqueue", "try"},
            "enqueue a; pass 1500; renew a -> until 5000; OP a stale=1500 -> until 5000");
}

TEST(Transition, AStalledReleaseNeverShortensItsHeirsLease) {
  lock_in_memory lock;
  lock.play("enqueue a b; pass 1500; heartbeat b; release a stale=1500");
  EXPECT_EQ(lock.held("b").since, lock.clock) << "it was heard of then: its lease starts no earlier";
  EXPECT_EQ(lock.held("b").until, lock.clock + 5000);
}

TEST(Transition, AStalledHeartbeatOrAShorterLifeNeverShortensAWaitersLife) {
  for (const char* late : {"heartbeat b stale=1500", "enqueue b stale=1500", "heartbeat b life=100"}) {
    lock_in_memory lock;
    lock.play("enqueue a delta=60000; enqueue b; pass 1500; heartbeat b");
    const auto before = lock.queued("b");
    EXPECT_EQ(before.until, lock.clock + 15'000);
    lock.play(late);
    EXPECT_EQ(lock.queued("b"), before) << late;
  }
}

TEST(Transition, AWaitersLifeCountsFromWhenItWasLastHeardOf) {
  lock_in_memory lock;
  lock.play("enqueue a delta=60000; enqueue b; pass 1500; heartbeat b; heartbeat b life=30000 stale=1500");
  EXPECT_EQ(lock.queued("b").until, lock.clock + 30'000);
}

TEST(Transition, AStaleCommandEndsNobodyAndTellsItsOwnTime) {
  lock_in_memory lock;
  EXPECT_EQ(lock.play("enqueue a; try b stale=100000 = a |").now, kStart - 100'000);
}

// --- renewal --------------------------------------------------------------------------------------------------------

TEST(Transition, ARenewalGivesAWholeLeaseFromNow) {
  lock_in_memory lock;
  const auto granted = lock.play("enqueue a");
  const auto answer = lock.play("pass 2000; renew a delta=7000 -> until 7000");
  EXPECT_EQ(answer.mine->delta, 7000);
  EXPECT_EQ(answer.mine->fence, granted.mine->fence);
  EXPECT_EQ(answer.mine->since, granted.mine->since);
}

// "Already holder, unchanged" made a holder believe in its lease for more than a second too long.
TEST(Transition, AnAcquireThatFindsItselfHolderRenewsItself) {
  play_each({"enqueue", "try", "heartbeat"}, "enqueue a; pass 1090; OP a -> until 5000");
}

TEST(Transition, ARenewalTouchesNobodyElse) {
  lock_in_memory lock;
  lock.play("enqueue a shared; enqueue b shared delta=1000; enqueue c; pass 4000");  // b has ended
  auto expected = *lock.doc;
  lock.play("renew a");
  ++expected.rev;
  expected.holders[0].until = lock.clock + 5000;
  expected.et = lock.clock + 5000 + kSkew;
  EXPECT_EQ(*lock.doc, expected);
}

TEST(Transition, ARenewalAdmitsNobody) {
  lock_in_memory lock;
  lock.play("enqueue a b shared");
  lock.doc->waiters = {
      {.id = "d", .what = {false, 1}, .delta = 5000, .term = 5000, .seen = kStart, .until = kStart + 15'000}};
  lock.play("renew a = a b | d; heartbeat a = a b d |");
}

TEST(Transition, ARenewalIsInTimeUntilOthersMayPurge) {
  play("enqueue a; pass 5499; renew a -> found");
  play("enqueue a; pass 5500; renew a -> not found");
  play("enqueue a; pass 5500; try b; renew a -> not found = b |");
  play("enqueue a b; renew b -> not found");  // it only waits
}

// --- heirs ----------------------------------------------------------------------------------------------------------

TEST(Transition, AnHeirsFirstTermIsShort) {
  struct {
    std::string delta, term;
    ms first;
  } table[] = {{"30000", "5000", 5000}, {"2000", "5000", 2000}, {"5000", "5000", 5000}};
  for (const auto& row : table) {
    lock_in_memory lock;
    const auto answer =
        lock.play("enqueue a; enqueue b delta=" + row.delta + " term=" + row.term + "; pass 100; release a -> heirs b");
    const auto& b = lock.held("b");
    EXPECT_EQ(b.until, lock.clock + row.first) << row.delta << "/" << row.term;
    EXPECT_FALSE(b.announced);
    EXPECT_EQ(answer.heirs, (std::vector<heir>{{"b", "", b.fence, lock.clock, b.until}}));
  }
}

TEST(Transition, AnHeirsOwnFirstCommandGivesItTheWholeLease) {
  for (const std::string op : {"heartbeat", "enqueue", "renew", "try"}) {
    lock_in_memory lock;
    const auto answer = lock.play("enqueue a; enqueue b delta=30000; release a; pass 100; " + op +
                                  " b delta=30000 -> until 30000, no heirs");
    EXPECT_TRUE(answer.mine->announced) << op;
  }
}

TEST(Transition, WhoIsAdmittedByItsOwnCommandIsNoHeir) {
  lock_in_memory lock;
  const auto answer =
      lock.play("enqueue a; enqueue b delta=30000; pass 5500; heartbeat b -> held, until 30000, no heirs");
  EXPECT_TRUE(answer.mine->announced);
}

TEST(Transition, EveryAnswerNamesTheHeirsNobodyHasHeardOf) {
  lock_in_memory lock;
  const auto answer = lock.play("enqueue a; enqueue r1 r2 r3 shared client=inbox; release a -> heirs r1 r2 r3");
  EXPECT_EQ(answer.heirs.at(0).client, "inbox");
  lock.play("heartbeat r2 -> heirs r1 r3; renew r2 -> heirs r1 r3; try x shared -> heirs r1 r3");
}

TEST(Transition, AnHeirThatIsDeadCostsItsFirstTermOnly) {
  play("enqueue a; enqueue dead delta=600000; enqueue c; release a; pass 5500; heartbeat c = c |");
}

// --- release that keeps ---------------------------------------------------------------------------------------------

TEST(Transition, AReleasedLockStaysTakenForAsLongAsItWasMeantTo) {
  lock_in_memory lock;
  lock.play("enqueue a delta=30000; enqueue b; pass 1000; release a keep=10000 -> found = a/kept | b");
  EXPECT_EQ(lock.held("a/kept").until, kStart + 10'000) << "counted from the grant, and shorter than the lease";
  EXPECT_EQ(lock.doc->et, kStart + 10'000 + kSkew);
  lock.play("pass 9499; heartbeat b = a/kept | b; pass 1; heartbeat b = b |");
}

TEST(Transition, AKeptLockMayOutliveItsLeaseAndNoRenewalMovesIt) {
  play("enqueue a delta=2000; release a keep=60000; renew a -> not found; pass 50000; try b -> not held");
  play("enqueue a; enqueue b; release a; release b keep=10000 -> no heirs = b/kept |");
}

TEST(Transition, AKeepThatIsOverKeepsNothing) {
  play("enqueue a delta=30000; enqueue b; pass 2999; release a keep=3000 -> found = a/kept | b");
  play("enqueue a delta=30000; enqueue b; pass 3000; release a keep=3000 -> found = b |");
  play("enqueue a delta=30000; release a -> holders 0, nothing ends = |; try b -> held");
}

}  // namespace
}  // namespace dlock::testing
