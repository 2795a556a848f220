#pragma once

#include <sys/types.h>

#include <csignal>

#include <dlock/clock.hpp>

#include "fd.hpp"

namespace dlock::cli {

/// On a terminal, dlock and the command share a process group. A signal to the group (Ctrl-C, `kill %1`, timeout(1))
/// reaches the command directly. A signal to dlock alone must be passed on. dlock cannot distinguish the two, because a
/// signal does not say to whom it was sent. So a process that nobody else knows stays in the group, with all signals
/// blocked: a signal that is pending there was sent to the group.
class witness {
 public:
  /// Forks the witness into `group`. If that fails, there is no witness, and saw() returns false.
  explicit witness(pid_t group);
  ~witness();
  witness(const witness&) = delete;
  witness& operator=(const witness&) = delete;

  /// Whether one of `signals` was sent to the group since the last question about it. A witness that does not answer
  /// within half a second, or by `limit`, counts as one that has not seen the signal.
  bool saw(const sigset_t& signals, boot_clock::time_point limit);
  /// `pid` was reaped. If it was the witness, its id is not in use for it any more, and this returns true.
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
