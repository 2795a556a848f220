// Fencing tokens.
#include <gtest/gtest.h>

#include <limits>

#include "unit/lock_in_memory.hpp"

namespace dlock::testing {
namespace {

std::string floor_of(std::int64_t seen) {
  return " floor=" + std::to_string(seen);
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
    for (const std::string op : {"enqueue a", "try a"}) {
      lock_in_memory lock;
      lock.doc.emplace().fence = row.fence;
      lock.doc->et = kStart;
      const auto answer = lock.play(op + floor_of(row.floor) + " -> held");
      EXPECT_EQ(answer.mine->fence, row.token) << row.why;
      EXPECT_EQ(answer.fence, row.token) << row.why;
      EXPECT_EQ(lock.doc->fence, row.token) << row.why;
    }
  }
}

TEST(Transition, TokensStayBelowTwoToThe53) {
  lock_in_memory lock;
  lock.clock = 7'258'118'400'000;  // the year 2200
  EXPECT_LT(lock.play("enqueue a").mine->fence, token_limit);
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
    for (const char* step : {"try a", "enqueue a", "heartbeat a", "peek a", "cancel a"}) {
      const auto answer = lock.play(step);
      EXPECT_FALSE(answer.valid);
      EXPECT_EQ(answer.defect, "fence");
      EXPECT_EQ(answer.fence, 0) << "and nobody takes it for a token";
    }
    EXPECT_EQ(lock.doc, before) << "it is left as it is";
  }
  lock_in_memory lock;
  lock.doc.emplace().fence = end - 2 * token_step;
  lock.doc->et = kStart;
  EXPECT_EQ(lock.play("enqueue a").mine.value().fence, end - token_step) << "a clock that was set back by so much";
}

// With observed expiry an entry below zero would be nobody's, and its holder not alone.
TEST(Transition, ARevThatNoServerHasWrittenIsNone) {
  for (const std::int64_t rev : {std::int64_t{-5}, token_limit}) {
    for (const bool observed : {false, true}) {
      lock_in_memory lock;
      lock.doc.emplace().rev = rev;
      if (!observed) lock.doc->et = kStart;
      lock.doc->observed = observed;
      EXPECT_EQ(lock.play(std::string("enqueue a") + (observed ? " observed" : "") + " = |").defect, "rev");
    }
  }
}

// Its owner will see it; nobody else is told, and no token is made of it.
TEST(Transition, AHoldersTokenThatNoServerHasGrantedIsToldToNobodyElse) {
  for (const std::int64_t fence : {std::int64_t{0}, std::int64_t{-1}, end_of_tokens(kStart), token_limit}) {
    lock_in_memory lock;
    lock.play("enqueue a");
    const auto last = lock.doc->fence;
    lock.play("enqueue b; release a");
    lock.doc->holders.at(0).fence = fence;  // b's
    const auto answer = lock.play("enqueue c -> place 0, no heirs");
    EXPECT_TRUE(answer.valid);
    EXPECT_EQ(answer.first.value().fence, 0);
    EXPECT_EQ(lock.play("heartbeat b").mine.value().fence, fence);
    lock.play("release b");
    EXPECT_EQ(lock.held("c").fence, last + 2 * token_step);
  }
}

TEST(Transition, AHolderInALockThatIsNoneIsNotRenewed) {
  lock_in_memory lock;
  lock.play("enqueue a");
  lock.doc->fence = -1;
  for (const char* step : {"renew a", "release a", "amend a", "revoke a"}) {
    EXPECT_FALSE(lock.play(std::string(step) + " -> not held").valid);
  }
  lock.play("renew b -> not found");
}

TEST(Transition, SeveralAdmittedAtOnceHaveTokensOfTheirOwnAndTheDocumentTheHighest) {
  lock_in_memory lock;
  const auto first = lock.play("enqueue a").mine->fence;
  lock.play("enqueue r1 r2 r3 shared; release a = r1 r2 r3 |");
  EXPECT_EQ(lock.held("r1").fence, first + 1000);
  EXPECT_EQ(lock.held("r2").fence, first + 2000);
  EXPECT_EQ(lock.held("r3").fence, first + 3000);
  EXPECT_EQ(lock.doc->fence, first + 3000);
}

TEST(Transition, TokensRiseWhateverTheClockDoesAndWhenTheIdleDocumentIsRemoved) {
  lock_in_memory lock;
  std::int64_t last = 0;
  for (int i = 0; i < 40; ++i) {  // faster than the clock, for a while
    const auto token = lock.play("try a").mine->fence;
    EXPECT_GT(token, last);
    last = token;
    lock.play("release a");
    EXPECT_EQ(lock.doc->fence, last) << "a release keeps the last token";
  }
  lock.clock -= 100'000;
  EXPECT_EQ(lock.play("try a").mine->fence, last + 1000);
  lock.doc.reset();
  lock.clock = kStart + 60'000;  // grace
  EXPECT_GT(lock.play("try a").mine->fence, last + 1000);
}

// mongo-dlock's unlock deletes the document at any moment: equal and falling tokens were seen.
TEST(Transition, WhatTheClientHasSeenCountsWhoeverAdmits) {
  constexpr std::int64_t seen = kStart * 1000 + 50'000;
  lock_in_memory lock;
  EXPECT_EQ(lock.play("try a" + floor_of(seen)).mine->fence, seen + 1000);
  lock.play("enqueue b; release a" + floor_of(2 * seen));
  EXPECT_EQ(lock.held("b").fence, 2 * seen + 1000);
}

TEST(Transition, WhatGrantsNothingUsesUpNoToken) {
  lock_in_memory lock;
  const auto fence = lock.play("enqueue a").fence;
  for (const char* step : {"enqueue b", "try c", "heartbeat b", "heartbeat a", "renew a", "cancel b", "enqueue a"}) {
    lock.play(step + floor_of(fence + 90'000));
    EXPECT_EQ(lock.doc->fence, fence) << step;
    EXPECT_EQ(lock.held("a").fence, fence) << step;
  }
}

}  // namespace
}  // namespace dlock::testing
