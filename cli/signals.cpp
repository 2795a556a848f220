#include "signals.hpp"

#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "exit_codes.hpp"
#include "text.hpp"

namespace dlock::cli {

namespace {

sigset_t only(int signal) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  return set;
}

}  // namespace

signals::signals(bool job_control) : job_control_(job_control) {
  sigset_t watched;
  sigemptyset(&watched);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP, SIGTTIN, SIGTTOU}) {
    if (is_job_control(number) && !job_control) continue;
    struct sigaction now {};
    sigaction(number, nullptr, &now);
    if (now.sa_handler != SIG_IGN) sigaddset(&watched, number);
  }
  // SIGCONT continues dlock even if it is blocked. Watching it tells dlock that it was stopped.
  if (job_control) sigaddset(&watched, SIGCONT);
  sigset_t blocked = watched;
  sigaddset(&blocked, SIGPIPE);  // dlock must not end when the reader of its stderr is gone
  sigprocmask(SIG_BLOCK, &blocked, &inherited_.mask);

  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  sigaction(SIGCHLD, &standard, &inherited_.on_child);

  fd_.reset(signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd_) throw failure(std::string("cannot watch signals: ") + std::strerror(errno));
}

/// A signal ends the sleep. From then on the thread is awake, whether it gets a processor or not. If a thread is
/// stopped after it was woken, it gets a processor twice.
void signals::poll(std::span<pollfd> fds, std::optional<std::chrono::milliseconds> timeout) {
  if (!taken_.empty() || ::poll(fds.data(), fds.size(), 0) != 0) return;  // they came while it was awake
  const auto awake_before = awake_.read();
  const auto before = clock::now();
  ::poll(fds.data(), fds.size(), timeout ? static_cast<int>(timeout->count()) : -1);
  const auto after = clock::now();
  const auto awake_after = awake_.read();
  const bool known = awake_before && awake_after;
  clock::duration slept{0};
  if (known) slept = after - before - (awake_after->time - awake_before->time);
  if (timeout) slept = std::min<clock::duration>(slept, *timeout);  // longer: it was stopped
  may_have_stopped_ = may_have_stopped_ || !known || awake_after->slices - awake_before->slices > 1;
  may_have_waited_ += after - since_ - slept;
  since_ = after;
}

std::optional<received_signal> signals::take() {
  if (taken_.empty()) {
    bool continued = false;
    signalfd_siginfo info{};
    while (read(fd_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      const int number = static_cast<int>(info.ssi_signo);
      continued = continued || number == SIGCONT;
      if (number != SIGCONT) taken_.push_back({number, info.ssi_code == SI_KERNEL, false});
    }
    const auto now = clock::now();
    const bool stopped = continued && may_have_stopped_;
    const bool late = job_control_ && (stopped || may_have_waited_ + (now - since_) > prompt);
    for (auto& each : taken_) each.late = late;
    may_have_waited_ = {};
    may_have_stopped_ = false;
    since_ = now;
  }
  if (taken_.empty()) return std::nullopt;
  const received_signal next = taken_.front();
  taken_.pop_front();
  return next;
}

void stop_by(int signal) {
  kill(getpid(), signal);  // before it is unblocked: one may be pending already, and two would stop dlock twice
  const sigset_t set = only(signal);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);  // dlock stops here, unless there is no shell to continue it
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

void die_of(int signal) {
  const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};
  setrlimit(RLIMIT_CORE, &no_core);
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  sigaction(signal, &standard, nullptr);
  const sigset_t set = only(signal);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  kill(getpid(), signal);
  _exit(exit_signalled + signal);  // signals do not end process 1 of a container
}

}  // namespace dlock::cli
