#pragma once

#include <string>
#include <string_view>

namespace dlock {

/// A lock's id for an error text or a log: quoted, printable, cut if very long.
[[nodiscard]] std::string in_quotes(std::string_view id);

/// Valid UTF-8 without NUL.
[[nodiscard]] bool is_plain_utf8(std::string_view text);

}  // namespace dlock
