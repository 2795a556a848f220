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
