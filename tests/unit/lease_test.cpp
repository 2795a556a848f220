// Time: leases, skew, stale clocks, heirs, renewal, release with `keep`.
#include <gtest/gtest.h>

#include "unit/lock_in_memory.hpp"

namespace dlock::testing {
namespace {

// --- the end of an entry
// ------------------------------------------------------------------------------------------------

TEST(Transition, AHolderEndsForOthersAtUntilPlusSkew) {
  for (const ms early : {1, 0}) {
    lock_in_memory lock;
    lock(enqueue("a"));
    lock.now += 5000 + kSkew - early;
    EXPECT_EQ(lock(try_for("b")).mine.has_value(), early == 0);
    EXPECT_EQ(lock.state(), early == 0 ? "b |" : "a |");
  }
}

TEST(Transition, TheSkewIsTheOneOfTheRequest) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock.now += 5000;
  auto strict = try_for("b");
  strict.skew = 0;
  EXPECT_TRUE(lock(strict).mine);
}

TEST(Transition, AWaiterEndsAtUntilPlusSkew) {
  for (const ms early : {1, 0}) {
    lock_in_memory lock;
    lock(with_delta(enqueue("a"), 60'000));
    lock(enqueue("b"));
    lock.now += 15'000 + kSkew - early;
    lock(heartbeat("nobody"));
    EXPECT_EQ(lock.state(), early == 0 ? "a |" : "a | b");
  }
}

TEST(Transition, AnyCommandLetsTheNextOneIn) {
  for (const auto op : {operation::try_, operation::enqueue, operation::heartbeat, operation::cancel}) {
    lock_in_memory lock;
    lock(enqueue("a"));
    lock(enqueue("b"));
    lock.now += 5000 + kSkew;
    const auto answer = lock(ask(op, "c"));
    EXPECT_EQ(lock.state(), op == operation::enqueue ? "b | c" : "b |") << name_of(op);
    ASSERT_EQ(answer.heirs.size(), 1u) << name_of(op);
    EXPECT_EQ(answer.heirs[0].id, "b") << name_of(op);
  }
}

TEST(Transition, ADeadWaiterIsPassedOver) {
  lock_in_memory lock;
  lock(with_delta(enqueue("a"), 15'000));
  lock(enqueue("dead"));
  lock.now += 10'000;
  lock(enqueue("b"));
  lock.now += 5500;
  lock(heartbeat("b"));
  EXPECT_EQ(lock.state(), "b |");
}

TEST(Transition, TheAnswerTellsTheEarliestEndAndTheFirstHolder) {
  lock_in_memory lock;
  auto a = with_weight(with_delta(enqueue("a"), 7000), 1);
  a.who = "alice";
  lock(a);
  lock(with_weight(with_delta(enqueue("b"), 3000), 1));
  const auto answer = lock(with_weight(with_delta(enqueue("c"), 9000), 1));
  EXPECT_EQ(answer.next_end, kStart + 3000);
  EXPECT_EQ(answer.holders, 3);
  EXPECT_EQ(answer.first.value().who, "alice");
}

// --- a clock that is stale: $$NOW is fixed before the command waits for its locks
// ---------------------------------------

TEST(Transition, AStalledRenewalNeverShortensALease) {
  for (const auto op : {operation::renew, operation::heartbeat, operation::enqueue, operation::try_}) {
    lock_in_memory lock;
    lock(enqueue("a"));
    lock.now += 1500;
    lock(renew("a"));
    const auto until = lock.held("a").until;
    ASSERT_EQ(until, kStart + 6500);
    const auto answer = lock.at(kStart, ask(op, "a"));
    EXPECT_EQ(lock.held("a").until, until) << name_of(op);
    EXPECT_EQ(answer.mine->until, until) << name_of(op);
  }
}

TEST(Transition, AStalledReleaseNeverShortensItsHeirsLease) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock(enqueue("b"));
  lock.now += 1500;
  lock(heartbeat("b"));
  lock.at(kStart, release("a"));
  const auto& b = lock.held("b");
  EXPECT_EQ(b.since, kStart + 1500) << "it was heard of then: its lease starts no earlier";
  EXPECT_EQ(b.until, kStart + 1500 + 5000);
}

TEST(Transition, AStalledHeartbeatNeverShortensAWaitersLife) {
  for (const auto op : {operation::heartbeat, operation::enqueue}) {
    lock_in_memory lock;
    lock(with_delta(enqueue("a"), 60'000));
    lock(enqueue("b"));
    lock.now += 1500;
    lock(heartbeat("b"));
    ASSERT_EQ(lock.queued("b").seen, kStart + 1500);
    ASSERT_EQ(lock.queued("b").until, kStart + 1500 + 15'000);
    const auto before = lock.queued("b");
    lock.at(kStart, ask(op, "b"));
    EXPECT_EQ(lock.queued("b"), before) << name_of(op);
  }
}

TEST(Transition, AWaitersLifeCountsFromWhenItWasLastHeardOf) {
  lock_in_memory lock;
  lock(with_delta(enqueue("a"), 60'000));
  lock(enqueue("b"));
  lock.now += 1500;
  lock(heartbeat("b"));
  auto longer = heartbeat("b");
  longer.life = 30'000;
  lock.at(kStart, longer);
  EXPECT_EQ(lock.queued("b").until, kStart + 1500 + 30'000);
}

TEST(Transition, AShorterLifeNeverShortensAWaitersLife) {
  lock_in_memory lock;
  lock(with_delta(enqueue("a"), 60'000));
  lock(enqueue("b"));
  auto shorter = heartbeat("b");
  shorter.life = 100;
  lock(shorter);
  EXPECT_EQ(lock.queued("b").until, kStart + 15'000);
}

TEST(Transition, AStaleCommandEndsNobody) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock.at(kStart - 100'000, try_for("b"));
  EXPECT_EQ(lock.state(), "a |");
}

TEST(Transition, TheAnswerCarriesTheTimeOfItsCommand) {
  lock_in_memory lock;
  lock(enqueue("a"));
  EXPECT_EQ(lock.at(kStart - 3, heartbeat("a")).now, kStart - 3);
}

// --- renewal
// ------------------------------------------------------------------------------------------------------------

TEST(Transition, ARenewalGivesAWholeLeaseFromNow) {
  lock_in_memory lock;
  const auto granted = lock(enqueue("a"));
  lock.now += 2000;
  const auto answer = lock(with_delta(renew("a"), 7000));
  EXPECT_EQ(answer.mine->until, lock.now + 7000);
  EXPECT_EQ(answer.mine->delta, 7000);
  EXPECT_EQ(answer.mine->fence, granted.mine->fence);
  EXPECT_EQ(answer.mine->since, granted.mine->since);
}

// "Already holder, unchanged" made a holder believe in its lease for more than a second too long.
TEST(Transition, AnAcquireThatFindsItselfHolderRenewsItself) {
  for (const auto op : {operation::enqueue, operation::try_, operation::heartbeat}) {
    lock_in_memory lock;
    lock(enqueue("a"));
    lock.now += 1090;
    EXPECT_EQ(lock(ask(op, "a")).mine->until, lock.now + 5000) << name_of(op);
  }
}

TEST(Transition, ARenewalTouchesNobodyElse) {
  lock_in_memory lock;
  lock(with_weight(enqueue("a"), 1));
  lock(with_weight(with_delta(enqueue("b"), 1000), 1));
  lock(enqueue("c"));
  auto expected = *lock.doc;
  lock.now += 4000;  // b has ended
  lock(renew("a"));
  ++expected.rev;
  expected.holders[0].until = lock.now + 5000;
  expected.et = lock.now + 5000 + kSkew;
  EXPECT_EQ(*lock.doc, expected);
}

TEST(Transition, ARenewalAdmitsNobody) {
  lock_in_memory lock;
  lock(with_weight(enqueue("a"), 1));
  lock(with_weight(with_delta(enqueue("b"), 1000), 1, 0));
  lock(with_weight(with_delta(enqueue("c"), 1000), 1, 0));
  lock.doc->waiters = {
      {.id = "d", .what = {false, 1}, .delta = 5000, .term = 5000, .seen = kStart, .until = kStart + 15'000}};
  lock(renew("a"));
  EXPECT_EQ(lock.state(), "a b c | d");
  lock(heartbeat("a"));
  EXPECT_EQ(lock.state(), "a b c d |") << "any other command does";
}

TEST(Transition, ARenewalIsInTimeUntilOthersMayPurge) {
  for (const ms early : {1, 0}) {
    lock_in_memory lock;
    lock(enqueue("a"));
    const auto before = lock.doc;
    lock.now += 5000 + kSkew - early;
    const auto answer = lock(renew("a"));
    EXPECT_EQ(answer.found, early == 1) << "no entry that is alive: lost";
    if (early == 0) {
      EXPECT_EQ(lock.doc, before);
    }
  }
}

TEST(Transition, ARenewalFindsNothingOnceAnotherHolds) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock.now += 5500;
  lock(try_for("b"));
  const auto before = lock.doc;
  EXPECT_EQ(lock(renew("a")), reply{});
  EXPECT_EQ(lock.doc, before);
}

TEST(Transition, AWaiterCannotRenewWhatItDoesNotHold) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock(enqueue("b"));
  const auto before = lock.doc;
  EXPECT_FALSE(lock(renew("b")).found);
  EXPECT_EQ(lock.doc, before);
}

// --- heirs
// --------------------------------------------------------------------------------------------------------------

TEST(Transition, AnHeirsFirstTermIsShort) {
  struct {
    ms delta, term, first;
  } table[] = {{30'000, 5000, 5000}, {2000, 5000, 2000}, {5000, 5000, 5000}};
  for (const auto& row : table) {
    lock_in_memory lock;
    lock(enqueue("a"));
    auto r = with_delta(enqueue("b"), row.delta);
    r.term = row.term;
    lock(r);
    lock.now += 100;
    const auto answer = lock(release("a"));
    EXPECT_EQ(lock.held("b").until, lock.now + row.first) << row.delta << "/" << row.term;
    EXPECT_FALSE(lock.held("b").announced);
    EXPECT_EQ(answer.heirs, (std::vector<heir>{{"b", "", lock.held("b").fence, lock.now, lock.now + row.first}}));
  }
}

TEST(Transition, AnHeirsOwnFirstCommandGivesItTheWholeLease) {
  for (const auto op : {operation::heartbeat, operation::enqueue, operation::renew, operation::try_}) {
    lock_in_memory lock;
    lock(enqueue("a"));
    auto r = with_delta(enqueue("b"), 30'000);
    lock(r);
    lock(release("a"));
    lock.now += 100;
    const auto answer = lock(with_delta(ask(op, "b"), 30'000));
    EXPECT_EQ(answer.mine->until, lock.now + 30'000) << name_of(op);
    EXPECT_TRUE(answer.mine->announced) << name_of(op);
    EXPECT_TRUE(answer.heirs.empty()) << name_of(op);
  }
}

TEST(Transition, WhoIsAdmittedByItsOwnCommandIsNoHeir) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock(with_delta(enqueue("b"), 30'000));
  lock.now += 5500;
  const auto answer = lock(heartbeat("b"));
  EXPECT_TRUE(answer.mine->announced);
  EXPECT_EQ(answer.mine->until, lock.now + 30'000);
  EXPECT_TRUE(answer.heirs.empty());
}

TEST(Transition, EveryAnswerNamesTheHeirsNobodyHasHeardOf) {
  lock_in_memory lock;
  lock(enqueue("a"));
  for (const char* id : {"r1", "r2", "r3"}) {
    auto r = with_weight(enqueue(id), 1);
    r.client = std::string("inbox of ") + id;
    lock(r);
  }
  const auto ids = [](const reply& answer) {
    std::string out;
    for (const auto& h : answer.heirs) out += h.id + "(" + h.client + ") ";
    return out;
  };
  EXPECT_EQ(ids(lock(release("a"))), "r1(inbox of r1) r2(inbox of r2) r3(inbox of r3) ");
  EXPECT_EQ(ids(lock(heartbeat("r2"))), "r1(inbox of r1) r3(inbox of r3) ");
  EXPECT_EQ(ids(lock(renew("r2"))), "r1(inbox of r1) r3(inbox of r3) ");
  EXPECT_EQ(ids(lock(with_weight(try_for("x"), 1))), "r1(inbox of r1) r3(inbox of r3) ");
}

TEST(Transition, AnHeirThatIsDeadCostsItsFirstTermOnly) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock(with_delta(enqueue("dead"), 600'000));
  lock(enqueue("c"));
  lock(release("a"));
  lock.now += 5000 + kSkew;
  lock(heartbeat("c"));
  EXPECT_EQ(lock.state(), "c |");
}

// --- release that keeps
// -------------------------------------------------------------------------------------------------

TEST(Transition, AReleasedLockStaysTakenForAsLongAsItWasMeantTo) {
  lock_in_memory lock;
  lock(with_delta(enqueue("a"), 30'000));
  lock(enqueue("b"));
  lock.now += 1000;
  auto r = release("a");
  r.keep = 10'000;
  const auto answer = lock(r);
  EXPECT_TRUE(answer.found);
  EXPECT_EQ(lock.state(), "a/kept | b");
  EXPECT_EQ(lock.held("a/kept").until, kStart + 10'000) << "counted from the grant, and shorter than the lease";
  EXPECT_EQ(lock.doc->et, kStart + 10'000 + kSkew);
  lock.now = kStart + 10'000 + kSkew - 1;
  lock(heartbeat("b"));
  EXPECT_EQ(lock.state(), "a/kept | b");
  lock.now += 1;
  lock(heartbeat("b"));
  EXPECT_EQ(lock.state(), "b |");
}

TEST(Transition, AnHeirThatReleasesAndKeepsIsHeardOf) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock(enqueue("b"));
  lock(release("a"));
  auto r = release("b");
  r.keep = 10'000;
  EXPECT_TRUE(lock(r).heirs.empty()) << "there is nobody to wake any more";
  EXPECT_EQ(lock.state(), "b/kept |");
}

TEST(Transition, AKeptLockMayOutliveItsLease) {
  lock_in_memory lock;
  lock(with_delta(enqueue("a"), 2000));
  auto r = release("a");
  r.keep = 60'000;
  lock(r);
  lock.now += 50'000;
  EXPECT_FALSE(lock(try_for("b")).mine);
}

TEST(Transition, AKeepThatIsOverKeepsNothing) {
  for (const ms early : {1, 0}) {
    lock_in_memory lock;
    lock(with_delta(enqueue("a"), 30'000));
    lock(enqueue("b"));
    lock.now += 3000 - early;
    auto r = release("a");
    r.keep = 3000;
    EXPECT_TRUE(lock(r).found);
    EXPECT_EQ(lock.state(), early == 0 ? "b |" : "a/kept | b");
  }
}

TEST(Transition, ARenewalOnItsWayCannotProlongAKeptLock) {
  lock_in_memory lock;
  lock(with_delta(enqueue("a"), 30'000));
  auto r = release("a");
  r.keep = 2000;
  lock(r);
  EXPECT_FALSE(lock(renew("a")).found);
  EXPECT_EQ(lock.held("a/kept").until, kStart + 2000);
}

TEST(Transition, AReleaseWithoutKeepFreesAtOnce) {
  lock_in_memory lock;
  lock(with_delta(enqueue("a"), 30'000));
  const auto answer = lock(release("a"));
  EXPECT_EQ(lock.state(), "|");
  EXPECT_EQ(answer.holders, 0);
  EXPECT_FALSE(answer.first);
  EXPECT_FALSE(answer.next_end);
  EXPECT_TRUE(lock(try_for("b")).mine);
}

}  // namespace
}  // namespace dlock::testing
