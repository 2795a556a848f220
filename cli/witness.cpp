#include "witness.hpp"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>

namespace dlock::cli {

namespace {

[[noreturn]] void witness_main(pid_t guard, pid_t group, int link) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // Nobody's end of file may wait for this process.
  if (getppid() != guard || setpgid(0, group) != 0 || dup2(link, 0) != 0 || close_range(1, ~0U, 0) != 0) _exit(1);
  int signal = 0;
  while (read(0, &signal, sizeof signal) == static_cast<ssize_t>(sizeof signal)) {
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, signal);
    const timespec now{};
    int answer = sigtimedwait(&one, nullptr, &now) == signal ? signal : -signal;
    if (write(0, &answer, sizeof answer) < 0) break;
  }
  _exit(0);
}

}  // namespace

witness::witness(pid_t group) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return;
  link_.reset(ends[0]);
  const unique_fd other(ends[1]);
  const pid_t guard = getpid();
  pid_ = fork();
  if (pid_ == 0) witness_main(guard, group, other.get());
}

witness::~witness() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

bool witness::saw(int signal) const {
  if (send(link_.get(), &signal, sizeof signal, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return false;
  // Late answers to earlier questions, from a witness that was stopped for a while, come first.
  constexpr int patience_ms = 50;
  pollfd ready{.fd = link_.get(), .events = POLLIN, .revents = 0};
  while (poll(&ready, 1, patience_ms) == 1) {
    int answer = 0;
    if (recv(link_.get(), &answer, sizeof answer, MSG_DONTWAIT) != static_cast<ssize_t>(sizeof answer)) break;
    if (answer == signal || answer == -signal) return answer == signal;
  }
  return false;
}

}  // namespace dlock::cli
