#pragma once

#include <set>
#include <string>
#include <vector>

#include "connection.hpp"

namespace dlock::cli {

/// What the arguments of `dlock watch` come to.
struct watch_options : connection_options {
  std::set<std::string> ids;  ///< None: all.
  bool json = false;
  bool help = false;  ///< Only this was asked; nothing else is filled in.
};

/// Throws failure. Looks at DLOCK_URL.
[[nodiscard]] watch_options parse_watch(const std::vector<std::string>& arguments);

[[nodiscard]] std::string watch_help();

}  // namespace dlock::cli
