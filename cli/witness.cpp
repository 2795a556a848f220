#include "witness.hpp"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>

namespace dlock::cli {

namespace {

using std::chrono::milliseconds;

struct inquiry {
  int number;  ///< An answer may come when the next inquiry was already sent.
  sigset_t signals;
};

struct reply {
  int number;
  bool seen;
};

[[noreturn]] void witness_main(pid_t guard, int link) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != guard || dup2(link, 0) != 0) _exit(1);
  close_from(1);  // somebody may wait for the end of file of these descriptors, so this process closes them
  inquiry asked{};
  while (read(0, &asked, sizeof asked) == static_cast<ssize_t>(sizeof asked)) {
    const timespec now{};
    reply answer{.number = asked.number, .seen = false};
    while (sigtimedwait(&asked.signals, nullptr, &now) > 0) answer.seen = true;
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
  if (pid_ == 0) witness_main(guard, other.get());
  // The parent does this, so that the witness is in the group when the constructor returns. The kernel signals the
  // newest member of a group first. So the witness has each signal before dlock.
  if (pid_ > 0 && setpgid(pid_, group) != 0) kill(pid_, SIGKILL);
}

witness::~witness() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

bool witness::saw(const sigset_t& signals, boot_clock::time_point limit) {
  const inquiry asked{.number = ++asked_, .signals = signals};
  if (send(link_.get(), &asked, sizeof asked, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return false;
  // The answer comes at once, unless the machine is busy. From a witness that is stopped, it never comes.
  limit = std::min(limit, boot_clock::now() + milliseconds(500));
  pollfd ready{.fd = link_.get(), .events = POLLIN, .revents = 0};
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(limit - boot_clock::now()).count();
    if (poll(&ready, 1, static_cast<int>(std::max<milliseconds::rep>(left, 0))) != 1) return false;
    reply answer{};
    if (recv(link_.get(), &answer, sizeof answer, MSG_DONTWAIT) != static_cast<ssize_t>(sizeof answer)) return false;
    if (answer.number == asked.number) return answer.seen;
  }
}

}  // namespace dlock::cli
