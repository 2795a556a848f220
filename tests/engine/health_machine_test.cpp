#include "engine/health_machine.hpp"

#include <gtest/gtest.h>

namespace dlock::engine {
namespace {

using state = notification_status::state;

TEST(HealthMachine, IsIdleUntilSomethingIsHeardOfIt) {
  health_machine m;
  EXPECT_EQ(m.now().now, state::idle);
  EXPECT_FALSE(m.works()) << "nobody has to read that";
  EXPECT_EQ(m.now().now, state::working);
  EXPECT_FALSE(m.works());
}

TEST(HealthMachine, AFailureIsLoggedOnceAndItsEnd) {
  health_machine m;
  EXPECT_TRUE(m.fails("one"));
  EXPECT_EQ(m.now().now, state::failing);
  EXPECT_EQ(m.now().problem, "one");
  EXPECT_FALSE(m.fails("another"));
  EXPECT_EQ(m.now().problem, "another") << "the newest";
  EXPECT_TRUE(m.works());
  EXPECT_EQ(m.now().problem, "");
  EXPECT_TRUE(m.fails("again"));
}

TEST(HealthMachine, WhatNobodyNeedsHasNoProblem) {
  health_machine m;
  ASSERT_TRUE(m.fails("one"));
  m.not_needed();
  EXPECT_EQ(m.now().now, state::idle);
  EXPECT_EQ(m.now().problem, "");
  EXPECT_FALSE(m.works()) << "it did not fail since";
  m.not_needed();
  EXPECT_TRUE(m.fails("one")) << "another outage";
}

TEST(HealthMachine, PausesDoubleUntilItWorks) {
  health_machine m;
  const auto fails = [&] {
    (void)m.fails("");
    return m.next_pause();
  };
  for (const ms pause : {100, 200, 400, 800, 1600, 3000, 3000}) EXPECT_EQ(fails(), pause);
  (void)m.works();
  EXPECT_EQ(fails(), 100);
}

}  // namespace
}  // namespace dlock::engine
