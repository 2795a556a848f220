#include "locks/observer.hpp"

#include <gtest/gtest.h>

#include "client/world.hpp"

namespace dlock::testing {
namespace {

TEST(Observer, ALeaseThatEndsWhileTheMachineIsSuspendedIsNoticedSoon) {
  constexpr protocol::ms minutes = 600'000;
  auto o = world::quick();
  o.exp_delta = 60s;
  o.autorefresh = false;
  const auto env = std::make_shared<suspended_environment>();
  world w(o, 16, nullptr, env);
  election cluster(*w.locks, "cluster");
  auto leading = cluster.campaign("a");
  ASSERT_TRUE(leading);
  event sees_it, sees_nobody;
  detail::observer watching(detail::testing::core_of(*w.locks), "cluster", 3600s,
                            [&](const std::optional<leader_info>& who) { (who ? sees_it : sees_nobody).happen(); });
  ASSERT_TRUE(sees_it.wait());
  env->suspended = minutes;
  EXPECT_TRUE(sees_nobody.wait(15s));
  watching.end(1s);
}

}  // namespace
}  // namespace dlock::testing
