#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "fd.hpp"

namespace dlock::cli {

/// What the kernel counts for a thread.
struct awake_count {
  std::chrono::nanoseconds time;  ///< How long it ran, or waited for a processor.
  std::int64_t slices;            ///< How many times it was given a processor.
};

/// How long the calling thread has been awake. On a busy machine, a thread that was woken still waits for a processor.
/// No clock shows when it was woken, but the kernel counts the wait.
class awake_time {
 public:
  /// Only the thread that calls this constructor may use the object.
  awake_time();
  /// Returns nothing if this kernel does not count.
  [[nodiscard]] std::optional<awake_count> read() const;

 private:
  unique_fd file_;
};

/// The same, from the text of /proc/<pid>/schedstat.
[[nodiscard]] std::optional<awake_count> parse_awake_time(std::string_view text);

}  // namespace dlock::cli
