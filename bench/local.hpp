#pragma once

#include <chrono>
#include <string>

namespace bench {

/// A lock that passes on inside one process: `threads` threads want it again and again, with and without local turns.
/// Then the recall of a lease that lingers, and a hand-off beside it. Prints.
void local(const std::string& url, int threads, int windows, std::chrono::milliseconds length);

}  // namespace bench
