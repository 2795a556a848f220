#include "guard.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>

#include "guard_parts.hpp"
#include "kill_plan.hpp"
#include "launch.hpp"
#include "process_tree.hpp"
#include "witness.hpp"

namespace dlock::cli {

namespace {

using std::chrono::milliseconds;
using time_point = boot_clock::time_point;

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
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    children_.reset(signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  }

  void run() {
    if (!children_ || !timer_) return;
    while (link_ || is_any(state::running, state::terminating, state::killing)) {
      set_timer();
      std::array<pollfd, 4> fds{{{.fd = link_.get(), .events = POLLIN, .revents = 0},
                                 {.fd = children_.get(), .events = POLLIN, .revents = 0},
                                 {.fd = exec_error_.get(), .events = POLLIN, .revents = 0},
                                 {.fd = timer_.fd(), .events = POLLIN, .revents = 0}}};
      poll(fds.data(), fds.size(), unreaped_ ? 0 : untold_.empty() ? -1 : 20);
      on_time();  // first, because nothing is more urgent
      if (fds[2].revents != 0) on_exec_error();
      if (fds[1].revents != 0 || unreaped_) on_children();
      if (fds[0].revents != 0) on_order();
      untold_.send(link_);
    }
  }

 private:
  enum class state {
    idle,         // the command has not been started
    running,      // the command runs
    terminating,  // TERM was sent
    killing,      // KILL was sent
    over,         // the command ended, or could not be started
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
    timer_.set(when);
  }

  void on_order() {
    struct {
      order head;
      std::array<char, environment_limit> tail;
    } message;
    const ssize_t size = recv(link_.get(), &message, sizeof message, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size < static_cast<ssize_t>(sizeof(order))) {
      // dlock is dead. The command may have ended too (for example, both were killed), but its descendants have not.
      link_.reset();
      if (is_any(state::running, state::over)) begin_ending(lease_nears_its_end);
      return;
    }
    switch (message.head.what) {
      case order::kind::start:
        plan_ = kill_plan(setup_.kill_after, kill_reserve(setup_.ttl));  // nothing is left of an earlier term
        plan_.lease_until(time_point(boot_clock::duration(message.head.number)));
        start(split({message.tail.data(), static_cast<std::size_t>(size) - sizeof(order)}));
        break;
      case order::kind::lease_until:
        plan_.lease_until(time_point(boot_clock::duration(message.head.number)));
        break;
      case order::kind::forward:
        forward(static_cast<int>(message.head.number), false);
        break;
      case order::kind::forward_in_any_case:
        forward(static_cast<int>(message.head.number), true);
        break;
      case order::kind::forget:
        (void)had(static_cast<int>(message.head.number));
        break;
      case order::kind::lost:
        if (state_ == state::running) begin_ending(dlock_said_lost);
        break;
      case order::kind::finish:
        link_.reset();
        break;
    }
  }

  void start(const std::vector<std::string>& environment) {
    if (shared_group_ != 0) witness_.emplace(shared_group_);  // first, so that it misses no signal of the command
    launched started = launch(setup_, shared_group_, plan_.terminate_at(), environment);
    if (started.pid < 0) {
      const int error = errno;
      state_ = state::over;
      witness_.reset();
      tell(report::kind::not_started, error);
      return;
    }
    // What the witness has seen so far, the command has not received: it was not in the group yet.
    sigset_t all;
    sigfillset(&all);
    if (witness_) witness_->saw(all, plan_.terminate_at());
    if (setup_.at_most) plan_.run_until(boot_clock::now() + *setup_.at_most);
    command_ = started.pid;
    exec_error_ = std::move(started.exec_error);
    if (!setup_.many_terms) detach_streams({0, 1, 2});
    state_ = state::running;
  }

  void forward(int signal, bool in_any_case) {
    if (!is_any(state::running, state::terminating) || command_ == 0) return;
    if (shared_group_ == 0) {
      kill(-command_, signal);
    } else if (!had(signal) || in_any_case) {
      kill(command_, signal);
    }
  }

