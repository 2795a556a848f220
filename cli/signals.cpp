#include "signals.hpp"

#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>
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

signals::signals(bool job_control) {
  sigset_t watched;
  sigemptyset(&watched);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP, SIGTTIN, SIGTTOU}) {
    if (is_job_control(number) && !job_control) continue;
    struct sigaction now {};
    sigaction(number, nullptr, &now);
    if (now.sa_handler != SIG_IGN) sigaddset(&watched, number);
  }
  sigset_t blocked = watched;
  sigaddset(&blocked, SIGPIPE);  // a reader of our stderr that went away must not end dlock
  sigprocmask(SIG_BLOCK, &blocked, &inherited_.mask);

  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  sigaction(SIGCHLD, &standard, &inherited_.on_child);

  fd_.reset(signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd_) throw failure(std::string("cannot watch signals: ") + std::strerror(errno));
}

std::optional<received_signal> signals::take() const {
  signalfd_siginfo info{};
  if (read(fd_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return std::nullopt;
  return received_signal{.number = static_cast<int>(info.ssi_signo), .from_terminal = info.ssi_code == SI_KERNEL};
}

void stop_by(int signal) {
  kill(getpid(), signal);  // before it is unblocked: one may be pending, and two would stop us twice
  const sigset_t set = only(signal);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);  // we stop here, unless no shell is there to continue us
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
  _exit(exit_signalled + signal);  // process 1 of a container does not die of signals
}

}  // namespace dlock::cli
