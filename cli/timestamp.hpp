#pragma once

#include <chrono>
#include <string>

namespace dlock::cli {

/// "2026-11-24T01:02:03.456Z"
[[nodiscard]] std::string iso(std::chrono::system_clock::time_point at);

/// A time span for people, with at most two units: "0s", "12s", "3m12s", "5h03m", "2d4h". Rounded down. "0s" if it is
/// negative.
[[nodiscard]] std::string span(std::chrono::system_clock::duration time);

}  // namespace dlock::cli
