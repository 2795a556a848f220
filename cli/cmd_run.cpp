#include "cmd_run.hpp"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include <dlock/dlock.hpp>

#include "attempt.hpp"
#include "exit_codes.hpp"
#include "fd.hpp"
#include "kill_plan.hpp"
#include "launch.hpp"
#include "run_options.hpp"
#include "signals.hpp"
#include "supervise.hpp"
#include "terminal.hpp"
#include "text.hpp"

namespace dlock::cli {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds release_timeout{5000};
constexpr milliseconds cancel_timeout{2000};

/// The processes that descend from dlock must be known (and killed, one day).
void check_proc() {
  if (access("/proc/self/stat", R_OK) != 0) throw failure("cannot read /proc; mount it, dlock run needs it");
}

/// Like the descriptions that the library makes, but with the name of the command instead of dlock's own.
std::optional<std::string> describe_ourselves(const std::vector<std::string>& command) {
  std::array<char, 65> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) return std::nullopt;
  const std::string name = command.front().substr(command.front().rfind('/') + 1);
  const std::string who = std::string(host.data()) + ":" + std::to_string(getpid()) + " " + name;
  const bool plain = std::all_of(who.begin(), who.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (!plain || who.size() > 200) return std::nullopt;
  return who;
}

class run_command {
 public:
  run_command(run_options options, process_title title)
      : options_(std::move(options)),
        guard_({.id = options_.id,
                .command = options_.command,
                .ttl = options_.client.exp_delta,
                .kill_after = options_.kill_after,
                .on_terminal = terminal_.exists(),
                .inherited = signals_.inherited(),
                .title = title}) {
    // If the guard is killed, what it leaves comes to us.
    prctl(PR_SET_CHILD_SUBREAPER, 1);
  }

  /// Ends the process. Not by returning: what could not be done in time (a release, a connection) must not be tried
  /// again by destructors, and the driver's takes half a second.
  [[noreturn]] void run() {
    got_ = wait_for_lock();
    int status = exit_failed;
    try {
      if (!got_.error.empty()) throw failure(got_.error);
      status = *got_.answer ? run_while_holding(**got_.answer) : not_acquired(*got_.answer);
    } catch (const std::exception& problem) {
      complain(problem.what());
    }
    leave();
    _exit(status);
  }

 private:
  attempt_result wait_for_lock() {
    using time_point = boot_clock::time_point;
    std::optional<time_point> deadline;  // of the answer
    if (options_.wait > milliseconds(0)) deadline = begin_ + *options_.wait;
    attempt attempt(options_, deadline);

    std::optional<time_point> patience;  // until a cancelled attempt is over
    int signal = 0;
    bool guard_dead = false;
    for (;;) {
      std::array<pollfd, 3> fds{{{.fd = attempt.fd(), .events = POLLIN, .revents = 0},
                                 {.fd = signals_.fd(), .events = POLLIN, .revents = 0},
                                 {.fd = guard_dead ? -1 : guard_.fd(), .events = POLLIN, .revents = 0}}};
      // Acquiring knows the deadline, connecting does not.
      const auto limit = patience ? patience : attempt.is_connecting() ? deadline : std::nullopt;
      poll(fds.data(), fds.size(), poll_timeout(limit));
      if (fds[0].revents != 0) break;
      const auto received = signals_.take();
      if (received && is_job_control(received->number)) {
        stop_by(received->number);
        continue;
      }
      guard_dead = guard_dead || fds[2].revents != 0;  // it has nothing to report yet
      if (received || (guard_dead && !patience)) {
        if (attempt.cancel() || signal != 0) give_up(received ? received->number : 0);
        signal = received ? received->number : 0;
        patience = boot_clock::now() + cancel_timeout;
      }
      if (patience && boot_clock::now() >= *patience) give_up(signal);
      if (!patience && deadline && attempt.is_connecting() && boot_clock::now() >= *deadline) {
        complain("no answer from the server within " + in_seconds(*options_.wait) +
                 "; check that it runs and that the URL is right, or give it more time with --wait");
        _exit(exit_failed);  // the thread that connects would keep us waiting
      }
    }
    attempt_result result = attempt.take();
    if (patience) {
      got_ = std::move(result);
      if (got_.answer && *got_.answer) (void)release(**got_.answer, cancel_timeout);
      leave();
      give_up(signal);
    }
    return result;
  }

  /// Ends the wait; the thread that acquires may still be at it.
  [[noreturn]] static void give_up(int signal) {
    if (signal != 0) die_of(signal);
    complain("the guard process was killed; gave up waiting");
    _exit(exit_failed);
  }

  static int poll_timeout(std::optional<boot_clock::time_point> limit) {
    if (!limit) return -1;
    const auto left = std::chrono::ceil<milliseconds>(*limit - boot_clock::now());
    return static_cast<int>(std::clamp<milliseconds::rep>(left.count(), 0, 3'600'000));
  }

