#pragma once

#include <cstddef>
#include <string_view>

namespace dlock::cli {

/// Throws failure unless `text` is UTF-8 of at most `most` bytes; `what` it is and the text itself are named.
void check_utf8(std::string_view what, std::string_view text, std::size_t most);

/// Throws failure unless the library would take `id`. The library says so too, but only once there is a client: after
/// contact with the server.
void check_id(std::string_view id);

}  // namespace dlock::cli
