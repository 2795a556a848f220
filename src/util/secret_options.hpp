#pragma once

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

namespace dlock {

/// The options of a connection string whose values are secrets. Each is the end of a name, in lower case: of
/// tlsCertificateKeyFilePassword and similar options, and of a property of authMechanismProperties.
inline constexpr std::array<std::string_view, 2> secret_options{"password=", "aws_session_token:"};

/// The position of the value of the first secret option after `from`. The URL may be malformed. npos: there is none.
[[nodiscard]] inline std::size_t find_secret_option(std::string_view url, std::size_t from = 0) {
  const auto same = [](unsigned char in_url, unsigned char in_name) { return std::tolower(in_url) == in_name; };
  auto first = std::string_view::npos;
  for (const auto name : secret_options) {
    const auto* at = std::search(url.begin() + from, url.end(), name.begin(), name.end(), same);
    if (at != url.end()) first = std::min(first, static_cast<std::size_t>(at - url.begin()) + name.size());
  }
  return first;
}

}  // namespace dlock
