#pragma once

#include <string_view>

namespace dlock::cli {

/// Writes all of it to stdout. Returns 0, or the errno of the failure.
[[nodiscard]] int write_out(std::string_view text);

/// The same, for a verb that has no more output. Returns the exit status: `status`, 0 if nobody reads stdout, or 125
/// after an error message.
[[nodiscard]] int print_and_return(int status, std::string_view text);

}  // namespace dlock::cli
