// A client knows no time, no identities and no chance but those of the environment that it was given.
#include "util/environment.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <functional>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "client/world.hpp"
#include "util/boot_wait.hpp"

namespace dlock::testing {
namespace {

using protocol::ms;

struct Environment : ::testing::Test {
  static client_options lasting() {
    auto o = world::quick();
    o.exp_delta = 60s;
    o.autorefresh = false;
    o.operation_timeout = 60s;
    return o;
  }

  std::shared_ptr<manual_environment> env = std::make_shared<manual_environment>();
  world w{lasting(), 16, nullptr, env};
};

TEST_F(Environment, ALeaseIsCountedByTheClockOfItsClient) {
  const ms begin = env->now_ms();
  auto got = mutex(*w.locks, "lock").try_acquire();
  ASSERT_TRUE(got);
  const auto end = protocol::valid_until(begin, 60'000);
  EXPECT_EQ(to_ms(got->valid_until()), end);
  EXPECT_EQ(got->valid_for(), std::chrono::milliseconds(end - begin));
  env->advance(end - begin - 1);
  EXPECT_EQ(got->valid_for(), 1ms);
  EXPECT_TRUE(got->held());
  env->advance(1);
  EXPECT_FALSE(got->held());
  EXPECT_TRUE(eventually([&] { return got->lost().stop_requested(); }));
}

TEST_F(Environment, AWaitEndsByTheClockOfItsClient) {
  const auto holder = mutex(*w.locks, "lock").try_acquire();
  ASSERT_TRUE(holder);
  client other = w.another(changed(lasting(), [](auto& o) { o.wait_lock_period = 1h; }));
  event queued;
  const wait_options options{.timeout = 30s, .stop = {}, .on_wait = [&](const auto&) { queued.happen(); }};
  const ms deadline = env->now_ms() + 30'000;
  auto rival = std::async(std::launch::async, [&] { return mutex(other, "lock").acquire(options).result(); });
  ASSERT_TRUE(queued.wait());
  ASSERT_TRUE(eventually([&] {  // it looks from time to time
    const auto next = env->next();
    if (next && *next < deadline) env->advance(*next - env->now_ms());
    return next == deadline;
  }));
  EXPECT_EQ(rival.wait_for(10ms), std::future_status::timeout);
  env->advance(deadline - env->now_ms());
  EXPECT_EQ(rival.get(), outcome::timed_out);
}

TEST_F(Environment, IdentitiesAreTheEnvironments) {
  mutex unnamed(*w.locks, lock_options{});
  auto got = unnamed.try_acquire();
  ASSERT_TRUE(got);
  for (const auto& id : {unnamed.id(), got->owner()}) EXPECT_TRUE(id.starts_with("id-")) << id;
  EXPECT_NE(unnamed.id(), got->owner());
}

/// Of both kinds.
void expect_timer_of(environment& env, const std::function<void(ms)>& passes) {
  const auto t = env.make_timer();
  const auto is_readable = [&](int timeout) {
    pollfd one{t->fd(), POLLIN, 0};
    return poll(&one, 1, timeout) == 1;
  };
  EXPECT_FALSE(is_readable(0));
  t->set(env.now_ms() + 20);
  passes(20);
  EXPECT_TRUE(is_readable(30'000));
  t->drain();
  EXPECT_FALSE(is_readable(0)) << "once";
  t->set(env.now_ms() - 1);
  EXPECT_TRUE(is_readable(30'000)) << "at once";
  t->set(env.now_ms() + 3'600'000);
  EXPECT_FALSE(is_readable(0)) << "the last time that was set counts";
  t->set(env.now_ms() + 20);
  t->unset();
  passes(30);
  EXPECT_FALSE(is_readable(0));
}

TEST(ManualEnvironment, HasTimersLikeTheRealOne) {
  manual_environment manual;
  expect_timer_of(manual, [&](ms time) { manual.advance(time); });
  real_environment real;
  expect_timer_of(real, [&](ms time) {
    const ms until = real.now_ms() + time;
    EXPECT_TRUE(eventually([&] { return real.now_ms() >= until; }));
  });
}

TEST(RealEnvironment, GoesWithTheMachine) {
  real_environment env;
  const ms before = to_ms(boot_clock::now()), now = env.now_ms(), after = to_ms(boot_clock::now());
  EXPECT_LE(before, now);
  EXPECT_LE(now, after);
  EXPECT_LT(std::chrono::abs(env.time_of_day() - std::chrono::system_clock::now()), 1min);
  EXPECT_NE(env.fresh_id(), env.fresh_id());
  std::set<double> chances;
  for (int i = 0; i < 100; ++i) chances.insert(env.jitter());
  EXPECT_GT(chances.size(), 90u);
  EXPECT_GE(*chances.begin(), 0);
  EXPECT_LT(*chances.rbegin(), 1);
}

}  // namespace
}  // namespace dlock::testing
