#include "resource_link.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace chaos {

resource_link::~resource_link() {
  disconnect();
}

void resource_link::disconnect() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

void resource_link::connect() {
  if (fd_ >= 0) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_.size() >= sizeof address.sun_path) throw std::runtime_error("the socket's path is too long: " + socket_);
  socket_.copy(address.sun_path, socket_.size());
  fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd_ >= 0 && ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return;
  const int why = errno;
  disconnect();
  throw std::system_error(why, std::generic_category(), "cannot reach the guarded resource at " + socket_);
}

std::string resource_link::ask(const std::string& request) {
  connect();
  const std::string line = request + '\n';
  std::string out;
  bool sent = send(fd_, line.data(), line.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(line.size());
  while (sent && !out.ends_with('\n')) {
    std::array<char, 512> buffer{};
    const auto n = recv(fd_, buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    sent = n > 0;
    if (sent) out.append(buffer.data(), static_cast<std::size_t>(n));
  }
  if (!sent) disconnect();
  if (!sent || out.starts_with("error"))
    throw std::runtime_error("the guarded resource did not answer: " + request + ' ' + out);
  out.pop_back();
  return out;
}

std::string resource_link::signature(const credentials& by) const {
  return std::to_string(by.token) + ' ' + by.id + ' ' + from_;
}

std::int64_t resource_link::get(const credentials& by) {
  return std::stoll(ask("get " + by.lock + " x " + signature(by)).substr(2));
}

void resource_link::put(const credentials& by, std::int64_t n) {
  (void)ask("put " + by.lock + ' ' + std::to_string(n) + ' ' + signature(by));
}

void resource_link::see(const credentials& by) {
  (void)ask("see " + by.lock + ' ' + signature(by));
}

void resource_link::enter(const credentials& by, std::int64_t weight) {
  (void)ask("enter " + by.lock + ' ' + std::to_string(weight) + ' ' + signature(by));
}

void resource_link::leave(const credentials& by, std::int64_t weight) {
  (void)ask("leave " + by.lock + ' ' + std::to_string(weight) + ' ' + signature(by));
}

}  // namespace chaos
