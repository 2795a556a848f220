#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <dlock/inspect.hpp>

#include "command_options.hpp"

namespace dlock::cli {

/// What the arguments of `dlock run` come to.
struct run_options : command_options {
  std::vector<std::string> ids;  ///< All different.
  dlock::lock_mode mode = dlock::lock_mode::exclusive;
  std::int64_t permits = 0;  ///< Of mode permits: each lock is a semaphore of so many,
  std::int64_t take = 1;     ///< and so many of them are taken.
  /// How long to wait for the lock; none: for ever; zero: not at all.
  std::optional<std::chrono::milliseconds> wait;
  int conflict_exit_code = 0;
  std::optional<std::chrono::milliseconds> at_least;
};

/// Throws failure. Looks at DLOCK_URL and SHELL.
[[nodiscard]] run_options parse_run(const std::vector<std::string>& arguments);

[[nodiscard]] std::string run_help();

}  // namespace dlock::cli
