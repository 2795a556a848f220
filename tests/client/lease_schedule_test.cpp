#include "protocol/lease_schedule.hpp"

#include <gtest/gtest.h>

namespace dlock::protocol {
namespace {

TEST(LeaseSchedule, MarginIsATenthWithinBounds) {
  EXPECT_EQ(lease_margin(200), 20);
  EXPECT_EQ(lease_margin(100), 20);
  EXPECT_EQ(lease_margin(2000), 200);
  EXPECT_EQ(lease_margin(5000), 500);
  EXPECT_EQ(lease_margin(60'000), 500);
}

TEST(LeaseSchedule, ValidityCountsFromTheSendingOfTheRequest) {
  EXPECT_EQ(valid_until(1000, 2000), 1000 + 2000 - 200);
  EXPECT_EQ(lease_schedule(1000, 2000, 2000, true, 1000).valid_until(), 2800);
}

TEST(LeaseSchedule, ThirdsOfTheLeaseLieBetweenRenewals) {
  lease_schedule s(1000, 3000, 3000, true, 1000);
  EXPECT_EQ(s.next_renewal(), 2000);
  s.renewed(2100);
  EXPECT_EQ(s.next_renewal(), 3100);
  EXPECT_EQ(s.valid_until(), 2100 + 2700);
}

/// However long before that it began, for all that its holder knows: many give the lock back within that time.
TEST(LeaseSchedule, AnHeirRenewsSoonAfterItLearnedOfItsGrant) {
  EXPECT_EQ(lease_schedule(1000, 3000, 10'000, true, 1040).next_renewal(), 1065);
  EXPECT_EQ(lease_schedule(1000, 3000, 10'000, true, 2990).next_renewal(), 2000)
      << "nor later than a third of its first term";
  EXPECT_GT(lease_schedule(1000, 3000, 10'000, false, 1040).next_renewal(), 4000);
}

TEST(LeaseSchedule, ARenewalNeverShortensALease) {
  lease_schedule s(1000, 3000, 3000, true, 1000);
  s.renewed(2000);
  s.renewed(1500);  // answers can overtake each other
  EXPECT_EQ(s.valid_until(), 2000 + 2700);
}

TEST(LeaseSchedule, NoAnswerIsTriedAgainSoonAndPromisesNothing) {
  lease_schedule s(0, 10'000, 10'000, true, 0);
  s.unanswered(4000);
  EXPECT_EQ(s.next_renewal(), 4500);
  EXPECT_EQ(s.valid_until(), 9500);
  lease_schedule brief(0, 200, 200, true, 0);
  brief.unanswered(70);
  EXPECT_EQ(brief.next_renewal(), 80);
  lease_schedule lasting(0, 600'000, 600'000, true, 0);
  lasting.unanswered(200'000);
  EXPECT_EQ(lasting.next_renewal(), 200'500);
}

TEST(LeaseSchedule, WithoutAutorefreshThereIsNoRenewal) {
  lease_schedule s(0, 5000, 5000, false, 0);
  EXPECT_GT(s.next_renewal(), s.valid_until());
  s.unanswered(100);
  EXPECT_GT(s.next_renewal(), s.valid_until());
  s.renewed(100);
  EXPECT_GT(s.next_renewal(), s.valid_until());
}

TEST(LeaseSchedule, RenewalCanEndForGood) {
  lease_schedule s(0, 5000, 5000, true, 0);
  s.stop_renewing();
  s.renewed(10);  // one that was on its way
  EXPECT_GT(s.next_renewal(), s.valid_until());
  EXPECT_EQ(s.valid_until(), 10 + 4500);
}

}  // namespace
}  // namespace dlock::protocol
