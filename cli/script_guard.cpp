#include "script_guard.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "guard_parts.hpp"
#include "kill_plan.hpp"
#include "script_tree.hpp"

namespace dlock::cli {

namespace {

using std::chrono::milliseconds;

class script_guard {
 public:
  script_guard(unique_fd link, const script_guard_setup& setup)
      : link_(std::move(link)),
        life_(setup.life),
        tree_(setup.script),
        plan_(setup.kill_after, kill_reserve(setup.ttl)) {}

  void run() {
    if (!timer_) return;
    while (link_ || state_ == state::terminating || state_ == state::killing) {
      set_timer();
      std::array<pollfd, 3> fds{{{.fd = link_.get(), .events = POLLIN, .revents = 0},
                                 {.fd = state_ == state::running ? life_ : -1, .events = POLLIN, .revents = 0},
                                 {.fd = timer_.fd(), .events = POLLIN, .revents = 0}}};
      poll(fds.data(), fds.size(), untold_.empty() ? -1 : 20);
      // A script that has ended by itself leaves processes behind that may go on.
      if (fds[1].revents != 0 && state_ == state::running) state_ = state::over;
      on_time();
      if (fds[0].revents != 0) on_order();
      untold_.send(link_);
    }
  }

 private:
  enum class state {
    idle,         // there is no lock yet
    running,      // the script has the lock
    terminating,  // TERM was sent
    killing,      // KILL was sent
    over,         // the script has ended, or was ended, or does not need the lock any more
  };

  void set_timer() const {
    boot_clock::time_point when{};
    if (state_ == state::running) when = plan_.terminate_at();
    // Nobody tells the end of those that are not our children.
    if (state_ == state::terminating) when = std::min(plan_.kill_at(), boot_clock::now() + milliseconds(20));
    if (state_ == state::killing) when = boot_clock::now() + milliseconds(2);
    timer_.set(when);
  }

  void on_order() {
    order what{};
    const ssize_t size = recv(link_.get(), &what, sizeof what, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size < static_cast<ssize_t>(sizeof what)) {  // dlock is dead
      link_.reset();
      if (state_ == state::running) begin_ending(false);
      return;
    }
    switch (what.what) {
      case order::kind::start:
        state_ = state::running;
        [[fallthrough]];
      case order::kind::lease_until:
        plan_.lease_until(boot_clock::time_point(boot_clock::duration(what.number)));
        break;
      case order::kind::lost:
        if (state_ == state::running) begin_ending(true);
        break;
      case order::kind::finish:
        link_.reset();
        if (state_ == state::running) state_ = state::over;
        break;
      case order::kind::forward:
      case order::kind::forward_in_any_case:
      case order::kind::forget:
        break;
    }
  }

  void on_time() {
    const auto now = boot_clock::now();
    if (state_ == state::running && now >= plan_.terminate_at()) begin_ending(false);
    if (state_ == state::terminating && now >= plan_.kill_at()) {
      state_ = state::killing;
      tree_.stop_and_kill();
      give_up_at_ = now + std::chrono::seconds(10);
    }
    if (state_ == state::terminating && tree_.is_gone(plan_.kill_at())) gone(0);
    if (state_ == state::killing) kill_all(now);
  }

  void begin_ending(bool asked) {
    state_ = state::terminating;
    plan_.begin(boot_clock::now());
    untold_.add(report::kind::ending, asked ? 1 : 0, link_);
    tree_.terminate(plan_.kill_at());
  }

  void kill_all(boot_clock::time_point now) {
    const sweep swept = tree_.kill();
    const int left = swept.reached + swept.refused;
    // Those of another user cannot be killed, and those that are stuck in the kernel do not end.
    if (left == 0 || swept.reached == 0 || now >= give_up_at_) gone(left);
  }

  void gone(int survivors) {
    state_ = state::over;
    untold_.add(report::kind::gone, survivors, link_);
  }

  unique_fd link_;
  int life_;
  script_tree tree_;
  kill_plan plan_;
  state state_ = state::idle;
  boot_timer timer_;
  report_queue untold_;
  boot_clock::time_point give_up_at_{};
};

}  // namespace

void script_guard_main(unique_fd link, const script_guard_setup& setup) {
  become_guard(setup.title);
  detach_streams({0, 1, 2});
  for (const int fd : setup.not_ours) close(fd);
  script_guard(std::move(link), setup).run();
}

}  // namespace dlock::cli
