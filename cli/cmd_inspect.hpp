#pragma once

#include <string>
#include <vector>

namespace dlock::cli {

/// `dlock ls ...` and `dlock show ...`: return the exit status, or end the process. Throw failure or dlock::error.
[[nodiscard]] int cmd_ls(const std::vector<std::string>& arguments);
[[nodiscard]] int cmd_show(const std::vector<std::string>& arguments);

}  // namespace dlock::cli
