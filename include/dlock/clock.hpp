#pragma once

#include <chrono>

namespace dlock {

/// The clock that leases are counted on: CLOCK_BOOTTIME. Like std::chrono::steady_clock it never jumps, but it also
/// counts the time for which the machine's own kernel was suspended, so a laptop that wakes up knows at once that its
/// leases are over. No clock of a machine counts the time for which somebody else stopped it: a hypervisor's pause, a
/// snapshot that is restored later, the downtime of a migration, a process that CRIU restores. Then a lease counts as
/// held for too long, until a renewal finds that it is not: after a third of the TTL, or at once when the wall clock is
/// set after the stop, as guest agents and time daemons do. Meets the standard's Clock requirements. Thread-safe, does
/// not block.
struct boot_clock {
  using rep = std::chrono::nanoseconds::rep;
  using period = std::chrono::nanoseconds::period;
  using duration = std::chrono::nanoseconds;
  using time_point = std::chrono::time_point<boot_clock>;
  static constexpr bool is_steady = true;

  [[nodiscard]] static time_point now() noexcept;
};

}  // namespace dlock
