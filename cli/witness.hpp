#pragma once

#include <sys/types.h>

#include <csignal>

#include <dlock/clock.hpp>

#include "fd.hpp"

namespace dlock::cli {

/// On a terminal, dlock and the command share a process group, and a signal to the group (Ctrl-C, `kill %1`,
/// timeout(1)) reaches the command by itself; one to dlock alone must be passed on. dlock cannot tell them apart: a
/// signal does not say whom it was sent to. So a process that nobody knows of stays in the group with all signals
/// blocked: what is pending there was sent to the group.
class witness {
 public:
  /// Forks it into `group`. On failure there is none, and it has seen nothing.
  explicit witness(pid_t group);
  ~witness();
  witness(const witness&) = delete;
  witness& operator=(const witness&) = delete;

  /// Whether one of `signals` was sent to the group since this was last asked for it. A witness that does not answer,
  /// within half a second or by `limit`, has not seen it.
  bool saw(const sigset_t& signals, boot_clock::time_point limit);
  /// `pid` was reaped. If it was the witness, its number is no longer ours, and this returns true.
  bool reaped(pid_t pid) noexcept {
    if (pid != pid_) return false;
    pid_ = -1;
    return true;
  }

 private:
  pid_t pid_ = -1;
  unique_fd link_;
  int asked_ = 0;
};

}  // namespace dlock::cli
