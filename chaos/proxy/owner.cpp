#include "owner.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <unordered_map>

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

/// By inode, as "socket:[4711]": which of the connections it is. Those that have closed already are missing.
std::unordered_map<std::string, std::size_t> sockets_of(const std::vector<connection>& connections) {
  std::unordered_map<std::string, std::size_t> wanted;
  for (std::size_t i = 0; i < connections.size(); ++i) {
    wanted[as_listed(connections[i].from) + ' ' + as_listed(connections[i].to)] = i;
  }
  std::unordered_map<std::string, std::size_t> out;
  std::ifstream list("/proc/net/tcp");
  for (std::string line; std::getline(list, line);) {
    std::istringstream words(line);
    std::string number, local, remote, word;
    words >> number >> local >> remote;
    const auto found = wanted.find(local + ' ' + remote);
    if (found == wanted.end()) continue;
    for (int column = 3; column < 10; ++column) words >> word;
    out["socket:[" + word + "]"] = found->second;
  }
  return out;
}

}  // namespace

std::vector<std::size_t> owners_of(const std::vector<connection>& connections, const known_pids& pids) {
  std::vector<std::size_t> out(connections.size(), kOthers);
  if (connections.empty()) return out;
  const auto sockets = sockets_of(connections);
  for (std::size_t source = 0; source < kKnown; ++source) {
    if (pids[source] == 0) continue;
    std::error_code gone;  // it may end meanwhile
    std::filesystem::directory_iterator file("/proc/" + std::to_string(pids[source]) + "/fd", gone);
    for (; !gone && file != std::filesystem::directory_iterator(); file.increment(gone)) {
      std::array<char, 64> name{};
      const auto n = readlink(file->path().c_str(), name.data(), name.size());
      if (n <= 0) continue;
      const auto found = sockets.find(std::string(name.data(), static_cast<std::size_t>(n)));
      if (found != sockets.end()) out[found->second] = source;
    }
  }
  return out;
}

}  // namespace chaos
