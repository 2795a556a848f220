#pragma once

#include <string>
#include <vector>

namespace dlock::cli {

/// `dlock watch` with the words that follow it. Returns the exit status, or ends the process itself. Throws failure.
int cmd_watch(const std::vector<std::string>& arguments);

}  // namespace dlock::cli
