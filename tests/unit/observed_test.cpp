// Locks with observed expiry: no clock ends anything; whoever was watched for long enough goes, unless it was heard of.
#include <gtest/gtest.h>

#include "protocol/batch.hpp"
#include "unit/lock_in_memory.hpp"

namespace dlock::testing {
namespace {

constexpr ms kOneDay = 86'400'000;
constexpr ms kJumps[] = {0, kOneDay, -kOneDay};

pulse pulse_of(const holder& h) {
  return {h.id, h.beat};
}
/// a holds it, and b waits.
void begin(lock_in_memory& lock) {
  lock.play("enqueue a b observed");
}
/// This step by somebody who has watched these for long enough.
reply expire(lock_in_memory& lock, const std::string& step, std::vector<pulse> watched) {
  auto r = lock.told.asked(step + " observed");
  r.expire = std::move(watched);
  return lock(r);
}

TEST(Observed, NoClockEndsALease) {
  for (const ms jump : kJumps) {
    lock_in_memory lock;
    begin(lock);
    lock.clock += jump;
    lock.play("heartbeat b observed -> place 0; try c observed -> not held = a | b; renew a observed -> held");
  }
}

TEST(Observed, WhoeverWasWatchedGoesAndTheHeadIsAdmitted) {
  for (const ms jump : kJumps) {
    lock_in_memory lock;
    begin(lock);
    const auto token = lock.held("a").fence;
    lock.clock += jump;
    const auto answer = expire(lock, "heartbeat b", {pulse_of(lock.held("a"))});
    EXPECT_EQ(lock.state(), "b |");
    EXPECT_GT(answer.mine.value().fence, token);
    lock.play("renew a observed -> not found");  // it has lost the lock
  }
}

TEST(Observed, WhoeverWasHeardOfMeanwhileStays) {
  for (const std::string op : {"enqueue", "try", "heartbeat", "renew", "amend"}) {
    lock_in_memory lock;
    begin(lock);
    const auto seen = pulse_of(lock.held("a"));
    lock.play(op + " a observed");
    EXPECT_NE(lock.held("a").beat, seen.beat) << op;
    expire(lock, "heartbeat b", {seen});
    EXPECT_EQ(lock.state(), "a | b") << op;
  }
}

TEST(Observed, SomebodyElsesBeatMeansNothing) {
  lock_in_memory lock;
  begin(lock);
  expire(lock, "heartbeat b", {{"a", lock.held("a").beat + 1}, {"z", lock.held("a").beat}});
  EXPECT_EQ(lock.state(), "a | b");
}

TEST(Observed, OnlyThoseWhoWaitExpireOthers) {
  for (const char* step : {"cancel b", "release nobody", "revoke nobody", "amend nobody"}) {
    lock_in_memory lock;
    begin(lock);
    expire(lock, step, {pulse_of(lock.held("a"))});
    EXPECT_EQ(lock.held("a").id, "a") << step;
  }
}

TEST(Observed, ATryTakesOverWhatWasWatched) {
  lock_in_memory lock;
  const auto beat = lock.play("enqueue a observed").mine->beat;
  const auto busy = lock.play("try b observed -> not held");
  EXPECT_EQ(busy.signs, (std::vector<sign>{{"a", beat, 5000}}));
  EXPECT_TRUE(expire(lock, "try c", {{"a", beat}}).mine);
}

TEST(Observed, AReplyNamesTheHoldersAndThoseJustBefore) {
  lock_in_memory lock;
  begin(lock);
  const auto answer = lock.play("enqueue c d e f observed; heartbeat f observed");
  std::string names;
  for (const auto& s : answer.signs) names += s.id;
  EXPECT_EQ(names, "acde");
  EXPECT_EQ(answer.signs[0].span, 5000);
  EXPECT_EQ(answer.signs[1].span, 15000) << "a waiter's life";
  EXPECT_TRUE(lock.play("renew a observed").signs.empty()) << "who holds watches nobody";
}

TEST(Observed, ADeadWaiterGoesInTheSameWay) {
  lock_in_memory lock;
  begin(lock);
  lock.play("enqueue c observed");
  expire(lock, "heartbeat c", {{"b", lock.queued("b").beat}});
  EXPECT_EQ(lock.state(), "a | c");
  const auto beat = lock.queued("c").beat;
  lock.play("heartbeat c observed; enqueue d observed");
  expire(lock, "heartbeat d", {{"c", beat}});
  EXPECT_EQ(lock.state(), "a | c d") << "c was heard of";
}

TEST(Observed, AnHeirIsWatchedForItsFirstTermUntilItIsHeardOf) {
  lock_in_memory lock;
  lock.play("enqueue a observed; enqueue b term=2000 observed; enqueue c observed; release a observed");
  EXPECT_EQ(lock.held("b").span, 2000);
  EXPECT_EQ(lock.held("b").beat, lock.doc->rev) << "of its grant, not of its wait";
  lock.play("renew b observed");
  EXPECT_EQ(lock.held("b").span, 5000);
}

TEST(Observed, ARevokedHolderIsNotHeardOfAnyMore) {
  lock_in_memory lock;
  begin(lock);
  const auto seen = pulse_of(lock.held("a"));
  lock.play("revoke a observed; renew a observed -> not found; heartbeat a observed");
  EXPECT_EQ(pulse_of(lock.held("a")), seen) << "watched since before, it goes no later";
  expire(lock, "heartbeat b", {seen});
  EXPECT_EQ(lock.state(), "b |");
}

TEST(Observed, WhatIsKeptIsWatchedForWhatIsLeft) {
  lock_in_memory lock;
  begin(lock);
  lock.clock += kOneDay;
  lock.play("release a keep=700 observed = a/kept | b");
  const auto kept = lock.held("a/kept");
  EXPECT_EQ(kept.span, 700);
  EXPECT_EQ(kept.until, lock.clock + 700);
  EXPECT_EQ(kept.beat, lock.doc->rev) << "it counts from the release, not from the last renewal";
  lock.play("renew a observed -> not found");
  expire(lock, "heartbeat b", {pulse_of(kept)});
  EXPECT_EQ(lock.state(), "b |");
}

TEST(Observed, TheNewestTombstonesStay) {
  lock_in_memory lock;
  begin(lock);
  for (int i = 0; i < 40; ++i) lock.play("cancel x" + std::to_string(i) + " tomb=1 observed");
  lock.clock += kOneDay;
  lock.play("heartbeat b observed");
  EXPECT_EQ(lock.doc->gone.size(), static_cast<std::size_t>(tombstones));
  lock.play("enqueue x39 x8 observed = a | b; enqueue x7 observed = a | b x7");  // so many are kept, and no more
}

TEST(Observed, NothingIsThereForTheTtlIndexOrForMongoDlock) {
  lock_in_memory lock;
  begin(lock);
  for (const char* step : {"renew a", "heartbeat b", "release a", "release b"}) {
    lock.play(std::string(step) + " observed");
    EXPECT_TRUE(lock.doc->observed);
    EXPECT_FALSE(lock.doc->et || lock.doc->ct || lock.doc->mine);
    EXPECT_EQ(lock.doc->lockd, lockd_flag::absent);
  }
  EXPECT_EQ(lock.state(), "|");
}

TEST(Observed, ALockOfTheOtherExpiryIsLeftAsItIs) {
  for (const std::string first : {" observed", ""}) {
    const std::string second = first.empty() ? " observed" : "";
    lock_in_memory lock;
    lock.play("enqueue a" + first);
    const auto before = lock.doc;
    for (const char* step : {"enqueue b", "try b", "heartbeat a", "cancel a"}) {
      const auto answer = lock.play(step + second);
      EXPECT_TRUE(answer.found && !answer.valid && answer.other_expiry) << step;
      EXPECT_EQ(lock.doc, before) << step;
    }
    for (const char* step : {"renew a", "release a", "revoke a", "amend a"}) lock.play(step + second + " -> not found");
  }
}

TEST(Observed, AFreeLockOfTheServersClockBecomesOneAndStaysOne) {
  lock_in_memory lock;
  const auto token = lock.play("enqueue a").mine->fence;
  lock.play("release a");
  lock.clock -= kOneDay;
  EXPECT_GT(lock.play("enqueue b observed -> held").mine->fence, token);
  EXPECT_TRUE(lock.doc->observed);
  EXPECT_FALSE(lock.doc->et);
  EXPECT_TRUE(lock.play("release b observed; enqueue c").other_expiry);
}

TEST(Observed, WhatMongoDlockHasTouchedIsOfTheOtherExpiry) {
  lock_in_memory lock;
  lock.doc = document{.lockd = lockd_flag::yes, .ct = kStart - kOneDay, .et = kStart - kOneDay + 5};
  EXPECT_TRUE(lock.play("enqueue a observed").other_expiry);
}

TEST(Observed, ManyAtOnceLeaveItAsItIs) {
  lock_in_memory lock;
  lock.play("enqueue a w=1 of=3 observed");
  const auto out = transition(
      lock.doc, batch{lock.told.asked("enqueue b w=1 of=3"), lock.told.asked("release a w=1 of=3")}, lock.clock);
  EXPECT_EQ(out.after, lock.doc);
  EXPECT_TRUE(out.answers[0].other_expiry);
  EXPECT_FALSE(out.answers[1].found);
  EXPECT_FALSE(can_go_together(lock.told.asked("enqueue b w=1 of=3 observed")));
}

}  // namespace
}  // namespace dlock::testing
