#pragma once

/// @file
/// The clock that leases are counted on.

#include <chrono>

#include <dlock/export.hpp>

namespace dlock {

/// The local clock of leases: Linux CLOCK_BOOTTIME. It meets the standard's Clock requirements.
///
/// Like std::chrono::steady_clock, it never jumps. It also counts the time for which this machine's own kernel was
/// suspended. A laptop that wakes up therefore knows at once that its leases are over.
///
/// No clock of a machine counts a stop from outside: a pause by a hypervisor, a snapshot that is restored later, the
/// downtime of a migration, a process that CRIU restores. After such a stop a lease counts as held for too long. The
/// next renewal ends that. It comes after a third of the TTL, or at once if the wall clock is set after the stop. Guest
/// agents and time daemons set it.
///
/// @par Thread safety
/// All members are thread-safe.
/// @par Blocking
/// Members never block.
struct DLOCK_API boot_clock {
  using rep = std::chrono::nanoseconds::rep;               ///< Number type of a duration.
  using period = std::chrono::nanoseconds::period;         ///< Unit of a duration: nanoseconds.
  using duration = std::chrono::nanoseconds;               ///< Duration type.
  using time_point = std::chrono::time_point<boot_clock>;  ///< Point in time, counted from the boot of the machine.
  static constexpr bool is_steady = true;                  ///< The clock never goes back.

  /// Current time. Does not fail.
  /// @return The time since boot, suspend included.
  [[nodiscard]] static time_point now() noexcept;
};

}  // namespace dlock
