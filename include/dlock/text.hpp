#pragma once

#include <string>
#include <string_view>

namespace dlock {

/// `text` for a terminal, a log or any one line: what could change how the text around it is read is written as \xNN,
/// byte by byte. That is: control characters (line breaks and U+009B among them), characters that turn the direction
/// of writing, characters that nobody sees (zero width, fillers, variation selectors), and bytes that are not UTF-8.
/// All else stays. Twice changes no more than once. For reading, not for parsing: a backslash stays a backslash.
///
/// What dlock says itself (error::what(), log messages, lease::loss(), notification_status::problem) is like that
/// already. What others wrote is given as they wrote it: a lock's id, holder_info::who, leader_info::value and the
/// like. Thread-safe, does not block, throws nothing but std::bad_alloc.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace dlock
