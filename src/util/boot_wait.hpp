#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>

#include "util/clock.hpp"

namespace dlock {

/// Waits until `ready`, or `until` on boot_clock; the last value of `ready`. A condition variable counts time on a
/// clock that stands still while the machine is suspended: it sleeps for a second at most, so that a deadline that
/// passed meanwhile is noticed within that.
template <typename Ready, typename Now = std::int64_t (*)()>
bool wait_until(
    std::condition_variable& changed, std::unique_lock<std::mutex>& lock, std::optional<std::int64_t> until,
    Ready ready, Now now = [] { return now_ms(); }) {
  constexpr std::int64_t kLongest = 1000;
  if (!until) {
    changed.wait(lock, ready);
    return true;
  }
  while (!ready()) {
    const auto left = *until - now();
    if (left <= 0) return false;
    changed.wait_for(lock, std::chrono::milliseconds{std::min(left, kLongest)});
  }
  return true;
}

}  // namespace dlock
