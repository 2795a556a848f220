// Which releases may return when only the primary has them (docs/adr/0030-early-release.md).
#include <gtest/gtest.h>

#include "client/world.hpp"
#include "protocol/express.hpp"

namespace dlock::testing {
namespace {

/// Takes the lock three times: then it is known that nobody else uses it. Returns whether the last release may be
/// early.
template <typename Acquire>
bool is_early(const world& w, Acquire acquire) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(acquire()->release(), release_result::released);
  bool early = false;
  for (const auto& c : w.store->calls()) {
    if (c.request.op == operation::release) early = protocol::may_be_early(c.request);
  }
  return early;
}

TEST(EarlyRelease, IsForLocksThatAreNotDurable) {
  world w;
  const lock_options waits{.id = "durable", .durable_release = true};
  mutex usual(*w.locks, "usual"), durable(*w.locks, waits);
  EXPECT_TRUE(is_early(w, [&] { return usual.acquire(); }));
  EXPECT_FALSE(is_early(w, [&] { return durable.acquire(); }));
}

// An observer reads what a majority has, as soon as it hears of the resignation.
TEST(EarlyRelease, IsNotForElections) {
  world w;
  election cluster(*w.locks, "cluster");
  EXPECT_FALSE(is_early(w, [&] { return cluster.campaign("a"); }));
}

}  // namespace
}  // namespace dlock::testing
