#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "fd.hpp"

namespace dlock::cli {

/// What the kernel counts of a thread.
struct awake_count {
  std::chrono::nanoseconds time;  ///< For how long it ran, or waited for a processor.
  std::int64_t slices;            ///< How often it was given one.
};

/// For how long the calling thread has been awake. On a busy machine a thread that is woken waits. No clock shows when
/// it was woken, but the kernel counts the wait.
class awake_time {
 public:
  /// For the calling thread, which alone may use it.
  awake_time();
  /// None: this kernel does not count it.
  [[nodiscard]] std::optional<awake_count> read() const;

 private:
  unique_fd file_;
};

/// The same from the text of /proc/<pid>/schedstat.
[[nodiscard]] std::optional<awake_count> parse_awake_time(std::string_view text);

}  // namespace dlock::cli
