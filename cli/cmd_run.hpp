#pragma once

#include <string>
#include <vector>

#include "guard.hpp"

namespace dlock::cli {

/// `dlock run ...`: returns the exit status. Throws failure. May end the process by the signal that ended the command
/// or the wait.
[[nodiscard]] int cmd_run(const std::vector<std::string>& arguments, process_title title);

}  // namespace dlock::cli
