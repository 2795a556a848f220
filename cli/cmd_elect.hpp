#pragma once

#include <string>
#include <vector>

#include "guard.hpp"

namespace dlock::cli {

/// `dlock elect ...`: the contract of cmd_run.
[[nodiscard]] int cmd_elect(const std::vector<std::string>& arguments, process_title title);

}  // namespace dlock::cli
