#pragma once

#include <chrono>
#include <string>

namespace bench {

/// One lock and many contenders in many processes, against the raw commands. Prints.
void contended(const std::string& url, int windows, std::chrono::milliseconds length, int most);

}  // namespace bench
