#pragma once

#include <chrono>
#include <string>

#include <dlock/options.hpp>

#include "util/environment.hpp"

namespace dlock {

/// No option and no call takes a longer time.
inline constexpr std::chrono::milliseconds longest_time = std::chrono::hours{24 * 365};

/// Checks every option, with a reason, and fills in the defaults that depend on others. No I/O.
/// Throws error(invalid_argument).
[[nodiscard]] client_options validated(client_options options);

/// What a lock is made of, once nothing is left open.
struct lock_settings {
  std::string id;
  std::chrono::milliseconds exp_delta{};
  bool autorefresh = true;
  std::chrono::milliseconds wait_lock_period{};
  dlock::expiry expiry = dlock::expiry::server_clock;
};
/// Returns a lock's id that can be one. Throws error(invalid_argument).
[[nodiscard]] const std::string& checked_id(const std::string& id);

/// Without an id, that is a new one of `env`. Throws error(invalid_argument).
[[nodiscard]] lock_settings validated(const lock_options& options, const client_options& defaults, environment& env);

}  // namespace dlock
