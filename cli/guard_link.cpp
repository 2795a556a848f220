#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <utility>

#include "exit_codes.hpp"
#include "guard.hpp"
#include "text.hpp"

namespace dlock::cli {

guard_link::guard_link(const guard_setup& setup)
    : guard_link([&setup](unique_fd link) { guard_main(std::move(link), setup); }) {}

guard_link::guard_link(const std::function<void(unique_fd link)>& body) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    throw failure(std::string("cannot make a socket for the guard process: ") + std::strerror(errno));
  }
  fd_.reset(ends[0]);
  unique_fd other(ends[1]);
  pid_ = fork();
  if (pid_ < 0) throw failure(std::string("cannot start the guard process: ") + std::strerror(errno));
  if (pid_ == 0) {
    fd_.reset();
    try {
      body(std::move(other));
    } catch (...) {
      _exit(exit_failed);  // this must not go on as a second dlock; the first one ends what the guard has watched
    }
    _exit(0);
  }
}

void guard_link::start(boot_clock::time_point lease_end, const std::vector<std::string>& environment) {
  std::string tail;
  for (const std::string& each : environment) tail += each + '\0';
  if (tail.size() > environment_limit) throw failure("the environment of the command is too long; take fewer locks");
  send({.what = order::kind::start, .number = lease_end.time_since_epoch().count()}, tail);
}

void guard_link::lease_until(boot_clock::time_point end) {
  send({.what = order::kind::lease_until, .number = end.time_since_epoch().count()});
}

void guard_link::forward(int signal, bool in_any_case) {
  send({.what = in_any_case ? order::kind::forward_in_any_case : order::kind::forward, .number = signal});
}

void guard_link::forget(int signal) {
  send({.what = order::kind::forget, .number = signal});
}

void guard_link::lost() {
  send({.what = order::kind::lost});
}

/// Without this order, the guard would take the end of dlock for a crash, and would end the processes that the command
/// has left in the background.
void guard_link::finish() {
  try {
    send({.what = order::kind::finish});
    for (int round = 0; !unsent_.empty() && round < 100; ++round) {
      wake();
      poll(nullptr, 0, 10);
      flush();
    }
  } catch (const failure&) {  // nothing more can be done
  }
}

void guard_link::send(const order& what, const std::string& tail) {
  std::string message(reinterpret_cast<const char*>(&what), sizeof what);
  unsent_.push_back(message + tail);
  flush();
}

void guard_link::flush() {
  for (; !unsent_.empty(); unsent_.pop_front()) {
    const std::string& next = unsent_.front();
    if (::send(fd_.get(), next.data(), next.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) continue;
    if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS || errno == ENOMEM) return;
    if (errno == EPIPE || errno == ECONNRESET) continue;  // take() reports that the guard is dead
    const int problem = errno;
    unsent_.clear();
    throw failure(std::string("cannot give the guard process an order: ") + std::strerror(problem));
  }
}

bool guard_link::is_behind() const {
  int unread = 0;
  return !unsent_.empty() || (ioctl(fd_.get(), SIOCOUTQ, &unread) == 0 && unread > 0);
}

void guard_link::wake() const {
  kill(pid_, SIGCONT);
}

std::optional<report> guard_link::take() {
  report next{};
  const ssize_t size = recv(fd_.get(), &next, sizeof next, MSG_DONTWAIT);
  if (size == static_cast<ssize_t>(sizeof next)) return next;
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
  throw failure(
      "the guard process of this dlock was killed; what ran under the lock was ended, and the lock is released");
}

}  // namespace dlock::cli
