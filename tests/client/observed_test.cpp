// Clients and locks with observed expiry, on a store whose clock jumps.
#include <gtest/gtest.h>

#include "client/world.hpp"

namespace dlock::testing {
namespace {

constexpr protocol::ms kDay = 86'400'000;

client_options observing() {
  return changed(world::quick(), [](auto& o) { o.expiry = expiry::observed; });
}

TEST(ObservedExpiry, ASemaphoresResizeMustAgreeToo) {
  world w;
  semaphore pool(*w.locks, lock_options{.id = "lock", .expiry = expiry::observed}, 2);
  auto held = pool.try_acquire();
  ASSERT_TRUE(held);
  EXPECT_THROW((void)semaphore(*w.locks, "lock", 2).resize(3), error);
  ASSERT_TRUE(pool.resize(3));
  EXPECT_EQ(w.store->get("lock")->cap, 3);
}

TEST(ObservedExpiry, AnOperatorCanRevokeWithoutKnowingTheExpiry) {
  world w(observing());
  auto held = mutex(*w.locks, "lock").try_acquire();
  ASSERT_TRUE(held);
  auto plain = w.another();
  ASSERT_EQ(plain.inspect("lock")->expiry, expiry::observed);
  EXPECT_EQ(plain.revoke("lock", std::nullopt, revocation::at_once).size(), 1u);
  EXPECT_TRUE(mutex(*w.locks, "lock").try_acquire());
}

TEST(ObservedExpiry, AnElectionShowsItsLeaderHoweverTheServersClockJumps) {
  world w(observing());
  election cluster(*w.locks, "lock");
  auto leading = cluster.campaign("me");
  ASSERT_TRUE(leading);
  w.store->advance(kDay);
  const auto seen = cluster.leader();
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->value, "me");
}

}  // namespace
}  // namespace dlock::testing
