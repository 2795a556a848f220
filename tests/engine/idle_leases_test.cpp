#include "engine/idle_leases.hpp"

#include <gtest/gtest.h>

namespace dlock::engine {
namespace {

struct IdleLeases : ::testing::Test {
  idle_leases t;
};

TEST_F(IdleLeases, OneForEachLock) {
  EXPECT_TRUE(t.may_begin("a", 0));
  t.begins("a", 1);
  EXPECT_FALSE(t.may_begin("a", 0));
  EXPECT_TRUE(t.may_begin("b", 0));
  EXPECT_EQ(t.of("a"), 1U);
  EXPECT_EQ(t.of("b"), std::nullopt);
  t.ends("a", 2);
  EXPECT_EQ(t.of("a"), 1U) << "that was another one";
  t.ends("a", 1);
  EXPECT_EQ(t.size(), 0U);
  EXPECT_TRUE(t.may_begin("a", 0));
}

TEST_F(IdleLeases, TheOldestOfTooMany) {
  for (std::size_t i = 1; i <= idle_leases::most; ++i) t.begins(std::to_string(i), i);
  EXPECT_EQ(t.too_many(), std::nullopt);
  t.begins("one more", idle_leases::most + 1);
  EXPECT_EQ(t.too_many(), 1U);
  t.ends("1", 1);
  EXPECT_EQ(t.too_many(), std::nullopt);
}

TEST_F(IdleLeases, NotForSomeTimeAfterARecall) {
  t.recalled("a", 100, 0);
  EXPECT_FALSE(t.may_begin("a", 99));
  EXPECT_TRUE(t.may_begin("b", 99));
  EXPECT_TRUE(t.may_begin("a", 100));
}

TEST_F(IdleLeases, ARecallOnceASecond) {
  EXPECT_TRUE(t.recalls("x", 0));
  EXPECT_FALSE(t.recalls("x", 999));
  EXPECT_TRUE(t.recalls("y", 999));
  EXPECT_TRUE(t.recalls("x", 1000));
}

TEST_F(IdleLeases, RemembersABoundedNumber) {
  for (std::size_t i = 0; i < idle_leases::most; ++i) t.recalled(std::to_string(i), 50, 0);
  t.recalled("new", 200, 60);
  EXPECT_FALSE(t.may_begin("new", 100));
  EXPECT_TRUE(t.may_begin("7", 40)) << "it was over when the table was full";
}

}  // namespace
}  // namespace dlock::engine
