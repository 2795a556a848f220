#pragma once

#include <optional>
#include <string>

namespace dlock::cli {

/// The connection string that --url, --url-file and DLOCK_URL (null: unset) come to; none: the library's default.
/// Throws failure, never with a password in its text.
[[nodiscard]] std::optional<std::string> choose_url(const std::optional<std::string>& url,
                                                    const std::optional<std::string>& url_file,
                                                    const char* environment);

}  // namespace dlock::cli
