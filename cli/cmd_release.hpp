#pragma once

#include <string>
#include <vector>

namespace dlock::cli {

/// `dlock release --force ...`: returns the exit status, or ends the process. Throws failure or dlock::error.
[[nodiscard]] int cmd_release(const std::vector<std::string>& arguments);

}  // namespace dlock::cli
