#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <vector>

#include "rules.hpp"

namespace chaos {

/// Of each member and worker; 0 if it is not known.
using known_pids = std::array<pid_t, kKnown>;

/// A TCP connection on 127.0.0.1: the port of whoever connected, and ours.
struct connection {
  std::uint16_t from;
  std::uint16_t to;
};

/// Which sources made these: the kernel's list of sockets has their inodes, and the files of the processes name them.
/// Of many at once, because both lists are long.
std::vector<std::size_t> owners_of(const std::vector<connection>& connections, const known_pids& pids);

}  // namespace chaos
