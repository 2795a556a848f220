#pragma once

#include <chrono>
#include <string>

namespace bench {

/// An uncontended acquire and release against two raw findAndModify, each thread on a document of its own. Prints.
void uncontended(const std::string& url, int threads, int windows, std::chrono::milliseconds length);

}  // namespace bench
