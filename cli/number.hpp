#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace dlock::cli {

/// Parses a whole number from `least` to `most`, in decimal digits, as the value of `option`. Throws failure. The error
/// says with `what` which number is expected ("a number of permits").
[[nodiscard]] std::int64_t parse_number(std::string_view option, const std::string& text, std::string_view what,
                                        std::int64_t least, std::int64_t most);

}  // namespace dlock::cli
