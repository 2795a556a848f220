#pragma once

#include <string>
#include <vector>

#include "command_options.hpp"

namespace dlock::cli {

/// The parsed arguments of `dlock elect`.
struct elect_options : command_options {
  std::string id;
  std::string value;  ///< The value that the leader publishes.
  bool once = false;  ///< Only one term.
};

/// Throws failure. Reads DLOCK_URL and SHELL.
[[nodiscard]] elect_options parse_elect(const std::vector<std::string>& arguments);

[[nodiscard]] std::string elect_help();

}  // namespace dlock::cli
