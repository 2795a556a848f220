#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dlock::cli {

/// What the library takes.
inline constexpr std::int64_t most_permits = 1'000'000;
inline constexpr std::size_t longest_note = 1024;

/// Parses a whole number from `least` to `most`, in decimal digits, as the value of `option`. Throws failure. The error
/// says with `what` which number is expected ("a number of permits").
[[nodiscard]] std::int64_t parse_number(std::string_view option, const std::string& text, std::string_view what,
                                        std::int64_t least, std::int64_t most);

/// Parses "true", "yes", "on" or "1", or their contraries, as the value of `option`. Throws failure.
[[nodiscard]] bool parse_bool(std::string_view option, const std::string& text);

struct duration_rules {
  bool bare_seconds = false;  ///< A number without a unit means seconds, as with flock.
  bool zero = false;          ///< 0 is allowed.
};

/// Parses "500ms", "1.5s", "2m", "1h30m", "1d" as the value of `option`. Throws failure, which names the option and
/// says what is wrong: no number, no unit, zero, negative, finer than a millisecond, or more than ten years.
[[nodiscard]] std::chrono::milliseconds parse_duration(std::string_view option, std::string_view text,
                                                       duration_rules rules = {});

/// Throws failure unless `text` is UTF-8 of at most `most` bytes. The error names `what` (what the text is) and the
/// text itself.
void check_utf8(std::string_view what, std::string_view text, std::size_t most);

/// Throws failure unless the library accepts `id`. The library checks it, too, but only when there is a client, and
/// that means after contact with the server.
void check_id(std::string_view id);

/// The ID of a verb that takes one, from its operands. Throws failure unless there is exactly one.
[[nodiscard]] std::string take_id(std::string_view verb, std::vector<std::string> given);

}  // namespace dlock::cli
