#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <string>

#include "guard.hpp"
#include "text.hpp"

namespace dlock::cli {

guard_link::guard_link(const guard_setup& setup) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    throw failure(std::string("cannot make a socket for the guard process: ") + std::strerror(errno));
  }
  fd_.reset(ends[0]);
  unique_fd other(ends[1]);
  const pid_t pid = fork();
  if (pid < 0) throw failure(std::string("cannot start the guard process: ") + std::strerror(errno));
  if (pid == 0) {
    fd_.reset();
    guard_main(std::move(other), setup);
    _exit(0);
  }
}

void guard_link::start(boot_clock::time_point lease_end, const std::vector<std::string>& environment) {
  std::string tail;
  for (const std::string& each : environment) tail += each + '\0';
  if (tail.size() > environment_limit) throw failure("the environment of the command is too long; take fewer locks");
  (void)send({.what = order::kind::start, .number = lease_end.time_since_epoch().count()}, tail);
}

bool guard_link::lease_until(boot_clock::time_point end) {
  return send({.what = order::kind::lease_until, .number = end.time_since_epoch().count()});
}

void guard_link::forward(int signal) {
  (void)send({.what = order::kind::forward, .number = signal});
}

void guard_link::lost() {
  (void)send({.what = order::kind::lost});
}

void guard_link::finish() {
  (void)send({.what = order::kind::finish});
}

bool guard_link::send(const order& what, const std::string& tail) {
  order head = what;
  // sendmsg only reads it
  iovec parts[] = {{.iov_base = &head, .iov_len = sizeof head},
                   {.iov_base = const_cast<char*>(tail.data()), .iov_len = tail.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  return sendmsg(fd_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

std::optional<report> guard_link::take() {
  report next{};
  const ssize_t size = recv(fd_.get(), &next, sizeof next, MSG_DONTWAIT);
  if (size == static_cast<ssize_t>(sizeof next)) return next;
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
  throw failure("the guard process was killed; the command, if it ran, was ended");
}

}  // namespace dlock::cli
