#include "owner.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

namespace chaos {
namespace {

/// "0100007F:1F90", as /proc/net/tcp has 127.0.0.1:8080 on a little-endian machine.
std::string as_listed(std::uint16_t port) {
  std::ostringstream out;
  out << "0100007F:" << std::uppercase << std::hex;
  out.width(4);
  out.fill('0');
  out << port;
  return out.str();
}

std::optional<std::string> inode_of(std::uint16_t from, std::uint16_t to) {
  std::ifstream list("/proc/net/tcp");
  const auto local = as_listed(from);
  const auto remote = as_listed(to);
  std::string line;
  while (std::getline(list, line)) {
    if (line.find(local + ' ' + remote) == std::string::npos) continue;
    std::istringstream words(line);
    std::string word;
    for (int column = 0; column < 10; ++column) words >> word;
    return word;
  }
  return std::nullopt;
}

bool has_socket(pid_t pid, const std::string& inode) {
  const auto wanted = "socket:[" + inode + "]";
  std::error_code gone;
  for (const auto& file : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd", gone)) {
    std::array<char, 64> name{};
    const auto n = readlink(file.path().c_str(), name.data(), name.size());
    if (n > 0 && wanted.compare(0, wanted.npos, name.data(), static_cast<std::size_t>(n)) == 0) return true;
  }
  return false;
}

}  // namespace

std::size_t owner_of(std::uint16_t from, std::uint16_t to, const known_pids& pids) {
  const auto inode = inode_of(from, to);
  if (!inode) return kOthers;  // it has closed already
  for (std::size_t source = 0; source < kKnown; ++source) {
    if (pids[source] != 0 && has_socket(pids[source], *inode)) return source;
  }
  return kOthers;
}

}  // namespace chaos
