#include "util/boot_wait.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "client/world.hpp"

namespace dlock::testing {
namespace {

struct waiting {
  std::mutex guard;
  std::condition_variable changed;
  bool ready = false;

  bool until(environment& env, std::int64_t when) {
    std::unique_lock lock(guard);
    return wait_until(env, changed, lock, when, [&] { return ready; });
  }
};

/// Suspended for a minute as soon as somebody waits.
class soon_suspended final : public real_environment {
 public:
  [[nodiscard]] std::int64_t now_us() const noexcept override { return looks_++ < 2 ? 0 : 60'000'000; }

 private:
  mutable std::atomic<int> looks_ = 0;
};

TEST(BootWait, ADeadlineThatPassedWhileTheMachineWasSuspendedIsNoticedSoon) {
  waiting w;
  soon_suspended env;
  EXPECT_LT(time_of([&] { EXPECT_FALSE(w.until(env, 30'000)); }), 15s);
}

TEST(BootWait, AStoppableWaitNoticesASuspendToo) {
  std::mutex guard;
  std::condition_variable_any changed;
  std::unique_lock lock(guard);
  std::stop_source stop;
  const auto never = [] { return false; };
  soon_suspended suspended;
  EXPECT_LT(time_of([&] { EXPECT_FALSE(wait_until(suspended, changed, lock, stop.get_token(), 30'000, never)); }), 15s);
  real_environment env;
  std::jthread other([&] { stop.request_stop(); });
  const auto until = now_ms() + 60'000;
  EXPECT_LT(time_of([&] { EXPECT_FALSE(wait_until(env, changed, lock, stop.get_token(), until, never)); }), 30s);
  EXPECT_TRUE(wait_until(env, changed, lock, stop.get_token(), 0, [] { return true; })) << "ready counts, however late";
}

TEST(BootWait, AnyTimeoutIsAccepted) {
  using std::chrono::milliseconds;
  const auto now = now_ms();
  EXPECT_GT(end_of_wait(now, milliseconds::max()), now);
  EXPECT_GT(from_ms(end_of_wait(now, milliseconds::max())), from_ms(now)) << "in nanoseconds, too";
  EXPECT_EQ(end_of_wait(now, milliseconds::min()), now);
}

TEST(BootWait, EndsWhenItIsReadyAndNotBefore) {
  waiting w;
  real_environment env;
  w.ready = true;
  EXPECT_TRUE(w.until(env, 0)) << "ready counts, however late";
  w.ready = false;
  EXPECT_FALSE(w.until(env, 0));
  const auto until = now_ms() + 1100;
  EXPECT_FALSE(w.until(env, until));
  EXPECT_GE(now_ms(), until);
  std::jthread other([&] {
    const std::lock_guard lock(w.guard);
    w.ready = true;
    w.changed.notify_all();
  });
  EXPECT_TRUE(w.until(env, now_ms() + 60'000));
}

TEST(BootWait, WithoutAnEndWaitsUntilItIsReady) {
  waiting w;
  real_environment env;
  std::jthread other([&] {
    const std::lock_guard lock(w.guard);
    w.ready = true;
    w.changed.notify_all();
  });
  std::unique_lock lock(w.guard);
  EXPECT_TRUE(wait_until(env, w.changed, lock, std::nullopt, [&] { return w.ready; }));
}

}  // namespace
}  // namespace dlock::testing
