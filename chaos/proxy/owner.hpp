#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>

#include "rules.hpp"

namespace chaos {

/// Of each member and worker; 0 if it is not known.
using known_pids = std::array<pid_t, kKnown>;

/// Which source has the local TCP socket with port `from` that is connected to our port `to`: the kernel's list of
/// sockets has its inode, and the files of a process name it.
std::size_t owner_of(std::uint16_t from, std::uint16_t to, const known_pids& pids);

}  // namespace chaos