  /// Whether the command has received this signal, because it was sent to the group. Asking makes the witness forget
  /// it.
  [[nodiscard]] bool had(int signal) {
    sigset_t these;
    sigemptyset(&these);
    sigaddset(&these, signal);
    // SIGCONT removes pending stop signals, as in the kernel.
    for (const int stop : {SIGTSTP, SIGTTIN, SIGTTOU}) {
      if (signal == SIGCONT) sigaddset(&these, stop);
    }
    const bool seen = witness_ && witness_->saw(these, plan_.terminate_at());
    // When a job is continued, a SIGCONT stays pending at the witness and nobody asks for it. A second SIGCONT does no
    // harm. And the command may have left the group.
    return seen && signal != SIGCONT && command_ != 0 && getpgid(command_) == shared_group_;
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
    unreaped_ = true;
    const time_point enough = boot_clock::now() + milliseconds(10);  // new ones may come as fast as they are reaped
    while (boot_clock::now() < enough) {
      int status = 0;
      const pid_t pid = waitpid(-1, &status, WNOHANG | WUNTRACED);
      if (pid <= 0) {
        childless = pid < 0 && errno == ECHILD;
        unreaped_ = false;
        break;
      }
      if (witness_ && witness_->reaped(pid) && state_ == state::running && more_witnesses_ > 0) {
        --more_witnesses_;
        witness_.emplace(shared_group_);
      }
      if (pid != command_) continue;  // an orphan that became a child of the guard
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
    // Every orphan of the tree is a child of the guard. So "no child" proves that nobody is left. (The witness is gone
    // by then.)
    if (childless && is_any(state::terminating, state::killing)) gone(0);
  }

  /// The user's shell watches dlock, not the command.
  void on_stopped(int signal) {
    if (shared_group_ != 0 && is_job_control(signal) && state_ == state::running) tell(report::kind::stopped, signal);
  }

  void on_time() {
    const time_point now = boot_clock::now();
    if (state_ == state::running && now >= plan_.terminate_at()) {
      begin_ending(plan_.is_limit_first() ? time_is_over : lease_nears_its_end);
    }
    if (state_ == state::terminating && now >= plan_.kill_at()) {
      state_ = state::killing;
      if (shared_group_ == 0 && command_ != 0) kill(-command_, SIGSTOP);
      stop_and_kill_descendants();
      give_up_at_ = now + std::chrono::seconds(10);
    }
    if (state_ == state::killing) kill_all(now);
  }

  void begin_ending(ending_cause why) {
    state_ = state::terminating;
    plan_.begin(boot_clock::now());
    witness_.reset();
    tell(report::kind::ending, why);
    terminate_descendants(plan_.kill_at());
    on_children();
  }

  void kill_all(time_point now) {
    // First kill the group, if it belongs to the command alone. This also hits processes that are just forking.
    if (shared_group_ == 0 && command_ != 0) kill(-command_, SIGKILL);
    const sweep swept = kill_descendants();
    on_children();
    if (state_ != state::killing) return;
    if (swept.reached == 0 && swept.refused > 0) {
      gone(swept.refused);  // they belong to another user, so it is useless to continue
    } else if (now >= give_up_at_) {
      gone(std::max(1, swept.reached + swept.refused));  // stuck in the kernel, for example on a dead disk
    }
  }

  void gone(int survivors) {
    state_ = state::over;
    tell(report::kind::gone, survivors);
  }

  void tell(report::kind what, int number) { untold_.add(what, number, link_); }

  const guard_setup& setup_;
  unique_fd link_;
  report_queue untold_;
  pid_t shared_group_;  // 0: the command has a group of its own
  kill_plan plan_;
  state state_ = state::idle;
  unique_fd children_;
  boot_timer timer_;
  unique_fd exec_error_;
  bool unreaped_ = false;  // there may be children that have ended
  pid_t command_ = 0;      // 0: not started, or reaped
  std::optional<witness> witness_;
  int more_witnesses_ = 10;  // limits how often a killed witness is replaced: perhaps none can live here
  time_point give_up_at_{};
};

}  // namespace

void guard_main(unique_fd link, const guard_setup& setup) {
  const pid_t dlocks_group = getpgrp();
  become_guard(setup.title);
  guard(std::move(link), setup, dlocks_group).run();
}

}  // namespace dlock::cli
