#pragma once

#include <csignal>
#include <optional>

#include "fd.hpp"

namespace dlock::cli {

/// What the command gets back just before it is executed: dlock itself changes both.
struct inherited_signals {
  sigset_t mask;
  struct sigaction on_child;  ///< SIGCHLD's. An ignored one would make us lose the command's status.
};

struct received_signal {
  int number;
  bool from_terminal;  ///< Or another part of the kernel: no process sent it.
};

/// Takes over INT, TERM, HUP, QUIT, USR1 and USR2, except those that were ignored when dlock was started (nohup, `&` in
/// a script): they stay ignored. They are blocked, not caught: no disposition changes, so the command inherits what
/// dlock was given. Must exist before any thread does.
///
/// With `job_control` TSTP, TTIN and TTOU as well: dlock then stops when the command has stopped (stop_by), not before.
/// A pager restores the terminal first, and the user's shell must not use it meanwhile.
class signals {
 public:
  explicit signals(bool job_control);

  [[nodiscard]] const inherited_signals& inherited() const noexcept { return inherited_; }
  /// Readable while a signal waits for take().
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] std::optional<received_signal> take() const;

 private:
  inherited_signals inherited_{};
  unique_fd fd_;
};

[[nodiscard]] inline bool is_job_control(int signal) {
  return signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

/// Stops this process by `signal`, one of job control. Returns when it is continued.
void stop_by(int signal);

/// Ends this process by `signal`, without a core file, as if dlock had not been there.
[[noreturn]] void die_of(int signal);

}  // namespace dlock::cli
