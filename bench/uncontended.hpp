#pragma once

#include <chrono>
#include <string>

namespace bench {

/// An uncontended acquire and release, compared with two raw findAndModify. Each thread uses its own document. Prints.
void uncontended(const std::string& url, const std::string& mode, int threads, int windows,
                 std::chrono::milliseconds length);

}  // namespace bench
