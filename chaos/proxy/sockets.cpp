#include "sockets.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace chaos {
namespace {

constexpr int kBacklog = 1024;

}  // namespace

descriptor::~descriptor() {
  if (fd_ >= 0) close(fd_);
}

descriptor listen_on_any_port() {
  descriptor s(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(s.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || listen(s.get(), kBacklog) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot listen on 127.0.0.1");
  return s;
}

descriptor connect_to(const sockaddr_in& address) {
  descriptor s(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(s.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(s.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 && errno != EINPROGRESS)
    return descriptor{};
  return s;
}

std::uint16_t port_of(int fd) {
  sockaddr_in a{};
  socklen_t size = sizeof a;
  return getsockname(fd, reinterpret_cast<sockaddr*>(&a), &size) == 0 ? ntohs(a.sin_port) : std::uint16_t{0};
}

std::uint16_t peer_port_of(int fd) {
  sockaddr_in a{};
  socklen_t size = sizeof a;
  return getpeername(fd, reinterpret_cast<sockaddr*>(&a), &size) == 0 ? ntohs(a.sin_port) : std::uint16_t{0};
}

void reset_on_close(int fd) {
  const linger now{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace chaos
