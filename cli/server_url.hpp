#pragma once

#include <optional>
#include <string>

namespace dlock::cli {

/// Chooses the connection string from --url, --url-file and DLOCK_URL (null: unset). None: the default of the library.
/// Throws failure, and its text never contains a password.
[[nodiscard]] std::optional<std::string> choose_url(const std::optional<std::string>& url,
                                                    const std::optional<std::string>& url_file,
                                                    const char* environment);

}  // namespace dlock::cli
