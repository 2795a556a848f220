#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "connection.hpp"

namespace dlock::cli {

/// The parsed arguments of `dlock ls`.
struct ls_options : connection_options {
  std::string prefix;
  bool all = false;
  bool json = false;
  bool help = false;  ///< Only the help was asked for. Nothing else is filled in.
};

/// The parsed arguments of `dlock show`.
struct show_options : connection_options {
  std::string id;
  bool json = false;
  bool help = false;
};

/// The parsed arguments of `dlock release`. --force was given.
struct release_options : connection_options {
  std::string id;
  std::optional<std::int64_t> token;
  bool now = false;
  bool yes = false;
  bool help = false;
};

/// These functions throw failure. They read DLOCK_URL.
[[nodiscard]] ls_options parse_ls(const std::vector<std::string>& arguments);
[[nodiscard]] show_options parse_show(const std::vector<std::string>& arguments);
[[nodiscard]] release_options parse_release(const std::vector<std::string>& arguments);

[[nodiscard]] std::string ls_help();
[[nodiscard]] std::string show_help();
[[nodiscard]] std::string release_help();

}  // namespace dlock::cli
