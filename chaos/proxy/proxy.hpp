#pragma once

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
  explicit proxy(const std::string& control_path);

  [[nodiscard]] std::uint16_t port(std::size_t member) const { return port_of(listeners_[member].get()); }

  /// Until standard input ends.
  void run();

 private:
  struct conversation {  // on the control socket
    descriptor fd;
    std::string received;
  };

  void watch(int fd, unsigned events);
  void unwatch(int fd);
  void accept_link(std::size_t target);
  void accept_control();
  void hear_control(int fd);
  void serve_link(int fd, unsigned events);
  void settle(const std::shared_ptr<link>& l);
  void settle_all();
  void find_sources();
  [[nodiscard]] int wait_milliseconds() const;
  [[nodiscard]] rule& rule_of(const link& l) { return rules_.at(l.source(), l.target()); }

  std::string command(const std::string& line);

  descriptor epoll_;
  descriptor control_;
  std::array<descriptor, kMembers> listeners_;
  std::array<std::uint16_t, kMembers> targets_{};
  known_pids pids_{};
  mutable rules rules_;
  std::unordered_map<int, unsigned> watched_;
  std::unordered_map<int, std::shared_ptr<link>> links_;  // by either of its two descriptors
  std::unordered_map<int, conversation> conversations_;
};

extern const char* const kCommands;  // for --help

}  // namespace chaos
