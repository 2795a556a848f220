#include "guard.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

#include "kill_plan.hpp"
#include "launch.hpp"
#include "process_tree.hpp"
#include "witness.hpp"

namespace dlock::cli {

namespace {

using std::chrono::milliseconds;
using time_point = boot_clock::time_point;

/// Shows in ps. Without the word dlock: `pkill -9 dlock` must end dlock, not the guard against that.
void rename(const process_title& title, pid_t dlock) {
  const std::string text = "lock-guard of " + std::to_string(dlock);
  prctl(PR_SET_NAME, "lock-guard");
  if (title.size == 0) return;
  std::memset(title.begin, 0, title.size);
  std::memcpy(title.begin, text.data(), std::min(text.size(), title.size - 1));
}

/// Nobody's end of file may wait for a guard.
void let_go_of_standard_streams() {
  const unique_fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return;
  for (const int fd : {0, 1, 2}) dup2(null.get(), fd);
}

std::vector<std::string> split(std::string_view with_nuls) {
  std::vector<std::string> parts;
  for (std::size_t end = 0; (end = with_nuls.find('\0')) != std::string_view::npos; with_nuls.remove_prefix(end + 1)) {
    parts.emplace_back(with_nuls.substr(0, end));
  }
  return parts;
}

class guard {
 public:
  guard(unique_fd link, const guard_setup& setup, pid_t dlocks_group)
      : setup_(setup),
        link_(std::move(link)),
        shared_group_(setup.on_terminal ? dlocks_group : 0),
        plan_(setup.kill_after, kill_reserve(setup.ttl)) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, nullptr);
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    children_.reset(signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
    // Boot time, not poll's monotonic time, which stands still while the machine is suspended.
    timer_.reset(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  }

  void run() {
    if (!children_ || !timer_) return;
    while (link_ || is_any(state::running, state::terminating, state::killing)) {
      set_timer();
      std::array<pollfd, 4> fds{{{.fd = link_.get(), .events = POLLIN, .revents = 0},
                                 {.fd = children_.get(), .events = POLLIN, .revents = 0},
                                 {.fd = exec_error_.get(), .events = POLLIN, .revents = 0},
                                 {.fd = timer_.get(), .events = POLLIN, .revents = 0}}};
      poll(fds.data(), fds.size(), -1);
      on_time();  // first: nothing is more urgent
      if (fds[2].revents != 0) on_exec_error();
      if (fds[1].revents != 0) on_children();
      if (fds[0].revents != 0) on_order();
    }
  }

 private:
  enum class state {
    idle,         // the command has not been started
    running,      // it has
    terminating,  // TERM was sent
    killing,      // KILL was sent
    over,         // it ended, or could not be started
  };

  template <class... State>
  [[nodiscard]] bool is_any(State... any) const {
    return ((state_ == any) || ...);
  }

  void set_timer() const {
    time_point when{};
    if (state_ == state::running) when = plan_.terminate_at();
    if (state_ == state::terminating) when = plan_.kill_at();
    if (state_ == state::killing) when = boot_clock::now() + milliseconds(1);
    itimerspec timer{};  // zero: off
    if (when != time_point{}) {
      const auto ns = std::max<std::int64_t>(when.time_since_epoch().count(), 1);
      timer.it_value = {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
    }
    timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &timer, nullptr);
  }

  void on_order() {
    struct {
      order head;
      std::array<char, environment_limit> tail;
    } message;
    const ssize_t size = recv(link_.get(), &message, sizeof message, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size < static_cast<ssize_t>(sizeof(order))) {
      // dlock is dead. If the command has just ended too (both were killed, say), what it left behind has not.
      link_.reset();
      if (is_any(state::running, state::over)) begin_ending(false);
      return;
    }
    switch (message.head.what) {
      case order::kind::start:
        plan_ = kill_plan(setup_.kill_after, kill_reserve(setup_.ttl));  // of an earlier term nothing is left
        plan_.lease_until(time_point(boot_clock::duration(message.head.number)));
        start(split({message.tail.data(), static_cast<std::size_t>(size) - sizeof(order)}));
        break;
      case order::kind::lease_until:
        plan_.lease_until(time_point(boot_clock::duration(message.head.number)));
        break;
      case order::kind::forward:
        forward(static_cast<int>(message.head.number));
        break;
      case order::kind::lost:
        if (state_ == state::running) begin_ending(true);
        break;
      case order::kind::finish:
        link_.reset();
        break;
    }
  }

  void start(const std::vector<std::string>& environment) {
    launched started = launch(setup_, shared_group_, plan_.terminate_at(), environment);
    if (started.pid < 0) {
      state_ = state::over;
      tell(report::kind::not_started, errno);
      return;
    }
    command_ = started.pid;
    exec_error_ = std::move(started.exec_error);
    if (!setup_.many_terms) let_go_of_standard_streams();
    if (shared_group_ != 0) witness_.emplace(shared_group_);
    state_ = state::running;
  }

  void forward(int signal) {
    if (!is_any(state::running, state::terminating) || command_ == 0) return;
    if (shared_group_ == 0) {
      kill(-command_, signal);
    } else if (!witness_ || !witness_->saw(signal, plan_.terminate_at())) {
      kill(command_, signal);
    }
  }

  void on_exec_error() {
    int error = 0;
    const ssize_t size = read(exec_error_.get(), &error, sizeof error);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    exec_error_.reset();
    if (size == 0) {
      tell(report::kind::started, command_);
    } else if (state_ == state::running) {
      state_ = state::over;
      witness_.reset();
      tell(report::kind::not_executed, error);
    }
  }

  void on_children() {
    signalfd_siginfo ignored{};
    while (read(children_.get(), &ignored, sizeof ignored) > 0) {
    }
    bool childless = false;
    for (;;) {
      int status = 0;
      const pid_t pid = waitpid(-1, &status, WNOHANG | WUNTRACED);
      if (pid <= 0) {
        childless = pid < 0 && errno == ECHILD;
        break;
      }
      if (pid != command_) continue;  // an orphan that came to us
      if (WIFSTOPPED(status)) {
        on_stopped(WSTOPSIG(status));
        continue;
      }
      if (exec_error_) on_exec_error();
      command_ = 0;
      if (state_ != state::running) continue;
      state_ = state::over;
      witness_.reset();
      tell(report::kind::ended, status);
    }
    // Every orphan of the tree is our child, so "no child" is proof that nobody is left. (The witness is gone by then.)
    if (childless && is_any(state::terminating, state::killing)) gone(0);
  }

  /// The user's shell does not watch the command, but dlock.
  void on_stopped(int signal) {
    if (shared_group_ != 0 && is_job_control(signal) && state_ == state::running) tell(report::kind::stopped, signal);
  }

  void on_time() {
    const time_point now = boot_clock::now();
    if (state_ == state::running && now >= plan_.terminate_at()) begin_ending(false);
    if (state_ == state::terminating && now >= plan_.kill_at()) {
      state_ = state::killing;
      give_up_at_ = now + std::chrono::seconds(10);
    }
    if (state_ == state::killing) kill_all(now);
  }

  void begin_ending(bool asked) {
    state_ = state::terminating;
    plan_.begin(boot_clock::now());
    witness_.reset();
    signal_descendants(SIGTERM);
    signal_descendants(SIGCONT);  // a stopped one could not act on it
    tell(report::kind::ending, asked ? 1 : 0);
    on_children();
  }

  void kill_all(time_point now) {
    // The group first, where it is only ours: that misses nobody who just forks.
    if (shared_group_ == 0 && command_ != 0) kill(-command_, SIGKILL);
    const sweep swept = kill_descendants();
    on_children();
    if (state_ != state::killing) return;
    if (swept.reached == 0 && swept.refused > 0) {
      gone(swept.refused);  // another user's: no use to go on
    } else if (now >= give_up_at_) {
      gone(std::max(1, swept.reached + swept.refused));  // stuck in the kernel: on a dead disk, say
    }
  }

  void gone(int survivors) {
    state_ = state::over;
    tell(report::kind::gone, survivors);
  }

  /// A frozen dlock does not read; that must not stop us.
  void tell(report::kind what, int number) const {
    const report message{.what = what, .number = number};
    if (link_) (void)send(link_.get(), &message, sizeof message, MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  const guard_setup& setup_;
  unique_fd link_;
  pid_t shared_group_;  // 0: the command has a group of its own
  kill_plan plan_;
  state state_ = state::idle;
  unique_fd children_;
  unique_fd timer_;
  unique_fd exec_error_;
  pid_t command_ = 0;  // 0: not started, or reaped
  std::optional<witness> witness_;
  time_point give_up_at_{};
};

}  // namespace

void guard_main(unique_fd link, const guard_setup& setup) {
  const pid_t dlocks_group = getpgrp();
  setpgid(0, 0);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  rename(setup.title, getppid());
  guard(std::move(link), setup, dlocks_group).run();
}

}  // namespace dlock::cli
