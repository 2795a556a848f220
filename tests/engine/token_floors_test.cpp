#include "engine/token_floors.hpp"

#include <gtest/gtest.h>

#include <string>

namespace dlock::engine {
namespace {

TEST(TokenFloors, KeepTheHighestOfEachLock) {
  token_floors floors;
  EXPECT_EQ(floors.of("a"), 0);
  floors.saw("a", 5000);
  floors.saw("a", 3000);
  floors.saw("b", 1000);
  EXPECT_EQ(floors.of("a"), 5000);
  EXPECT_EQ(floors.of("b"), 1000) << "one lock's tokens are no other's";
}

TEST(TokenFloors, WhatIsNoTokenIsNotRemembered) {
  token_floors floors;
  for (const std::int64_t none : {0, -1}) {
    floors.saw(std::to_string(none), none);
    EXPECT_EQ(floors.of(std::to_string(none)), 0);
  }
  floors.saw("lock", 1);
  EXPECT_EQ(floors.of("lock"), 1);
}

TEST(TokenFloors, ForgetWhoWasNotHeardOfForLongest) {
  token_floors floors;
  floors.saw("first", 7000);
  floors.saw("kept", 9000);
  for (std::size_t i = 0; i < 2 * token_floors::most; ++i) {
    floors.saw(std::to_string(i), 1000);
    if (i % 100 == 0) floors.saw("kept", 2000);
  }
  EXPECT_EQ(floors.of("first"), 0);
  EXPECT_EQ(floors.of("kept"), 9000) << "whoever is in use stays, with the highest";
  EXPECT_EQ(floors.of(std::to_string(2 * token_floors::most - 1)), 1000);
  EXPECT_EQ(floors.of(std::to_string(2 * token_floors::most - token_floors::most / 2)), 1000)
      << "half of them for sure";
}

}  // namespace
}  // namespace dlock::engine
