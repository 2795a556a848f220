#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>

#include "util/clock.hpp"

/// Waits that end by boot_clock. What the standard library and the kernel wait by stands still while the machine is
/// suspended: these sleep for a second at most, so that a deadline that passed meanwhile is noticed within that.
namespace dlock {

namespace detail {

/// Calls `sleep` with how long to sleep until `ready`, or `until`; the last value of `ready`.
template <typename Ready, typename Now, typename Sleep>
bool wait_in_slices(std::int64_t until, Ready ready, Now now, Sleep sleep) {
  constexpr std::int64_t kLongest = 1000;
  while (!ready()) {
    const auto left = until - now();
    if (left <= 0) return false;
    sleep(std::chrono::milliseconds{std::min(left, kLongest)});
  }
  return true;
}

inline std::int64_t boot_now() noexcept {
  return now_ms();
}

}  // namespace detail

/// Waits until `ready`, or `until`; the last value of `ready`.
template <typename Ready, typename Now = std::int64_t (*)()>
bool wait_until(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, std::optional<std::int64_t> until,
                Ready ready, Now now = detail::boot_now) {
  if (until) return detail::wait_in_slices(*until, ready, now, [&](auto time) { changed.wait_for(lock, time); });
  changed.wait(lock, ready);
  return true;
}

/// The same, until `stop` at the latest.
template <typename Ready, typename Now = std::int64_t (*)()>
bool wait_until(std::condition_variable_any& changed, std::unique_lock<std::mutex>& lock, const std::stop_token& stop,
                std::int64_t until, Ready ready, Now now = detail::boot_now) {
  const auto over = [&] { return stop.stop_requested() || ready(); };
  (void)detail::wait_in_slices(until, over, now, [&](auto time) { changed.wait_for(lock, stop, time, over); });
  return ready();
}

}  // namespace dlock
