#pragma once

#include <chrono>
#include <string>

namespace bench {

/// Many readers of one shared lock, compared with as many threads that change one document.
void shared(const std::string& url, int readers, int windows, std::chrono::milliseconds length);

}  // namespace bench
