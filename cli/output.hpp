#pragma once

#include <string_view>

namespace dlock::cli {

/// All of it, to stdout. 0, or why not: an errno.
[[nodiscard]] int write_out(std::string_view text);

/// The same for a verb that has said all then. Returns what to exit with: `status`, 0 if nobody reads it, or 125 once
/// it has complained.
[[nodiscard]] int print_and_return(int status, std::string_view text);

}  // namespace dlock::cli
