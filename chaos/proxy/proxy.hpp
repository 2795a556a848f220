#pragma once

#include <netinet/in.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "link.hpp"
#include "owner.hpp"
#include "rules.hpp"
#include "sockets.hpp"

namespace chaos {

/// Stands before all members of a replica set: its ports are the addresses in the set's configuration, so that nobody
/// finds a way round it. One thread.
class proxy {
 public:
  /// Takes commands (kCommands), a line each, from one descriptor, and answers to the other.
  proxy(int commands, int answers);

  [[nodiscard]] std::uint16_t port(std::size_t member) const { return port_of(listeners_[member].get()); }

  /// Until the commands end.
  void run();

 private:
  void watch(int fd, unsigned events);
  void unwatch(int fd);
  void accept_link(std::size_t target);
  bool hear_commands();
  void serve_link(int fd, unsigned events);
  void settle(const std::shared_ptr<link>& l);
  void settle_all();
  void find_sources();
  void reset_links(std::size_t source, std::size_t target);
  [[nodiscard]] int wait_milliseconds() const;
  [[nodiscard]] rule& rule_of(const link& l) { return rules_.at(l.source(), l.target()); }

  std::string command(const std::string& line);

  int commands_, answers_;
  std::string heard_;  // of a command that is not whole yet
  descriptor epoll_;
  std::array<descriptor, kMembers> listeners_;
  std::array<sockaddr_in, kMembers> targets_{};
  known_pids pids_{};
  mutable rules rules_;
  std::unordered_map<int, unsigned> watched_;
  std::unordered_map<int, std::shared_ptr<link>> links_;  // by either of its two descriptors
};

extern const char* const kCommands;  // for --help

}  // namespace chaos
