#include "engine/renewals.hpp"

#include <gtest/gtest.h>

namespace dlock::engine {
namespace {

using holds = std::set<renewals::hold>;

TEST(Renewals, LocksAreTakenInTheOrderInWhichTheyWereDue) {
  renewals all;
  all.held("a", 1);
  all.held("b", 2);
  all.held("b", 3);
  EXPECT_FALSE(all.take());
  all.due("b");
  all.due("a");
  all.due("b");
  EXPECT_EQ(all.ready(), 2U) << "a lock is in the row once";
  EXPECT_EQ(all.take(), "b");
  all.due("b");
  EXPECT_EQ(all.take(), "a");
  EXPECT_EQ(all.take(), "b");
  EXPECT_FALSE(all.take());
  EXPECT_EQ(all.ready(), 0U);
}

TEST(Renewals, AHoldThatIsOverIsNotAmongThoseOfItsLock) {
  renewals all;
  all.held("a", 1);
  all.held("a", 2);
  EXPECT_EQ(all.of("a"), (holds{1, 2}));
  EXPECT_EQ(all.of("b"), holds{});
  all.due("a");
  EXPECT_EQ(all.size(), 2U);
  all.over("b", 1);
  all.over("a", 1);
  all.over("a", 1);
  EXPECT_EQ(all.of("a"), holds{2});
  all.over("a", 2);
  EXPECT_EQ(all.of("a"), holds{});
  EXPECT_EQ(all.size(), 1U) << "it is in the row";
  EXPECT_EQ(all.take(), "a");
  EXPECT_EQ(all.size(), 0U);
}

}  // namespace
}  // namespace dlock::engine
