#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

namespace dlock::testing {

/// The threads of this process, by name. A test that counts only its own is not disturbed by one that still ends.
inline std::map<std::string, std::size_t> threads() {
  std::map<std::string, std::size_t> out;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    if (std::getline(std::ifstream(task.path() / "comm"), name)) ++out[name];
  }
  return out;
}

}  // namespace dlock::testing
