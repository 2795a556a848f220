#include "engine/retry_queue.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace dlock::engine {
namespace {

protocol::request cancel(const std::string& id) {
  protocol::request r;
  r.op = protocol::operation::cancel;
  r.id = id;
  return r;
}

struct RetryQueue : ::testing::Test {
  retry_queue q{100};

  /// Sends what is due, and says which: "a b ". It is not answered yet.
  std::string sent(ms now) {
    std::string out;
    while (const auto n = q.take(now)) {
      const auto* r = q.begin(*n, now);
      out += (r == nullptr ? "too late" : r->id) + ' ';
      if (r != nullptr) under_way.push_back(*n);
    }
    return out;
  }
  /// None of them is answered.
  void none_answered(ms now) {
    for (const auto n : std::exchange(under_way, {})) EXPECT_FALSE(q.ended(n, false, last_answer, now));
  }
  std::vector<retry_queue::number> under_way;
  ms last_answer = -1;
};

TEST_F(RetryQueue, WhatIsAnsweredIsOver) {
  q.add(cancel("a"), 1000, 0);
  EXPECT_EQ(q.next(), 0);
  EXPECT_EQ(sent(0), "a ");
  EXPECT_EQ(q.next(), std::nullopt);
  EXPECT_TRUE(q.ended(under_way.at(0), true, 5, 5));
  EXPECT_EQ(q.size(), 0u);
}

TEST_F(RetryQueue, WithoutAnAnswerItIsRepeatedAfterPausesThatDouble) {
  q.add(cancel("a"), 60'000, 0);
  ms now = 0;
  for (const ms pause : {50, 100, 200, 400, 800, 1000, 1000}) {
    ASSERT_EQ(sent(now), "a ");
    none_answered(now);
    ASSERT_EQ(q.next(), now + pause);
    EXPECT_EQ(sent(now + pause - 1), "");
    now += pause;
  }
}

TEST_F(RetryQueue, AtItsTimeItIsOver) {
  q.add(cancel("a"), 1000, 0);
  ASSERT_EQ(sent(0), "a ");
  EXPECT_TRUE(q.ended(under_way.at(0), false, -1, 1000)) << "whoever waits for it is told";
  EXPECT_EQ(q.size(), 0u);
  q.add(cancel("b"), 1000, 900);
  EXPECT_EQ(sent(1000), "too late ") << "it had to wait for its turn";
  EXPECT_EQ(q.size(), 0u);
}

TEST_F(RetryQueue, FewAreUnderWayWhileTheServerIsSilent) {
  for (int i = 0; i < 30; ++i) q.add(cancel("x"), 60'000, 0);
  const auto first = q.take(0);
  ASSERT_TRUE(first);
  (void)q.begin(*first, 0);
  EXPECT_FALSE(q.ended(*first, false, -1, 10));
  EXPECT_TRUE(q.is_silent());
  (void)sent(10);
  EXPECT_EQ(under_way.size(), 8u);
  EXPECT_TRUE(q.is_full());
  EXPECT_EQ(q.next(), std::nullopt) << "no time makes room";
  q.server_answers();
  (void)sent(20);
  EXPECT_EQ(under_way.size(), 30u) << "also the one that paused";
}

TEST_F(RetryQueue, NoMoreThanHalfOfFewAreUnderWayInASilence) {
  retry_queue small{3};
  for (int i = 0; i < 5; ++i) small.add(cancel("x"), 60'000, 0);
  int taken = 0;
  while (const auto n = small.take(0)) {
    (void)small.begin(*n, 0);
    if (++taken == 3) {
      EXPECT_FALSE(small.ended(*n, false, -1, 1));
    }
  }
  EXPECT_EQ(taken, 3);
  EXPECT_TRUE(small.is_full()) << "two of one";
}

TEST_F(RetryQueue, OneIsUnderWayInASilenceAtLeast) {
  for (const std::size_t most : {1U, 2U, 3U}) {
    retry_queue few{most};
    for (int i = 0; i < 3; ++i) few.add(cancel("x"), 60'000, 0);
    const auto first = few.take(0);
    ASSERT_TRUE(first);
    (void)few.begin(*first, 0);
    EXPECT_FALSE(few.ended(*first, false, -1, 1));
    EXPECT_FALSE(few.is_full());
    EXPECT_TRUE(few.take(1));
    EXPECT_TRUE(few.is_full()) << most;
  }
}

TEST_F(RetryQueue, AnAnswerEndsThePauses) {
  q.add(cancel("a"), 60'000, 0);
  ASSERT_EQ(sent(10), "a ");
  none_answered(1000);
  EXPECT_EQ(q.next(), 1050);
  q.server_answers();
  EXPECT_EQ(q.next(), 0);
  EXPECT_EQ(sent(1001), "a ");
}

TEST_F(RetryQueue, ARequestFromBeforeAnAnswerIsNoSilence) {
  q.add(cancel("a"), 60'000, 10);
  ASSERT_EQ(sent(10), "a ");
  last_answer = 20;
  none_answered(5000);
  EXPECT_FALSE(q.is_silent()) << "it hangs in the driver; the server is there";
  EXPECT_EQ(q.next(), 5050);
  q.server_answers();
  EXPECT_EQ(q.next(), 5050) << "where no silence ends, pauses go on";
  ASSERT_EQ(sent(5050), "a ");
  last_answer = 5050;
  none_answered(6000);
  EXPECT_FALSE(q.is_silent()) << "nor one of that very moment";
  ASSERT_EQ(sent(6100), "a ");
  last_answer = 6099;
  none_answered(6200);
  EXPECT_TRUE(q.is_silent());
}

TEST_F(RetryQueue, AfterTheEndEachIsSentOnceMore) {
  q.add(cancel("a"), 60'000, 10);
  ASSERT_EQ(sent(10), "a ");
  none_answered(10);
  EXPECT_EQ(sent(20), "");
  q.close();
  EXPECT_EQ(q.next(), 0);
  EXPECT_EQ(sent(20), "a ");
  EXPECT_TRUE(q.ended(under_way.at(0), false, -1, 30));
}

TEST_F(RetryQueue, WhatCannotBeSentIsForgotten) {
  q.add(cancel("a"), 60'000, 0);
  q.drop(q.take(0).value());
  EXPECT_EQ(q.size(), 0u);
  q.add(cancel("b"), 60'000, 0);
  q.clear();
  EXPECT_EQ(sent(0), "");
}

}  // namespace
}  // namespace dlock::engine
