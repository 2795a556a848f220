#pragma once

#include <string>
#include <string_view>

namespace dlock {

/// The id of a lock for an error text or a log: in quotes, printable, and cut if it is very long.
[[nodiscard]] std::string in_quotes(std::string_view id);

/// Whether the text is valid UTF-8 without NUL.
[[nodiscard]] bool is_plain_utf8(std::string_view text);

}  // namespace dlock
