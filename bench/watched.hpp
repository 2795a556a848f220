#pragma once

#include <chrono>
#include <string>

namespace bench {

/// What a hand-off costs while somebody looks at the locks: windows with and without `watchers` (bench/watchers.py), in
/// turn. Prints.
void watched(const std::string& url, const std::string& watchers, int windows, std::chrono::milliseconds length);

}  // namespace bench