  int run_while_holding(dlock::lease& held) {
    if (options_.verbose) {
      remark("got " + quoted(options_.id) + " after " + in_seconds(boot_clock::now() - begin_) + ", token " +
             std::to_string(held.token()));
    }
    // After a slow answer too little may be left of the lease to begin with: the first renewal will tell.
    while (held.held() && held.valid_for() <= options_.kill_after + kill_reserve(options_.client.exp_delta))
      poll(nullptr, 0, 5);
    try {
      return finish(held, supervise(guard_, signals_, held, options_));
    } catch (const failure&) {
      give_back(held);
      throw;
    }
  }

  /// What the library does in the background, closing the client waits for: leaving the queue after a timeout, waking
  /// those who waited for us, events. None of it is worth more time than this.
  void leave() {
    constexpr milliseconds patience{200};
    if (!got_.client) return;
    const auto left = std::make_shared<std::promise<void>>();
    std::thread([this, left] {
      got_.client->close();
      left->set_value();
    }).detach();
    left->get_future().wait_for(patience);
  }

  int not_acquired(const dlock::acquisition& answer) const {
    if (answer.result() != dlock::outcome::busy && answer.result() != dlock::outcome::timed_out) {
      throw failure(std::string("unexpected answer: ") + dlock::to_string(answer.result()));
    }
    if (options_.verbose) {
      remark(quoted(options_.id) + " is taken" + (answer.holder() ? " by " + describe(*answer.holder()) : "") +
             "; gave up after " + in_seconds(boot_clock::now() - begin_));
    }
    return options_.conflict_exit_code;
  }

  int finish(dlock::lease& held, const ending& end) {
    switch (end.what) {
      case ending::kind::lost:
        terminal_.restore();
        complain(why_lost(end));
        // It may be ours for some moments still; the next one should not have to wait for them.
        // Not if something of ours still runs.
        if (end.number == 0 && held.held()) give_back(held);
        return exit_lost;
      case ending::kind::not_started:
        throw failure(std::string("cannot start a process: ") + std::strerror(end.number));
      case ending::kind::not_executed:
        if (end.number == too_late) {
          complain("lost the lock " + quoted(options_.id) +
                   " before the command could be started: dlock was stopped too long");
          return exit_lost;
        }
        (void)release(held, release_timeout);
        complain("cannot execute " + quoted_input(options_.command.front()) + ": " + std::strerror(end.number));
        return end.number == ENOENT ? exit_not_found : exit_cannot_execute;
      case ending::kind::ended:
        break;
    }
    if (!release(held, release_timeout)) return exit_lost;
    if (!WIFSIGNALED(end.number)) return WEXITSTATUS(end.number);
    const int signal = WTERMSIG(end.number);
    // A shell that runs us in a script ends the script only if the Ctrl-C ended us.
    const bool interrupted = (signal == SIGINT || signal == SIGQUIT) && sigismember(&end.from_terminal, signal) == 1;
    if (interrupted) {
      leave();
      die_of(signal);
    }
    return exit_signalled + signal;
  }

  std::string why_lost(const ending& end) const {
    std::string line = "lost the lock " + quoted(options_.id) + " while the command ran: ";
    if (end.server_said_so) {
      line += "the server no longer has it as ours (somebody removed it or took it over)";
    } else if (!options_.client.autorefresh) {
      line += "its lease is over and autorefresh is off";
    } else {
      line += "it was not renewed in time (server out of reach, or dlock was stopped)";
    }
    line += "; the command and all it started were ended";
    if (end.number > 0) {
      line +=
          ", except " + std::to_string(end.number) + " that could not be killed (run dlock as the user they run as)";
    }
    return line;
  }

  dlock::release_result ask_for_release(dlock::lease& held, milliseconds timeout) const {
    return options_.at_least ? held.release_at_least(*options_.at_least, timeout) : held.release(timeout);
  }

  void give_back(dlock::lease& held) const {
    try {
      (void)ask_for_release(held, std::min(release_timeout, held.valid_for()));
    } catch (const dlock::error& problem) {
      if (options_.verbose) remark(problem.what());
    }
  }

  /// False: it turned out to be lost.
  bool release(dlock::lease& held, milliseconds timeout) const {
    try {
      if (ask_for_release(held, timeout) != dlock::release_result::lost) return true;
      complain("lost the lock " + quoted(options_.id) +
               " before it was released: somebody else may have had it while the command ran");
      return false;
    } catch (const dlock::error& problem) {
      complain(std::string(problem.what()) + "; until then it stays taken, at most until its lease ends");
      return true;
    }
  }

  // In this order: the guard is forked before there is any thread.
  boot_clock::time_point begin_ = boot_clock::now();
  run_options options_;
  terminal terminal_;
  signals signals_{terminal_.exists()};
  guard_link guard_;
  attempt_result got_;
};

}  // namespace

int cmd_run(const std::vector<std::string>& arguments, process_title title) {
  run_options options = parse_run(arguments);
  if (options.help) {
    std::fputs(run_help().c_str(), stdout);
    return std::fflush(stdout) == 0 ? exit_ok : exit_failed;
  }
  fill_standard_streams();
  check_proc();
  options.client.who = describe_ourselves(options.command);
  run_command(std::move(options), title).run();
}

}  // namespace dlock::cli
