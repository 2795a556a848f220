#pragma once

#include <string>
#include <vector>

namespace dlock::cli {

/// `dlock watch` with its arguments. Returns the exit status, or ends the process. Throws failure.
int cmd_watch(const std::vector<std::string>& arguments);

}  // namespace dlock::cli
