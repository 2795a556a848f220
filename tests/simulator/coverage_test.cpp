// What a run must have shown, so that it says something.
#include "simulator/coverage.hpp"

#include <gtest/gtest.h>

namespace dlock::simulator {
namespace {

TEST(Coverage, OfTooLittle) {
  coverage c;
  EXPECT_FALSE(c.vacuous().empty());
  c.acquired = 100;
  c.contended = 50;
  c.early = 2;
  EXPECT_EQ(c.vacuous().size(), 1U) << "no faults";
  for (int i = 0; i < 10; ++i) c.hit(fault::frozen, state::holding);
  EXPECT_TRUE(c.vacuous().empty());
  c.early = 1;
  EXPECT_EQ(c.vacuous().size(), 1U) << "nothing was released early";
  c.early = 2;
  c.contended = 30;
  EXPECT_EQ(c.vacuous().size(), 1U) << "not contended";
  c.acquired = 5'000'000;
  EXPECT_GT(c.vacuous().size(), 50U) << "nearly every fault in every state";
}

}  // namespace
}  // namespace dlock::simulator
