#include "engine/turn_events.hpp"

#include <gtest/gtest.h>

#include <string>

namespace dlock::engine {
namespace {

struct TurnEvents : ::testing::Test {
  turn_events t;

  static std::string show(const turn_events::all& all) {
    std::string out;
    for (const auto& a : all)
      out += (out.empty() ? "" : " ") + std::string(a.locked ? "+" : "-") + std::to_string(a.token);
    return out;
  }
  /// The turn with that token begins, of the grant 1000 or another one.
  std::string turn(std::int64_t token, std::int64_t fence = 1000) {
    return show(t.turn(fence, {{"lock", false, token - 1}, {"lock", true, token}}));
  }
  std::string heard(bool locked, std::int64_t token, const std::string& lock = "lock") {
    return show(t.heard({lock, locked, token}));
  }
};

TEST_F(TurnEvents, AreToldAfterTheirGrant) {
  t.begins("lock", 1000);
  EXPECT_EQ(turn(1001), "");
  EXPECT_EQ(turn(1002), "");
  EXPECT_EQ(heard(true, 1000, "other"), "+1000");
  EXPECT_EQ(heard(true, 1000), "+1000 -1000 +1001 -1001 +1002");
  EXPECT_EQ(turn(1003), "-1002 +1003");
  EXPECT_EQ(heard(false, 1003), "-1003");
  EXPECT_EQ(t.size(), 0U);
}

TEST_F(TurnEvents, AreToldBeforeTheReleaseIfTheGrantIsNeverHeard) {
  t.begins("lock", 1000);
  EXPECT_EQ(turn(1001), "");
  EXPECT_EQ(heard(false, 900), "-900") << "an earlier release";
  EXPECT_EQ(heard(false, 0), "-0") << "of mongo-dlock";
  EXPECT_EQ(heard(false, 1001), "-1000 +1001 -1001");
}

TEST_F(TurnEvents, AreToldBeforeALaterGrant) {
  t.begins("lock", 1000);
  EXPECT_EQ(turn(1001), "");
  EXPECT_EQ(heard(true, 2000), "-1000 +1001 +2000");
  EXPECT_EQ(t.size(), 0U);
}

TEST_F(TurnEvents, OfTwoGrantsComeInOrder) {
  t.begins("lock", 1000);
  EXPECT_EQ(turn(1001), "");
  t.begins("lock", 2000);
  EXPECT_EQ(turn(1002), "") << "of a grant that is over";
  EXPECT_EQ(turn(2001, 2000), "");
  EXPECT_EQ(heard(true, 2000), "-1000 +1001 +2000 -2000 +2001");
}

TEST_F(TurnEvents, AreToldWithTheirGrantAlsoIfTheNextOneHasBegun) {
  t.begins("lock", 1000);
  EXPECT_EQ(turn(1001), "");
  t.begins("lock", 2000);
  EXPECT_EQ(turn(2001, 2000), "");
  EXPECT_EQ(heard(true, 1000), "+1000 -1000 +1001");
  EXPECT_EQ(heard(false, 1001), "-1001");
  EXPECT_EQ(turn(2002, 2000), "") << "its own grant was not heard yet";
  EXPECT_EQ(heard(true, 2000), "+2000 -2000 +2001 -2001 +2002");
  EXPECT_EQ(heard(false, 2002), "-2002");
  EXPECT_EQ(t.size(), 0U);
}

TEST_F(TurnEvents, DoNotWaitForAnyNumberOfTurns) {
  t.begins("lock", 1000000);
  for (std::size_t i = 0; i < turn_events::most_waiting / 2 - 1; ++i) EXPECT_EQ(turn(1000001, 1000000), "");
  EXPECT_NE(turn(1000001, 1000000), "");
  EXPECT_EQ(turn(1000001, 1000000), "");
}

TEST_F(TurnEvents, AreToldAfterAGap) {
  t.begins("lock", 1000);
  EXPECT_EQ(turn(1001), "");
  EXPECT_EQ(show(t.heard_gap()), "-1000 +1001");
  EXPECT_EQ(turn(1002), "-1001 +1002");
}

TEST_F(TurnEvents, AreNotKeptForAnyNumberOfLocks) {
  for (std::size_t i = 0; i < turn_events::most + 5; ++i) t.begins("lock " + std::to_string(i), 1000);
  EXPECT_EQ(t.size(), turn_events::most);
  EXPECT_EQ(turn(1001), "");
  EXPECT_EQ(heard(true, 1000), "+1000");
  t.forget();
  EXPECT_EQ(t.size(), 0U);
}

}  // namespace
}  // namespace dlock::engine
