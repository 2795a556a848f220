#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "fleet.hpp"

namespace bench {

struct version {
  std::string name;
  std::string program;  // empty: this one
};

/// The same work by several versions of this program, in turn. Prints.
void compare(const std::string& url, const std::vector<version>& versions, const crew& who, int windows,
             std::chrono::milliseconds length);

}  // namespace bench
