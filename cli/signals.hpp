#pragma once

#include <poll.h>

#include <chrono>
#include <csignal>
#include <deque>
#include <optional>
#include <span>

#include "awake_time.hpp"
#include "fd.hpp"

namespace dlock::cli {

/// What the command gets back just before it is executed. dlock changes both for itself.
struct inherited_signals {
  sigset_t mask;
  /// The action for SIGCHLD. If it were ignored, dlock would lose the status of the command.
  struct sigaction on_child;
};

struct received_signal {
  int number;
  bool from_terminal;  ///< Or from another part of the kernel: no process has sent it.
  /// Only with job control: the signal may have been pending for longer than `signals::prompt`. If a second signal with
  /// this number was sent in that time, it left no trace: the kernel keeps only one of each number.
  bool late;
};

/// Takes over INT, TERM, HUP, QUIT, USR1 and USR2, except those that were ignored when dlock was started (by nohup, or
/// by `&` in a script). Those stay ignored. The signals are blocked, not caught. No disposition changes, so the command
/// inherits what dlock was given. Create this object before any thread exists. Only one thread may use it.
///
/// With `job_control`, it takes over TSTP, TTIN and TTOU as well. Then dlock stops only after the command has stopped
/// (stop_by), not before: a pager first restores the terminal, and the user's shell must not use the terminal before
/// that.
class signals {
 public:
  static constexpr std::chrono::milliseconds prompt{1};

  explicit signals(bool job_control);

  [[nodiscard]] const inherited_signals& inherited() const noexcept { return inherited_; }
  /// Readable while a signal waits for take().
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  /// poll(2), with fd() among `fds`. No timeout: forever. A thread that sleeps elsewhere only gets more signals that
  /// are `late`.
  void poll(std::span<pollfd> fds, std::optional<std::chrono::milliseconds> timeout);
  [[nodiscard]] std::optional<received_signal> take();

 private:
  using clock = std::chrono::steady_clock;

  const bool job_control_;
  inherited_signals inherited_{};
  unique_fd fd_;
  awake_time awake_;
  std::deque<received_signal> taken_;
  // A signal that is pending now has been pending for at most `may_have_waited_` plus the time since `since_`. The
  // exception is that this process was stopped meanwhile. Then a sleep has more than one slice.
  std::chrono::nanoseconds may_have_waited_{0};
  clock::time_point since_ = clock::now();
  bool may_have_stopped_ = false;
};

[[nodiscard]] inline bool is_job_control(int signal) {
  return signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

/// Stops this process by `signal`, one of the job control signals. Returns when the process is continued.
void stop_by(int signal);

/// Ends this process by `signal`, without a core file, as if the command had run without dlock.
[[noreturn]] void die_of(int signal);

}  // namespace dlock::cli
