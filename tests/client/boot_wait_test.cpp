#include "util/boot_wait.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "client/world.hpp"

namespace dlock::testing {
namespace {

struct waiting {
  std::mutex guard;
  std::condition_variable changed;
  bool ready = false;

  template <typename Now>
  bool until(std::int64_t when, Now now) {
    std::unique_lock lock(guard);
    return wait_until(
        changed, lock, when, [&] { return ready; }, now);
  }
};

TEST(BootWait, ADeadlineThatPassedWhileTheMachineWasSuspendedIsNoticedSoon) {
  waiting w;
  // Suspended for a minute as soon as it waits.
  const auto took =
      time_of([&] { EXPECT_FALSE(w.until(30'000, [n = 0]() mutable { return n++ == 0 ? 0 : 60'000; })); });
  EXPECT_LT(took, 15s);
}

TEST(BootWait, SoIsOneThatCanBeStopped) {
  std::mutex guard;
  std::condition_variable_any changed;
  std::unique_lock lock(guard);
  std::stop_source stop;
  const auto never = [] { return false; };
  const auto suspended = [n = 0]() mutable { return n++ == 0 ? 0 : 60'000; };
  EXPECT_LT(time_of([&] { EXPECT_FALSE(wait_until(changed, lock, stop.get_token(), 30'000, never, suspended)); }), 15s);
  std::jthread other([&] { stop.request_stop(); });
  const auto until = now_ms() + 60'000;
  EXPECT_LT(time_of([&] { EXPECT_FALSE(wait_until(changed, lock, stop.get_token(), until, never)); }), 30s);
  EXPECT_TRUE(wait_until(changed, lock, stop.get_token(), 0, [] { return true; })) << "ready counts, however late";
}

TEST(BootWait, AUsersTimeMayBeAny) {
  using std::chrono::milliseconds;
  EXPECT_GT(end_of_wait(milliseconds::max()), now_ms());
  EXPECT_GT(from_ms(end_of_wait(milliseconds::max())), boot_clock::now()) << "in nanoseconds, too";
  EXPECT_LE(end_of_wait(milliseconds::min()), now_ms());
}

TEST(BootWait, EndsWhenItIsReadyAndNotBefore) {
  waiting w;
  w.ready = true;
  EXPECT_TRUE(w.until(0, [] { return 1; })) << "ready counts, however late";
  w.ready = false;
  EXPECT_FALSE(w.until(0, [] { return 0; }));
  const auto until = now_ms() + 1100;
  EXPECT_FALSE(w.until(until, now_ms));
  EXPECT_GE(now_ms(), until);
  std::jthread other([&] {
    const std::lock_guard lock(w.guard);
    w.ready = true;
    w.changed.notify_all();
  });
  EXPECT_TRUE(w.until(now_ms() + 60'000, now_ms));
}

TEST(BootWait, WithoutAnEndWaitsUntilItIsReady) {
  waiting w;
  std::jthread other([&] {
    const std::lock_guard lock(w.guard);
    w.ready = true;
    w.changed.notify_all();
  });
  std::unique_lock lock(w.guard);
  EXPECT_TRUE(wait_until(w.changed, lock, std::nullopt, [&] { return w.ready; }));
}

}  // namespace
}  // namespace dlock::testing
