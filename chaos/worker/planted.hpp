#pragma once

#include <optional>
#include <span>
#include <string>

#include "protocol/planted.hpp"

namespace chaos {

/// A bug that the library has if DLOCK_PLANTED names it.
struct planted_bug {
  dlock::bug what;
  const char* name;
  const char* harm;  // one line
};

[[nodiscard]] std::span<const planted_bug> planted_bugs();

/// The one that was asked for. Throws std::invalid_argument for an unknown name.
[[nodiscard]] std::optional<dlock::bug> chosen_bug();

/// Throws std::invalid_argument if DLOCK_PLANTED or DLOCK_KILL_AT makes no sense.
void check_environment();

}  // namespace chaos
