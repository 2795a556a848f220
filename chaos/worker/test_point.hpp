#pragma once

namespace chaos {

/// Throws std::invalid_argument if DLOCK_KILL_AT makes no sense.
void check_environment();

}  // namespace chaos
