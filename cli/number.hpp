#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace dlock::cli {

/// A whole number from `least` to `most`, in decimal digits, as the value of `option`. Throws failure, which calls it
/// `what` it should be ("a number of permits").
[[nodiscard]] std::int64_t parse_number(std::string_view option, const std::string& text, std::string_view what,
                                        std::int64_t least, std::int64_t most);

}  // namespace dlock::cli
