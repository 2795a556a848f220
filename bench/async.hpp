#pragma once

#include <chrono>
#include <string>

namespace bench {

/// Many asynchronous calls in this process wait for a few locks: what they cost, and how fast they are cancelled.
/// `length`: how long they are watched. Prints.
void async(const std::string& url, int calls, int locks, std::chrono::milliseconds length);

}  // namespace bench
