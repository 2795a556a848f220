#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include <dlock/clock.hpp>

namespace dlock::testing {

/// A thread that only sleeps, and sees how late it is woken: what a busy machine adds to the end of any wait. A promise
/// such as "returns at most 100 ms after its deadline" can be judged by that.
class canary {
 public:
  canary() : thread_([this](const std::stop_token& stop) { watch(stop); }) {}

  /// How late it was at worst.
  [[nodiscard]] std::chrono::milliseconds latest() const {
    return std::chrono::ceil<std::chrono::milliseconds>(boot_clock::duration(latest_.load()));
  }

  /// How much later than its deadline a call may return: 100 ms, and what the machine took for two wakes, of the thread
  /// whose wait ended and of the one that it wakes.
  [[nodiscard]] std::chrono::milliseconds allowance() const { return std::chrono::milliseconds(100) + 2 * latest(); }

 private:
  void watch(const std::stop_token& stop) {
    constexpr std::chrono::milliseconds nap{5};
    while (!stop.stop_requested()) {
      const auto before = boot_clock::now();
      std::this_thread::sleep_for(nap);
      latest_ = std::max(latest_.load(), (boot_clock::now() - before - nap).count());
    }
  }

  std::atomic<boot_clock::rep> latest_ = 0;
  std::jthread thread_;  // last: it uses what is above
};

}  // namespace dlock::testing
