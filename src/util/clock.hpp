#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include <dlock/clock.hpp>

namespace dlock {

/// boot_clock in whole milliseconds, rounded down. The state machines count in these.
[[nodiscard]] inline std::int64_t to_ms(boot_clock::time_point t) noexcept {
  return std::chrono::floor<std::chrono::milliseconds>(t.time_since_epoch()).count();
}
[[nodiscard]] inline boot_clock::time_point from_ms(std::int64_t t) noexcept {
  return boot_clock::time_point{std::chrono::milliseconds{t}};
}

/// The longest wait, in ms, between two times of boot_clock or from now on. It is 34 years, far from an overflow even
/// in nanoseconds.
inline constexpr std::int64_t longest_wait = std::int64_t{1} << 40;

/// The end of a wait that begins `now`. `time` comes from the user and may have any value.
[[nodiscard]] inline std::int64_t end_of_wait(std::int64_t now, std::chrono::milliseconds time) noexcept {
  return now + std::clamp<std::int64_t>(time.count(), 0, longest_wait);
}

/// Converts a time of the server for users. If system_clock cannot express it (in libstdc++: after the year 2262), the
/// result is the last time that system_clock can express. A time before 1970 becomes 1970, so that the difference of
/// any two results can be expressed, too.
[[nodiscard]] inline std::chrono::system_clock::time_point system_time(std::int64_t since_epoch_ms) noexcept {
  using std::chrono::system_clock;
  constexpr auto last = std::chrono::floor<std::chrono::milliseconds>(system_clock::duration::max()).count();
  return system_clock::time_point{std::chrono::milliseconds{std::clamp<std::int64_t>(since_epoch_ms, 0, last)}};
}

}  // namespace dlock
