#pragma once

#include <chrono>
#include <string_view>

namespace dlock::cli {

struct duration_rules {
  bool bare_seconds = false;  ///< A number without a unit means seconds, as with flock.
  bool zero = false;          ///< 0 is allowed.
};

/// Parses "500ms", "1.5s", "2m", "1h30m", "1d" as the value of `option`. Throws failure, which names the option and
/// says what is wrong: no number, no unit, zero, negative, finer than a millisecond, or more than ten years.
[[nodiscard]] std::chrono::milliseconds parse_duration(std::string_view option, std::string_view text,
                                                       duration_rules rules = {});

}  // namespace dlock::cli
