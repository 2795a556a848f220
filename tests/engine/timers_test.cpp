#include "engine/timers.hpp"

#include <gtest/gtest.h>

#include <string>

namespace dlock::engine {
namespace {

struct Timers : ::testing::Test {
  timers<std::string> all;

  /// Those whose time has come, in order: "a b ".
  std::string taken(ms now) {
    std::string out;
    while (const auto key = all.take(now)) out += *key + ' ';
    return out;
  }
};

TEST_F(Timers, TheEarliestComesFirst) {
  EXPECT_EQ(all.next(), never);
  all.set("late", 300);
  EXPECT_EQ(all.next(), 300);
  all.set("early", 100);
  all.set("between", 200);
  EXPECT_EQ(all.next(), 100);
  EXPECT_EQ(taken(99), "");
  EXPECT_EQ(taken(100), "early ");
  EXPECT_EQ(all.next(), 200);
  EXPECT_EQ(taken(1000), "between late ");
  EXPECT_EQ(all.next(), never);
  EXPECT_EQ(all.size(), 0U);
}

TEST_F(Timers, AnotherTimeReplacesTheOneBefore) {
  all.set("a", 100);
  all.set("a", 300);
  EXPECT_EQ(all.size(), 1U);
  EXPECT_EQ(all.next(), 300);
  all.set("a", 200);
  EXPECT_EQ(taken(1000), "a ");
}

TEST_F(Timers, NeverTakesTheTimeAway) {
  all.set("a", 100);
  all.set("b", never);
  all.set("a", never);
  EXPECT_EQ(all.size(), 0U);
  EXPECT_EQ(all.next(), never);
  EXPECT_EQ(taken(1000), "");
}

TEST_F(Timers, WhatIsClearedDoesNotCome) {
  all.set("a", 100);
  all.set("b", 100);
  all.clear("a");
  all.clear("a");
  all.clear("nobody");
  EXPECT_EQ(taken(100), "b ");
}

TEST_F(Timers, AtTheSameTimeEachComesOnce) {
  for (const auto* key : {"c", "a", "b"}) all.set(key, 100);
  EXPECT_EQ(taken(100), "a b c ");
  EXPECT_EQ(taken(100), "");
}

TEST_F(Timers, WhatWasTakenCanBeSetOnceMore) {
  all.set("a", 100);
  ASSERT_EQ(taken(100), "a ");
  all.set("a", 100);
  EXPECT_EQ(taken(100), "a ");
}

}  // namespace
}  // namespace dlock::engine
