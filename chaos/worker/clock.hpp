#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <ctime>
#include <dlock/clock.hpp>
#include <fstream>

namespace chaos {

/// Straight from the kernel: no preloaded clock can bend the history.
[[nodiscard]] inline std::int64_t kernel_ns(clockid_t clock) {
  timespec t{};
  syscall(SYS_clock_gettime, clock, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

/// The clock of the history: one for all processes of a machine.
[[nodiscard]] inline std::int64_t monotonic_ns() {
  return kernel_ns(CLOCK_MONOTONIC);
}

/// For how long the calling thread has waited for a processor in all, by the kernel's count.
[[nodiscard]] inline std::int64_t starved_ns() {
  std::int64_t ran = 0, waited = 0;
  std::ifstream("/proc/thread-self/schedstat") >> ran >> waited;
  return waited;
}

/// A time of the library's clock on the history's. They differ by the time that the machine was suspended, which does
/// not change during a run.
[[nodiscard]] inline std::int64_t on_history_clock(dlock::boot_clock::time_point t) {
  static const std::int64_t ahead = kernel_ns(CLOCK_BOOTTIME) - monotonic_ns();
  return t.time_since_epoch().count() - ahead;
}

}  // namespace chaos
