#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <dlock/inspect.hpp>

#include "command_options.hpp"

namespace dlock::cli {

/// The parsed arguments of `dlock run`.
struct run_options : command_options {
  std::vector<std::string> ids;  ///< No id twice.
  dlock::lock_mode mode = dlock::lock_mode::exclusive;
  std::int64_t permits = 0;  ///< For mode permits: each lock is a semaphore with this capacity,
  std::int64_t take = 1;     ///< and this many permits are taken.
  /// How long to wait for the lock. None: forever. Zero: one try, no wait.
  std::optional<std::chrono::milliseconds> wait;
  int conflict_exit_code = 0;
  std::optional<std::chrono::milliseconds> at_least;
};

/// Throws failure. Reads DLOCK_URL and SHELL.
[[nodiscard]] run_options parse_run(const std::vector<std::string>& arguments);

[[nodiscard]] std::string run_help();

}  // namespace dlock::cli
