#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "connection.hpp"

namespace dlock::cli {

/// What the arguments of `dlock run` come to.
struct run_options : connection_options {
  std::string id;
  std::vector<std::string> command;  ///< The shell and its -c, with -c.
  /// How long to wait for the lock; none: for ever; zero: not at all.
  std::optional<std::chrono::milliseconds> wait;
  int conflict_exit_code;
  std::optional<std::chrono::milliseconds> at_least;
  std::chrono::milliseconds kill_after;  ///< Between TERM and KILL.
  bool help = false;                     ///< Only this was asked; nothing else is filled in.
};

/// Throws failure. Looks at DLOCK_URL and SHELL.
[[nodiscard]] run_options parse_run(const std::vector<std::string>& arguments);

[[nodiscard]] std::string run_help();

}  // namespace dlock::cli
