#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>

#include "rules.hpp"

namespace chaos {

/// Of each member; 0 if it does not run.
using member_pids = std::array<pid_t, kMembers>;

/// Which source has the local TCP socket with port `from` that is connected to our port `to`: the kernel's list of
/// sockets has its inode, and the files of a process name it.
std::size_t owner_of(std::uint16_t from, std::uint16_t to, const member_pids& pids);

}  // namespace chaos
