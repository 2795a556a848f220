#include "engine/turns.hpp"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <vector>

namespace dlock::engine {
namespace {

using numbers = std::vector<turns::number>;
using acting = std::map<turns::number, bool>;

struct Turns : ::testing::Test {
  turns t;
  std::optional<turns::number> next() { return t.next("lock"); }
};

TEST_F(Turns, TheFirstAsksTheServerAndTheOthersWaitInOrder) {
  EXPECT_FALSE(t.blocks("lock", true));
  t.acts("lock", 1, true);
  EXPECT_TRUE(t.blocks("lock", true));
  EXPECT_FALSE(t.blocks("other", true));
  t.waits("lock", 3, true);
  t.waits("lock", 2, true);
  EXPECT_EQ(t.waiting("lock"), (numbers{2, 3})) << "in the order in which they came";
  EXPECT_EQ(next(), std::nullopt);
  t.end_turn("lock", 1);
  EXPECT_EQ(next(), 2U);
  EXPECT_EQ(next(), std::nullopt);
  t.end_turn("lock", 2);
  EXPECT_EQ(next(), 3U);
  EXPECT_EQ(t.acting("lock"), (acting{{3, false}}));
  t.end_turn("lock", 3);
  EXPECT_EQ(t.size(), 0U);
}

TEST_F(Turns, ItIsRememberedForAMomentThatTheLockWasHeld) {
  t.held("lock", 100);
  EXPECT_FALSE(t.was_held("lock", 100)) << "nobody is there to whom it matters";
  t.acts("lock", 1, true);
  t.waits("lock", 2, true);
  EXPECT_FALSE(t.was_held("lock", 100));
  t.held("lock", 100);
  t.end_turn("lock", 1);
  EXPECT_EQ(next(), 2U);
  EXPECT_TRUE(t.was_held("lock", 1100));
  EXPECT_FALSE(t.was_held("lock", 1101));
}

TEST_F(Turns, ReadersWaitOnlyBehindAWriterThatWaits) {
  t.acts("lock", 1, true);
  EXPECT_FALSE(t.blocks("lock", false)) << "on the server it stands behind the one that acts";
  t.waits("lock", 2, true);
  EXPECT_TRUE(t.blocks("lock", false));
  t.waits("lock", 3, false);
  t.waits("lock", 4, false);
  t.waits("lock", 5, true);
  t.end_turn("lock", 1);
  EXPECT_EQ(next(), 2U);
  EXPECT_EQ(next(), std::nullopt) << "it has no place yet that they could stand behind";
  EXPECT_TRUE(t.blocks("lock", false));
  t.answered("lock", 17, true);
  t.answered("other", 2, true);
  EXPECT_EQ(next(), std::nullopt);
  t.answered("lock", 2, true);
  EXPECT_EQ(next(), 3U);
  EXPECT_EQ(next(), 4U);
  EXPECT_EQ(next(), std::nullopt) << "one acts";
}

TEST_F(Turns, ReadersWaitAgainWhenTheOneThatActsHasLostItsPlace) {
  t.acts("lock", 1, false);
  t.answered("lock", 1, true);
  EXPECT_FALSE(t.blocks("lock", false));
  t.answered("lock", 1, false);
  EXPECT_TRUE(t.blocks("lock", false));
  t.waits("lock", 2, false);
  EXPECT_EQ(next(), std::nullopt);
  t.answered("lock", 1, true);
  EXPECT_EQ(next(), 2U);
}

TEST_F(Turns, WhoLeavesIsForgotten) {
  t.acts("lock", 1, true);
  t.waits("lock", 2, true);
  t.waits("lock", 3, false);
  t.leaves("lock", 2);
  EXPECT_EQ(next(), 3U) << "nobody is before it any more";
  t.leaves("lock", 17);
  t.leaves("other", 17);
  t.end_turn("other", 17);
  t.end_turn("lock", 17);
  EXPECT_EQ(t.acting("lock"), (acting{{1, true}}));
  t.end_turn("lock", 1);
  EXPECT_EQ(t.size(), 0U);
  EXPECT_EQ(next(), std::nullopt);
}

TEST_F(Turns, SeveralMayActForALock) {
  t.acts("lock", 1, true);  // a hold that a try has got
  t.acts("lock", 2, true);
  t.waits("lock", 3, true);
  t.end_turn("lock", 1);
  EXPECT_EQ(next(), std::nullopt);
  t.end_turn("lock", 2);
  EXPECT_EQ(next(), 3U);
}

TEST_F(Turns, PlacesAreToldOnceASecondAtMost) {
  EXPECT_FALSE(t.should_report_places("lock", 0)) << "nobody waits";
  t.acts("lock", 1, true);
  EXPECT_FALSE(t.should_report_places("lock", 0));
  t.waits("lock", 2, true);
  EXPECT_TRUE(t.should_report_places("lock", 5));
  EXPECT_FALSE(t.should_report_places("lock", 1004));
  EXPECT_TRUE(t.should_report_places("lock", 1005));
}

TEST_F(Turns, OnlyAWriterCanBeTheHeirOfAPlace) {
  EXPECT_EQ(t.first("lock"), std::nullopt);
  EXPECT_EQ(t.length("lock"), 0U);
  EXPECT_TRUE(t.waiting("lock").empty());
  t.acts("lock", 1, true);
  EXPECT_EQ(t.first("lock"), std::nullopt);
  t.waits("lock", 2, true);
  t.waits("lock", 3, false);
  EXPECT_EQ(t.first("lock"), 2U);
  EXPECT_EQ(t.length("lock"), 2U);
  t.leaves("lock", 2);
  EXPECT_EQ(t.first("lock"), std::nullopt);
}

}  // namespace
}  // namespace dlock::engine
