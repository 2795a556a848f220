#pragma once

#include <chrono>
#include <string>

#include <dlock/options.hpp>

#include "util/environment.hpp"

namespace dlock {

/// The longest time for an option or a call.
inline constexpr std::chrono::milliseconds longest_time = std::chrono::hours{24 * 365};

/// Checks every option, and says what is wrong. Fills in the defaults that depend on other options. No I/O. Throws
/// error(invalid_argument).
[[nodiscard]] client_options validated(client_options options);

/// The settings of a lock, with all defaults filled in.
struct lock_settings {
  std::string id;
  std::chrono::milliseconds exp_delta{};
  bool autorefresh = true;
  std::chrono::milliseconds wait_lock_period{};
  dlock::expiry expiry = dlock::expiry::server_clock;
  bool durable_release = false;
  int local_turns = 1;
  std::chrono::milliseconds linger{};
  std::string note;
};
/// Checks that `id` can be the id of a lock, and returns it. Throws error(invalid_argument).
[[nodiscard]] const std::string& checked_id(const std::string& id);

/// Checks that `note`, which is called `what`, can be published by a holder, and returns it. Throws
/// error(invalid_argument).
[[nodiscard]] std::string checked_note(const char* what, std::string note);

/// Checks the arguments of a release. `doing`: what fails otherwise, of which lock. Throws error(invalid_argument).
void check_release(const std::string& doing, std::chrono::milliseconds at_least, std::chrono::milliseconds timeout);

/// If `options` has no id, the lock gets a new one from `env`. Throws error(invalid_argument).
[[nodiscard]] lock_settings validated(const lock_options& options, const client_options& defaults, environment& env);

}  // namespace dlock
