#pragma once

#include <chrono>
#include <string>

namespace bench {

/// What it costs the server that one process holds so many locks, or is so many readers of one lock, and whether it
/// loses any.
void holding(const std::string& url, int locks, bool readers, std::chrono::milliseconds ttl,
             std::chrono::milliseconds length);

}  // namespace bench
