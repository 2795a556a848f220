#pragma once

#include <string>
#include <vector>

#include "command_options.hpp"

namespace dlock::cli {

/// What the arguments of `dlock elect` come to.
struct elect_options : command_options {
  std::string id;
  std::string value;  ///< What others see of the leader.
  bool once = false;  ///< For one term only.
};

/// Throws failure. Looks at DLOCK_URL and SHELL.
[[nodiscard]] elect_options parse_elect(const std::vector<std::string>& arguments);

[[nodiscard]] std::string elect_help();

}  // namespace dlock::cli
