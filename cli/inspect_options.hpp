#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "connection.hpp"

namespace dlock::cli {

/// What the arguments of `dlock ls` come to.
struct ls_options : connection_options {
  std::string prefix;
  bool all = false;
  bool json = false;
  bool help = false;  ///< Only this was asked; nothing else is filled in.
};

/// What the arguments of `dlock show` come to.
struct show_options : connection_options {
  std::string id;
  bool json = false;
  bool help = false;
};

/// What the arguments of `dlock release` come to. --force was given.
struct release_options : connection_options {
  std::string id;
  std::optional<std::int64_t> token;
  bool now = false;
  bool yes = false;
  bool help = false;
};

/// These throw failure, and look at DLOCK_URL.
[[nodiscard]] ls_options parse_ls(const std::vector<std::string>& arguments);
[[nodiscard]] show_options parse_show(const std::vector<std::string>& arguments);
[[nodiscard]] release_options parse_release(const std::vector<std::string>& arguments);

[[nodiscard]] std::string ls_help();
[[nodiscard]] std::string show_help();
[[nodiscard]] std::string release_help();

}  // namespace dlock::cli
