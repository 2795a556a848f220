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
  unique_fd exec_error;  ///< Reaches end of file when the command is executed. If it could not be executed, an errno
                         ///< comes first.
};

/// The errno in `exec_error` if it was too late to start the command.
inline constexpr int too_late = ETIME;

/// Starts the command as a child of this process, unless the time is already `latest`. It is in process group `group`
/// (0: a group of its own), with the signals and standard streams that dlock was given. It has dlock's environment,
/// except that the variables about locks of outer dlocks are replaced by `environment` and by those in `setup`.
[[nodiscard]] launched launch(const guard_setup& setup, pid_t group, boot_clock::time_point latest,
                              const std::vector<std::string>& environment);

}  // namespace dlock::cli
