#pragma once

#include <chrono>
#include <string>

namespace bench {

/// A lock that passes on inside a process without a command. Prints.
void local(const std::string& url, std::chrono::milliseconds length);

}  // namespace bench
