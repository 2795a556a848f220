#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http_server.hpp"

namespace dlock::cli {

/// Parses the target of a request, "/path?name=value&...". None if it is not such a target, or has a bad escape or a
/// NUL.
[[nodiscard]] std::optional<http_request> parse_target(std::string_view target);

/// The name in the header Host, without the port and in lower case: "localhost" of "Localhost:9170", "::1" of
/// "[::1]:9170". Empty if it is no host.
[[nodiscard]] std::string host_name(std::string_view header);

/// Whether the header Authorization is "Bearer TOKEN". How long this takes does not depend on where the two differ.
[[nodiscard]] bool is_bearer(std::string_view header, std::string_view token);

}  // namespace dlock::cli
