#pragma once

#include <chrono>

namespace dlock {

/// The clock that leases are counted on: CLOCK_BOOTTIME. Like std::chrono::steady_clock it never jumps,
/// but it also runs while the machine is suspended, so a laptop or a VM that wakes up knows at once that
/// its leases are over. Meets the standard's Clock requirements. Thread-safe, does not block.
struct boot_clock {
  using rep = std::chrono::nanoseconds::rep;
  using period = std::chrono::nanoseconds::period;
  using duration = std::chrono::nanoseconds;
  using time_point = std::chrono::time_point<boot_clock>;
  static constexpr bool is_steady = true;

  [[nodiscard]] static time_point now() noexcept;
};

}  // namespace dlock
