#pragma once

/// @file
/// The version of the library. `find_package(dlock 0.1)` compares the same numbers.

#include <dlock/export.hpp>

#define DLOCK_VERSION_MAJOR 0  ///< First number of the version.
#define DLOCK_VERSION_MINOR 1  ///< Second number of the version.
#define DLOCK_VERSION_PATCH 0  ///< Third number of the version.

namespace dlock {

/// Version of the linked library. Does not block, does not fail, thread-safe.
/// @return Static text, for example "0.1.0".
DLOCK_API [[nodiscard]] const char* version() noexcept;

}  // namespace dlock
