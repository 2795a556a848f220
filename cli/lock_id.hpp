#pragma once

#include <cstddef>
#include <string_view>

namespace dlock::cli {

/// Throws failure unless `text` is UTF-8 of at most `most` bytes. The error names `what` (what the text is) and the
/// text itself.
void check_utf8(std::string_view what, std::string_view text, std::size_t most);

/// Throws failure unless the library accepts `id`. The library checks it, too, but only when there is a client, and
/// that means after contact with the server.
void check_id(std::string_view id);

}  // namespace dlock::cli
