#pragma once

#include <string>
#include <string_view>

namespace dlock::cli {

/// Whether a connection string carries a secret that `ps` would show to every user of the machine. It need not be a
/// good one: people forget the scheme, or to escape what their password has of @, / and ?.
[[nodiscard]] bool has_password(std::string_view url);

/// `text` with *** for the credentials of a URL in it: what stands between :// and the last @, and what follows a
/// parameter that holds a secret. A lock called a:b@c stays as it is.
[[nodiscard]] std::string without_secrets(std::string_view text);

/// The same, and *** for a text that could be a URL without its scheme.
[[nodiscard]] std::string without_any_secret(std::string_view text);

}  // namespace dlock::cli
