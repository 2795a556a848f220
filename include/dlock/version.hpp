#pragma once

/// The library's version, as in `find_package(dlock 0.1)`.
#define DLOCK_VERSION_MAJOR 0
#define DLOCK_VERSION_MINOR 1
#define DLOCK_VERSION_PATCH 0

namespace dlock {

/// "0.1.0". Never fails, does not block, thread-safe.
[[nodiscard]] const char* version() noexcept;

}  // namespace dlock
