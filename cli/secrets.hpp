#pragma once

#include <string>
#include <string_view>

namespace dlock::cli {

/// Whether a connection string contains a secret that `ps` would show to every user of the machine. The string may be
/// malformed: people forget the scheme, or forget to escape @, / and ? in their password.
[[nodiscard]] bool has_password(std::string_view url);

/// `text`, with *** in place of the credentials of a URL in it: the part between :// and the last @, and the value of a
/// parameter that holds a secret. A lock with the id a:b@c stays as it is.
[[nodiscard]] std::string without_secrets(std::string_view text);

/// The same, and also *** in place of a text that could be a URL without its scheme.
[[nodiscard]] std::string without_any_secret(std::string_view text);

}  // namespace dlock::cli
