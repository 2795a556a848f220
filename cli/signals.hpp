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

/// What the command gets back just before it is executed: dlock itself changes both.
struct inherited_signals {
  sigset_t mask;
  struct sigaction on_child;  ///< SIGCHLD's. An ignored one would make us lose the command's status.
};

struct received_signal {
  int number;
  bool from_terminal;  ///< Or another part of the kernel: no process sent it.
  /// With job control: it may have been pending for longer than `signals::prompt`. A second signal with that number,
  /// sent meanwhile, left no trace: the kernel keeps one of each number.
  bool late;
};

/// Takes over INT, TERM, HUP, QUIT, USR1 and USR2, except those that were ignored when dlock was started (nohup, `&` in
/// a script): they stay ignored. They are blocked, not caught: no disposition changes, so the command inherits what
/// dlock was given. Must exist before any thread does. One thread uses it.
///
/// With `job_control` TSTP, TTIN and TTOU as well: dlock then stops when the command has stopped (stop_by), not before.
/// A pager restores the terminal first, and the user's shell must not use it meanwhile.
class signals {
 public:
  static constexpr std::chrono::milliseconds prompt{1};

  explicit signals(bool job_control);

  [[nodiscard]] const inherited_signals& inherited() const noexcept { return inherited_; }
  /// Readable while a signal waits for take().
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  /// poll(2), with fd() among `fds`; no timeout: for ever. Whoever sleeps elsewhere gets more signals that are `late`,
  /// and nothing worse.
  void poll(std::span<pollfd> fds, std::optional<std::chrono::milliseconds> timeout);
  [[nodiscard]] std::optional<received_signal> take();

 private:
  using clock = std::chrono::steady_clock;

  const bool job_control_;
  inherited_signals inherited_{};
  unique_fd fd_;
  awake_time awake_;
  std::deque<received_signal> taken_;
  // A signal that is pending now has been so for no longer than `may_have_waited_` and the time since `since_`; unless
  // this process was stopped meanwhile, which takes a sleep with more than one slice.
  std::chrono::nanoseconds may_have_waited_{0};
  clock::time_point since_ = clock::now();
  bool may_have_stopped_ = false;
};

[[nodiscard]] inline bool is_job_control(int signal) {
  return signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

/// Stops this process by `signal`, one of job control. Returns when it is continued.
void stop_by(int signal);

/// Ends this process by `signal`, without a core file, as if dlock had not been there.
[[noreturn]] void die_of(int signal);

}  // namespace dlock::cli
