#pragma once

#include <set>
#include <string>
#include <vector>

#include "connection.hpp"

namespace dlock::cli {

/// The parsed arguments of `dlock watch`.
struct watch_options : connection_options {
  std::set<std::string> ids;  ///< Empty: all locks.
  bool json = false;
  bool help = false;  ///< Only the help was asked for. Nothing else is filled in.
};

/// Throws failure. Reads DLOCK_URL.
[[nodiscard]] watch_options parse_watch(const std::vector<std::string>& arguments);

[[nodiscard]] std::string watch_help();

}  // namespace dlock::cli
