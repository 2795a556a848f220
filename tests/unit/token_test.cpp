// Fencing tokens.
#include <gtest/gtest.h>

#include <limits>

#include "unit/lock_in_memory.hpp"

namespace dlock::testing {
namespace {

request with_floor(request r, std::int64_t floor) {
  r.floor = floor;
  return r;
}

TEST(Transition, ATokenIsTheNextThousandOrTheClock) {
  constexpr std::int64_t clock = kStart * 1000;
  struct {
    const char* why;
    std::int64_t fence, floor, token;
  } table[] = {
      {"a new lock starts at the clock", 0, 0, clock},
      {"the clock is ahead of the last token", 5000, 0, clock},
      {"the clock equals the last token", clock, 0, clock + 1000},
      {"the last token is just below the clock", clock - 1, 0, clock},
      {"one step per grant", clock + 7000, 0, clock + 8000},
      {"a sub-token is skipped to the next thousand", clock + 7001, 0, clock + 8000},
      {"the last sub-token, too", clock + 7999, 0, clock + 8000},
      {"what the client has seen counts", 0, clock + 3000, clock + 4000},
      {"its sub-token, too", 0, clock + 3999, clock + 4000},
      {"the higher of the two: the document's", clock + 9000, clock + 3000, clock + 10'000},
      {"the higher of the two: the client's", clock + 3000, clock + 9000, clock + 10'000},
  };
  for (const auto& row : table) {
    for (const auto op : {operation::enqueue, operation::try_}) {
      lock_in_memory lock;
      lock.doc.emplace().fence = row.fence;
      lock.doc->et = kStart;
      const auto answer = lock(with_floor(ask(op, "a"), row.floor));
      ASSERT_TRUE(answer.mine) << row.why;
      EXPECT_EQ(answer.mine->fence, row.token) << row.why;
      EXPECT_EQ(answer.fence, row.token) << row.why;
      EXPECT_EQ(lock.doc->fence, row.token) << row.why;
    }
  }
}

TEST(Transition, TokensStayBelowTwoToThe53) {
  lock_in_memory lock;
  lock.now = 7'258'118'400'000;  // the year 2200
  EXPECT_LT(lock(enqueue("a")).mine->fence, token_limit);
}

// Somebody typed it: the next tokens would be made of it, in this lock for ever.
TEST(Transition, AFenceThatNoServerHasWrittenIsNoFence) {
  const auto end = end_of_tokens(kStart);
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  for (const std::int64_t fence : {end, end + 1, std::int64_t{-1}, kMost, -kMost}) {
    lock_in_memory lock;
    lock.doc.emplace().fence = fence;
    lock.doc->et = kStart;
    const auto before = lock.doc;
    for (const auto op :
         {operation::try_, operation::enqueue, operation::heartbeat, operation::peek, operation::cancel}) {
      const auto answer = lock(ask(op, "a"));
      EXPECT_FALSE(answer.valid);
      EXPECT_EQ(answer.defect, "fence");
      EXPECT_EQ(answer.fence, 0) << "and nobody takes it for a token";
    }
    EXPECT_EQ(lock.doc, before) << "it is left as it is";
  }
  lock_in_memory lock;
  lock.doc.emplace().fence = end - 2 * token_step;
  lock.doc->et = kStart;
  EXPECT_EQ(lock(enqueue("a")).mine.value().fence, end - token_step) << "a clock that was set back by so much";
}

// With observed expiry an entry below zero would be nobody's, and its holder not alone.
TEST(Transition, ARevThatNoServerHasWrittenIsNone) {
  for (const std::int64_t rev : {std::int64_t{-5}, token_limit}) {
    for (const bool observed : {false, true}) {
      lock_in_memory lock;
      lock.doc.emplace().rev = rev;
      if (!observed) lock.doc->et = kStart;
      lock.doc->observed = observed;
      auto r = enqueue("a");
      r.observed = observed;
      EXPECT_EQ(lock(r).defect, "rev");
      EXPECT_EQ(lock.state(), "|");
    }
  }
}

// Its owner will see it; nobody else is told, and no token is made of it.
TEST(Transition, AHoldersTokenThatNoServerHasGrantedIsToldToNobodyElse) {
  for (const std::int64_t fence : {std::int64_t{0}, std::int64_t{-1}, end_of_tokens(kStart), token_limit}) {
    lock_in_memory lock;
    lock(enqueue("a"));
    const auto last = lock.doc->fence;
    lock(enqueue("b"));
    lock(release("a"));
    lock.doc->holders.at(0).fence = fence;  // b's
    const auto answer = lock(enqueue("c"));
    EXPECT_TRUE(answer.valid);
    EXPECT_EQ(answer.place, 0);
    EXPECT_EQ(answer.first.value().fence, 0);
    EXPECT_TRUE(answer.heirs.empty());
    EXPECT_EQ(lock(heartbeat("b")).mine.value().fence, fence);
    lock(release("b"));
    EXPECT_EQ(lock.held("c").fence, last + 2 * token_step);
  }
}

TEST(Transition, AHolderInALockThatIsNoneIsNotRenewed) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock.doc->fence = -1;
  for (const auto op : {operation::renew, operation::release, operation::amend, operation::revoke}) {
    const auto answer = lock(ask(op, "a"));
    EXPECT_FALSE(answer.valid);
    EXPECT_FALSE(answer.mine);
  }
  EXPECT_EQ(lock(renew("b")), reply{});
}

TEST(Transition, SeveralAdmittedAtOnceHaveTokensOfTheirOwn) {
  lock_in_memory lock;
  const auto first = lock(enqueue("a")).mine->fence;
  for (const char* id : {"r1", "r2", "r3"}) lock(with_weight(enqueue(id), 1));
  lock(release("a"));
  ASSERT_EQ(lock.state(), "r1 r2 r3 |");
  EXPECT_EQ(lock.held("r1").fence, first + 1000);
  EXPECT_EQ(lock.held("r2").fence, first + 2000);
  EXPECT_EQ(lock.held("r3").fence, first + 3000);
  EXPECT_EQ(lock.doc->fence, first + 3000) << "the document keeps the highest";
}

TEST(Transition, TokensRiseOverReleasesAtTheSameInstant) {
  lock_in_memory lock;
  std::int64_t last = 0;
  for (int i = 0; i < 5; ++i) {
    const auto answer = lock(try_for("a" + std::to_string(i)));
    EXPECT_GT(answer.mine->fence, last);
    last = answer.mine->fence;
    lock(release("a" + std::to_string(i)));
    EXPECT_EQ(lock.doc->fence, last) << "a release keeps the last token";
  }
}

TEST(Transition, TokensRiseWhenTheClockStepsBack) {
  lock_in_memory lock;
  const auto first = lock(try_for("a")).mine->fence;
  lock(release("a"));
  lock.now -= 100'000;
  EXPECT_EQ(lock(try_for("b")).mine->fence, first + 1000);
}

TEST(Transition, TokensRiseOverTheRemovalOfTheIdleDocument) {
  lock_in_memory lock;
  std::int64_t last = 0;
  for (int i = 0; i < 40; ++i) {  // faster than the clock, for a while
    last = lock(try_for("a" + std::to_string(i))).mine->fence;
    lock(release("a" + std::to_string(i)));
  }
  ASSERT_GT(last, kStart * 1000);
  lock.doc.reset();
  lock.now += 60'000;  // grace
  EXPECT_GT(lock(try_for("b")).mine->fence, last);
}

// mongo-dlock's unlock deletes the document at any moment: equal and falling tokens were seen.
TEST(Transition, WhatTheClientHasSeenOutlivesADocumentThatMongoDlockDeleted) {
  lock_in_memory lock;
  std::int64_t last = 0;
  for (int i = 0; i < 3; ++i) {
    last = lock(try_for("a" + std::to_string(i))).mine->fence;
    lock(release("a" + std::to_string(i)));
  }
  lock.doc.reset();
  EXPECT_EQ(lock(with_floor(try_for("b"), last)).mine->fence, last + 1000);
}

TEST(Transition, WhoeverAdmitsAddsWhatItHasSeen) {
  lock_in_memory lock;
  lock(enqueue("a"));
  lock(enqueue("b"));
  constexpr std::int64_t seen = kStart * 1000 + 50'000;
  lock(with_floor(release("a"), seen));
  EXPECT_EQ(lock.held("b").fence, seen + 1000);
}

TEST(Transition, WhatGrantsNothingUsesUpNoToken) {
  lock_in_memory lock;
  lock(enqueue("a"));
  const auto fence = lock.doc->fence;
  for (const auto& r :
       {enqueue("b"), try_for("c"), heartbeat("b"), heartbeat("a"), renew("a"), cancel("b"), enqueue("a")}) {
    lock(with_floor(r, fence + 90'000));
    EXPECT_EQ(lock.doc->fence, fence) << r;
    EXPECT_EQ(lock.held("a").fence, fence) << r;
  }
}

}  // namespace
}  // namespace dlock::testing
