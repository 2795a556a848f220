// Watching others with observed expiry: from when it counts, for how long, and who is meant.
#include "protocol/observation.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace dlock::protocol {
namespace {

using signs = std::vector<sign>;
using pulses = std::vector<pulse>;

constexpr ms kSpan = 5000;
constexpr ms kOver = kSpan + kSpan / 50 + 1;  // after it was first seen

TEST(Observation, AnEntryIsOverWhenItWasSeenUnchangedForItsSpanAndALittleMore) {
  observation o;
  o.saw({{"a", 7, kSpan}}, 1000);
  EXPECT_EQ(o.over(1000 + kOver - 1, "me"), pulses{});
  EXPECT_EQ(o.over(1000 + kOver, "me"), (pulses{{"a", 7}}));
  EXPECT_EQ(o.next("me"), 1000 + kOver);
}

TEST(Observation, ItCountsFromWhenTheBeatWasFirstSeen) {
  observation o;
  for (const ms at : {1000, 2000, 5900}) o.saw({{"a", 7, kSpan}}, at);
  EXPECT_EQ(o.over(1000 + kOver, "me"), (pulses{{"a", 7}}));
}

TEST(Observation, AnotherBeatBeginsAnew) {
  observation o;
  o.saw({{"a", 7, kSpan}}, 1000);
  o.saw({{"a", 8, kSpan}}, 5000);
  EXPECT_EQ(o.over(1000 + kOver, "me"), pulses{});
  EXPECT_EQ(o.over(5000 + kOver, "me"), (pulses{{"a", 8}}));
  // Back to an earlier one: it is another entry's, or a lie; neither was seen for long.
  o.saw({{"a", 7, kSpan}}, 6000);
  EXPECT_EQ(o.over(5000 + kOver, "me"), pulses{});
}

TEST(Observation, WhatIsNotShownAnyMoreIsForgotten) {
  observation o;
  o.saw({{"a", 7, kSpan}}, 1000);
  o.saw({}, 2000);
  EXPECT_TRUE(o.empty());
  o.saw({{"a", 7, kSpan}}, 3000);
  EXPECT_EQ(o.over(1000 + kOver, "me"), pulses{});
  EXPECT_EQ(o.over(3000 + kOver, "me"), (pulses{{"a", 7}}));
}

TEST(Observation, NobodyExpiresThemselves) {
  observation o;
  o.saw({{"me", 7, 100}, {"a", 3, 200}}, 1000);
  EXPECT_EQ(o.over(9000, "me"), (pulses{{"a", 3}}));
  EXPECT_EQ(o.next("me"), 1000 + 205);
  o.saw({{"me", 7, 100}}, 2000);
  EXPECT_EQ(o.next("me"), std::nullopt);
}

TEST(Observation, EachEntryIsWatchedForItsOwnSpan) {
  observation o;
  o.saw({{"a", 1, 1000}, {"b", 2, 2000}}, 0);
  EXPECT_EQ(o.next("me"), 1021);
  EXPECT_EQ(o.over(1500, "me"), (pulses{{"a", 1}}));
  EXPECT_EQ(o.over(3000, "me"), (pulses{{"a", 1}, {"b", 2}}));
}

TEST(Observation, ASpanThatMakesNoSenseOverflowsNothing) {
  observation o;
  o.saw({{"a", 1, std::numeric_limits<ms>::max()}, {"b", 2, std::numeric_limits<ms>::min()}}, 1'000'000);
  EXPECT_EQ(o.over(ms{1} << 40, "me"), (pulses{{"b", 2}}));
}

}  // namespace
}  // namespace dlock::protocol
