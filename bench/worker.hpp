#pragma once

#include <cstdint>
#include <string>

namespace bench {

/// Nanoseconds of CLOCK_BOOTTIME.
[[nodiscard]] std::int64_t now();

struct work {
  std::string url;
  std::string lock;
  int threads = 1;
  int hold_ms = 0;
  std::string mode;
  std::string kind = "mutex";  // or "shared", or "semaphore"
};

/// One grant, as its holder saw it. Times are nanoseconds of CLOCK_BOOTTIME, so they can be compared between processes.
struct grant {
  std::int64_t token = 0;
  std::int64_t asked = 0;      // acquire() was called
  std::int64_t queued = 0;     // and answered "you are queued". 0: it was not queued
  std::int64_t acquired = 0;   // acquire() returned
  std::int64_t releasing = 0;  // release() was called
};

/// Writes "ready". Then, for each line "begin end" on stdin, it contends between these times, writes one line for each
/// grant and one for each poll of a waiter, and then writes "done".
int run_worker(const work& what);

}  // namespace bench
