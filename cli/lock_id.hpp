#pragma once

#include <string_view>

namespace dlock::cli {

/// Throws failure unless the library would take `id`. The library says so too, but only once there is a client: after
/// contact with the server.
void check_id(std::string_view id);

}  // namespace dlock::cli
