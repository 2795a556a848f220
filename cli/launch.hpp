#pragma once

#include <sys/types.h>
#include <cerrno>
#include <string>
#include <vector>

#include "fd.hpp"
#include "guard.hpp"

namespace dlock::cli {

struct launched {
  pid_t pid = 0;         ///< -1: fork failed, see errno.
  unique_fd exec_error;  ///< Ends when the command is executed; an errno comes first if it could not be.
};

/// What `exec_error` says if it was too late to start the command.
inline constexpr int too_late = ETIME;

/// Starts the command, unless it is `latest` by then: a child of this process, in process group `group` (0: its own),
/// with the signals and the standard streams that dlock was given, and its environment, in which `setup`'s and
/// `environment` replace all that speaks of locks further out.
[[nodiscard]] launched launch(const guard_setup& setup, pid_t group, boot_clock::time_point latest,
                              const std::vector<std::string>& environment);

}  // namespace dlock::cli
