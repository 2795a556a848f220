// Locks with observed expiry: no clock ends anything; whoever was watched for long enough goes, unless it was heard of.
#include <gtest/gtest.h>

#include "protocol/batch.hpp"
#include "unit/lock_in_memory.hpp"

namespace dlock::testing {
namespace {

constexpr ms kOneDay = 86'400'000;

request observed(request r, std::vector<pulse> expire = {}) {
  r.observed = true;
  r.expire = std::move(expire);
  return r;
}

pulse pulse_of(const holder& h) {
  return {h.id, h.beat};
}

struct lock_with_observers : lock_in_memory {
  lock_with_observers() {
    (*this)(observed(enqueue("a")));
    (*this)(observed(enqueue("b")));
  }
};

TEST(Observed, NoClockEndsALease) {
  for (const ms jump : {kOneDay, -kOneDay}) {
    lock_with_observers lock;
    lock.now += jump;
    EXPECT_TRUE(lock(observed(heartbeat("b"))).place == 0);
    EXPECT_FALSE(lock(observed(try_for("c"))).mine);
    EXPECT_EQ(lock.state(), "a | b");
    EXPECT_TRUE(lock(observed(renew("a"))).mine) << "nor for its holder";
  }
}

TEST(Observed, WhoeverWasWatchedGoesAndTheHeadIsAdmitted) {
  for (const ms jump : {ms{0}, kOneDay, -kOneDay}) {
    lock_with_observers lock;
    const auto token = lock.held("a").fence;
    lock.now += jump;
    const auto answer = lock(observed(heartbeat("b"), {pulse_of(lock.held("a"))}));
    EXPECT_EQ(lock.state(), "b |");
    ASSERT_TRUE(answer.mine);
    EXPECT_GT(answer.mine->fence, token);
    EXPECT_FALSE(lock(observed(renew("a"))).found) << "it has lost the lock";
  }
}

TEST(Observed, WhoeverWasHeardOfMeanwhileStays) {
  const std::vector<request> commands{enqueue("a"), try_for("a"), heartbeat("a"), renew("a"), amend("a")};
  for (const auto& command : commands) {
    lock_with_observers lock;
    const auto seen = pulse_of(lock.held("a"));
    lock(observed(command));
    EXPECT_NE(lock.held("a").beat, seen.beat) << name_of(command.op);
    lock(observed(heartbeat("b"), {seen}));
    EXPECT_EQ(lock.state(), "a | b") << name_of(command.op);
  }
}

TEST(Observed, SomebodyElsesBeatMeansNothing) {
  lock_with_observers lock;
  lock(observed(heartbeat("b"), {{"a", lock.held("a").beat + 1}, {"z", lock.held("a").beat}}));
  EXPECT_EQ(lock.state(), "a | b");
}

TEST(Observed, OnlyThoseWhoWaitExpireOthers) {
  for (const auto op : {operation::cancel, operation::release, operation::revoke, operation::amend}) {
    lock_with_observers lock;
    lock(observed(enqueue("c")));
    auto r = ask(op, op == operation::cancel ? "c" : "nobody");
    lock(observed(r, {pulse_of(lock.held("a"))}));
    EXPECT_EQ(lock.held("a").id, "a") << name_of(op);
  }
}

TEST(Observed, ATryTakesOverWhatWasWatched) {
  lock_in_memory lock;
  const auto first = lock(observed(enqueue("a")));
  const auto busy = lock(observed(try_for("b")));
  EXPECT_FALSE(busy.mine);
  ASSERT_EQ(busy.signs.size(), 1u);
  EXPECT_EQ(busy.signs[0], (sign{"a", first.mine->beat, 5000}));
  EXPECT_TRUE(lock(observed(try_for("c"), {{"a", busy.signs[0].beat}})).mine);
}

TEST(Observed, AReplyNamesTheHoldersAndThoseJustBefore) {
  lock_with_observers lock;
  for (const char* id : {"c", "d", "e", "f"}) lock(observed(enqueue(id)));
  std::string names;
  const auto answer = lock(observed(heartbeat("f")));
  for (const auto& s : answer.signs) names += s.id;
  EXPECT_EQ(names, "acde");
  EXPECT_EQ(answer.signs[0].span, 5000);
  EXPECT_EQ(answer.signs[1].span, 15000) << "a waiter's life";
  EXPECT_TRUE(lock(observed(renew("a"))).signs.empty()) << "who holds watches nobody";
}

TEST(Observed, ADeadWaiterGoesInTheSameWay) {
  lock_with_observers lock;
  lock(observed(enqueue("c")));
  lock(observed(heartbeat("c"), {{"b", lock.queued("b").beat}}));
  EXPECT_EQ(lock.state(), "a | c");
  const auto beat = lock.queued("c").beat;
  lock(observed(heartbeat("c")));
  lock(observed(enqueue("d")));
  lock(observed(heartbeat("d"), {{"c", beat}}));
  EXPECT_EQ(lock.state(), "a | c d") << "c was heard of";
}

TEST(Observed, AnHeirIsWatchedForItsFirstTermUntilItIsHeardOf) {
  lock_in_memory lock;
  auto b = observed(enqueue("b"));
  b.term = 2000;
  lock(observed(enqueue("a")));
  lock(b);
  lock(observed(enqueue("c")));
  lock(observed(release("a")));
  EXPECT_EQ(lock.held("b").span, 2000);
  EXPECT_EQ(lock.held("b").beat, lock.doc->rev) << "of its grant, not of its wait";
  lock(observed(renew("b")));
  EXPECT_EQ(lock.held("b").span, 5000);
}

TEST(Observed, ARevokedHolderIsNotHeardOfAnyMore) {
  lock_with_observers lock;
  const auto seen = pulse_of(lock.held("a"));
  lock(observed(revoke("a")));
  EXPECT_FALSE(lock(observed(renew("a"))).found);
  lock(observed(heartbeat("a")));
  EXPECT_EQ(pulse_of(lock.held("a")), seen) << "watched since before, it goes no later";
  lock(observed(heartbeat("b"), {seen}));
  EXPECT_EQ(lock.state(), "b |");
}

TEST(Observed, WhatIsKeptIsWatchedForWhatIsLeft) {
  lock_with_observers lock;
  lock.now += kOneDay;
  auto r = observed(release("a"));
  r.keep = 700;
  lock(r);
  EXPECT_EQ(lock.state(), "a/kept | b");
  const auto kept = lock.held("a/kept");
  EXPECT_EQ(kept.span, 700);
  EXPECT_EQ(kept.until, lock.now + 700);
  EXPECT_EQ(kept.beat, lock.doc->rev) << "it counts from the release, not from the last renewal";
  EXPECT_FALSE(lock(observed(renew("a"))).found);
  lock(observed(heartbeat("b"), {pulse_of(kept)}));
  EXPECT_EQ(lock.state(), "b |");
}

TEST(Observed, TheNewestTombstonesStay) {
  lock_with_observers lock;
  for (int i = 0; i < 40; ++i) {
    auto r = observed(cancel("x" + std::to_string(i)));
    r.tomb = 1;
    lock(r);
  }
  lock.now += kOneDay;
  lock(observed(heartbeat("b")));
  EXPECT_EQ(lock.doc->gone.size(), static_cast<std::size_t>(tombstones));
  lock(observed(enqueue("x39")));
  lock(observed(enqueue("x8")));
  EXPECT_EQ(lock.state(), "a | b");
  lock(observed(enqueue("x7")));
  EXPECT_EQ(lock.state(), "a | b x7") << "so many are kept, and no more";
}

TEST(Observed, NothingIsThereForTheTtlIndexOrForMongoDlock) {
  lock_with_observers lock;
  for (const auto& r : {renew("a"), heartbeat("b"), release("a"), release("b")}) {
    lock(observed(r));
    EXPECT_TRUE(lock.doc->observed);
    EXPECT_FALSE(lock.doc->et || lock.doc->ct || lock.doc->mine);
    EXPECT_EQ(lock.doc->lockd, lockd_flag::absent);
  }
  EXPECT_EQ(lock.state(), "|");
}

TEST(Observed, ALockOfTheOtherExpiryIsLeftAsItIs) {
  for (const bool mine : {true, false}) {
    lock_in_memory lock;
    const auto with = [](request r, bool o) {
      r.observed = o;
      return r;
    };
    lock(with(enqueue("a"), !mine));
    const auto before = lock.doc;
    for (const auto& r : {enqueue("b"), try_for("b"), heartbeat("a"), cancel("a")}) {
      const auto answer = lock(with(r, mine));
      EXPECT_TRUE(answer.found && !answer.valid && answer.other_expiry) << name_of(r.op);
      EXPECT_EQ(lock.doc, before) << name_of(r.op);
    }
    for (const auto& r : {renew("a"), release("a"), revoke("a"), amend("a")}) {
      EXPECT_EQ(lock(with(r, mine)), reply{}) << name_of(r.op);
      EXPECT_EQ(lock.doc, before) << name_of(r.op);
    }
  }
}

TEST(Observed, AFreeLockOfTheServersClockBecomesOne) {
  lock_in_memory lock;
  lock(enqueue("a"));
  const auto token = lock.held("a").fence;
  lock(release("a"));
  lock.now -= kOneDay;
  const auto answer = lock(observed(enqueue("b")));
  ASSERT_TRUE(answer.mine);
  EXPECT_GT(answer.mine->fence, token);
  EXPECT_TRUE(lock.doc->observed);
  EXPECT_FALSE(lock.doc->et);
  // And stays one, in use or not.
  lock(observed(release("b")));
  EXPECT_TRUE(lock(enqueue("c")).other_expiry);
}

TEST(Observed, WhatMongoDlockHasTouchedIsOfTheOtherExpiry) {
  lock_in_memory lock;
  lock.doc = document{.lockd = lockd_flag::yes, .ct = kStart - kOneDay, .et = kStart - kOneDay + 5};
  EXPECT_TRUE(lock(observed(enqueue("a"))).other_expiry);
}

TEST(Observed, ManyAtOnceLeaveItAsItIs) {
  lock_in_memory lock;
  lock(observed(with_weight(enqueue("a"), 1, 3)));
  const auto out =
      transition(lock.doc, batch{with_weight(enqueue("b"), 1, 3), with_weight(release("a"), 1, 3)}, lock.now);
  EXPECT_EQ(out.after, lock.doc);
  EXPECT_TRUE(out.answers[0].other_expiry);
  EXPECT_FALSE(out.answers[1].found);
  EXPECT_FALSE(can_go_together(observed(with_weight(enqueue("b"), 1, 3))));
}

}  // namespace
}  // namespace dlock::testing
