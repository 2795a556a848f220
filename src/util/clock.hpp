#pragma once

#include <cstdint>

#include <dlock/clock.hpp>

namespace dlock {

/// boot_clock in whole milliseconds, rounded down: what the state machines count in.
[[nodiscard]] inline std::int64_t to_ms(boot_clock::time_point t) noexcept {
  return std::chrono::floor<std::chrono::milliseconds>(t.time_since_epoch()).count();
}
[[nodiscard]] inline boot_clock::time_point from_ms(std::int64_t t) noexcept {
  return boot_clock::time_point{std::chrono::milliseconds{t}};
}
[[nodiscard]] inline std::int64_t now_ms() noexcept {
  return to_ms(boot_clock::now());
}

}  // namespace dlock
