#include "supervise.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <string>

#include "environment.hpp"
#include "guard_keeper.hpp"
#include "process_tree.hpp"
#include "text.hpp"

namespace dlock::cli {

namespace {

using time_point = boot_clock::time_point;

/// Kills every descendant, including the guard, but not `strangers` and their descendants. Used when the guard is dead
/// or does not do its duty. Returns how many could not be killed.
int end_all_descendants(const std::vector<process>& strangers) {
  const time_point give_up_at = boot_clock::now() + std::chrono::seconds(10);
  for (sweep swept = stop_and_kill_descendants(strangers);; swept = kill_descendants(strangers)) {
    pid_t pid = 0;
    while ((pid = waitpid(-1, nullptr, WNOHANG)) > 0) {
    }
    if (pid < 0 && errno == ECHILD) return 0;
    if (!strangers.empty() && are_strangers_all(strangers)) return 0;
    if ((swept.reached == 0 && swept.refused > 0) || boot_clock::now() >= give_up_at) {
      return std::max(1, swept.reached + swept.refused);
    }
    poll(nullptr, 0, 2);
  }
}

class supervisor {
 public:
  supervisor(guard_link& guard, signals& signals, holding& held, const command_options& options,
             std::optional<std::chrono::milliseconds> at_most)
      : at_most_(at_most),
        guard_(guard),
        signals_(signals),
        held_(held),
        verbose_(options.verbose),
        keeper_(guard, held, options) {
    sigemptyset(&ending_.from_terminal);
  }

  ending run() {
    const auto lost = std::make_shared<unique_fd>(eventfd(0, EFD_CLOEXEC));
    if (!*lost) throw failure(std::string("cannot create an eventfd: ") + std::strerror(errno));
    held_.on_lost([lost] { eventfd_write(lost->get(), 1); });

    keeper_.start(environment_of(held_.grants()));
    // The processes at the other ends of these pipes should depend only on the command. stderr stays open, because
    // dlock may have to print messages.
    detach_streams({0, 1});

    for (bool heeded = false;;) {
      std::array<pollfd, 3> fds{{{.fd = guard_.fd(), .events = POLLIN, .revents = 0},
                                 {.fd = signals_.fd(), .events = POLLIN, .revents = 0},
                                 {.fd = heeded ? -1 : lost->get(), .events = POLLIN, .revents = 0}}};
      signals_.poll(fds, keeper_.tick());
      try {
        while (const auto news = guard_.take()) {
          if (!is_over(*news)) continue;
          if (ending_.what != ending::kind::lost && ending_.what != ending::kind::too_long) guard_.finish();
          take_signals();
          return ending_;
        }
        keeper_.look();
        take_signals();
        if (fds[2].revents != 0) {
          heeded = true;
          keeper_.lost();
        }
      } catch (const failure&) {
        ending_.number = end_all_descendants(guard_.strangers());
        ending_.guardless = true;
        if (ending_.number == 0) throw;
        ending_.what = ending::kind::lost;  // survivors must keep the lock until its lease ends
        return ending_;
      }
      if (keeper_.is_overdue(at_work_)) {  // the guard is ended, too
        ending_.what = late_ || keeper_.is_limit_first() ? ending::kind::too_long : ending::kind::lost;
        ending_.number = end_all_descendants(guard_.strangers());
        ending_.guardless = true;
        return ending_;
      }
    }
  }

 private:
  bool is_over(const report& news) {
    ending_.number = news.number;
    switch (news.what) {
      case report::kind::started:
        command_ = news.number;
        if (at_most_) keeper_.run_until(boot_clock::now() + *at_most_);
        return false;
      case report::kind::stopped:
        if (is_stopped(command_)) {
          // If this signal is pending here, it goes away when dlock itself stops, and is not passed on.
          pass_on({.number = news.number, .from_terminal = true, .late = false});
          stop_by(news.number);
          // fg has continued the whole group, but kill -CONT only dlock
          if (is_stopped(command_)) pass_on({.number = SIGCONT, .from_terminal = false, .late = false});
        }
        return false;
      case report::kind::ending:
        at_work_ = true;
        late_ = news.number == time_is_over;
        if (verbose_) remark(why(news.number) + ": ending the command");
        return false;
      case report::kind::not_started:
        ending_.what = ending::kind::not_started;
        return true;
      case report::kind::not_executed:
        ending_.what = ending::kind::not_executed;
        return true;
      case report::kind::ended:
        ending_.what = ending::kind::ended;
        return true;
      case report::kind::gone:
        ending_.what = late_ ? ending::kind::too_long : ending::kind::lost;
        return true;
    }
    return false;
  }

  static std::string why(int cause) {
    if (cause == time_is_over) return "its time is over";
    return cause == dlock_said_lost ? "the lock is lost" : "the lease nears its end";
  }

  void take_signals() {
    while (const auto signal = signals_.take()) {
      if (signal->from_terminal) sigaddset(&ending_.from_terminal, signal->number);
      for (const int each : {SIGINT, SIGTERM, SIGQUIT}) {
        if (signal->number == each) ending_.told_to_end = each;
      }
      pass_on(*signal);
    }
  }

  void pass_on(const received_signal& signal) {
    // The command has received a Ctrl-Z directly. The guard must only clear it at the witness. If the guard asked the
    // witness after an fg, which clears it as well, the guard would stop the command again.
    if (signal.from_terminal && is_job_control(signal.number) && (!signal.late || is_stopped(command_))) {
      return guard_.forget(signal.number);
    }
    guard_.forward(signal.number, signal.late);
    if (verbose_ && signal.late) {
      remark(std::string("SIG") + sigabbrev_np(signal.number) +
             " may have come more than once before dlock could look; passing it on, so the command may get it twice");
    }
  }

  std::optional<std::chrono::milliseconds> at_most_;
  guard_link& guard_;
  signals& signals_;
  holding& held_;
  bool verbose_;
  guard_keeper keeper_;
  pid_t command_ = 0;
  bool at_work_ = false;  // the guard has begun to end the command
  bool late_ = false;     // because its time is over
  ending ending_{};
};

}  // namespace

ending supervise(guard_link& guard, signals& signals, holding& held, const command_options& options,
                 std::optional<std::chrono::milliseconds> at_most) {
  return supervisor(guard, signals, held, options, at_most).run();
}

}  // namespace dlock::cli
