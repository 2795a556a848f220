#pragma once

/// @file
/// Safe output of text that others wrote.

#include <string>
#include <string_view>

#include <dlock/export.hpp>

namespace dlock {

/// Makes `text` safe to show in a line of a terminal or a log.
///
/// Each byte that could change how a reader sees the text around it is written as `\xNN`:
/// - control characters (line breaks and U+009B are among them),
/// - characters that change the direction of writing,
/// - invisible characters (zero width, fillers, variation selectors),
/// - bytes that are not valid UTF-8.
///
/// Everything else stays as it is. A second call changes nothing more. The result is for reading, not for parsing: a
/// backslash in `text` is not escaped.
///
/// dlock's own texts are printable already: error::what(), log messages, lease::loss(), notification_status::problem.
/// Texts of others are passed on as they are: a lock's id, holder_info::who, leader_info::value and similar members.
///
/// Does not block, thread-safe.
/// @param text Any bytes.
/// @return The printable text.
/// @throws std::bad_alloc if there is no memory. Throws nothing else.
DLOCK_API [[nodiscard]] std::string printable(std::string_view text);

}  // namespace dlock
