#pragma once

#include <string>
#include <vector>

namespace dlock::cli {

/// `dlock release --force ...`: returns what to exit with, or ends the process. Throws failure or dlock::error.
[[nodiscard]] int cmd_release(const std::vector<std::string>& arguments);

}  // namespace dlock::cli
