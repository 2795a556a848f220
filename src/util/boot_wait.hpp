#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>

#include "util/environment.hpp"

/// Waits that end by the clock of an environment.
namespace dlock {

/// Waits until `ready` is true, at most until `until`. Returns the last value of `ready`.
template <typename Ready>
bool wait_until(environment& by, std::condition_variable& changed, std::unique_lock<std::mutex>& lock,
                std::optional<std::int64_t> until, Ready ready) {
  if (!until) {
    changed.wait(lock, ready);
    return true;
  }
  while (!ready()) {
    if (by.now_ms() >= *until) return false;
    by.sleep(changed, lock, *until);
  }
  return true;
}

/// The same, but also ends when `stop` is requested.
template <typename Ready>
bool wait_until(environment& by, std::condition_variable_any& changed, std::unique_lock<std::mutex>& lock,
                const std::stop_token& stop, std::int64_t until, Ready ready) {
  while (!ready()) {
    if (stop.stop_requested() || by.now_ms() >= until) return false;
    by.sleep(changed, lock, stop, until);
  }
  return true;
}

}  // namespace dlock
