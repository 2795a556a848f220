#include "replica/proxy.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <stdexcept>
#include <string_view>

#include "replica/fixture.hpp"

namespace dlock::testing {
namespace {

bool write_all(int fd, const char* data, std::size_t size) {
  while (size > 0) {
    const auto n = send(fd, data, size, MSG_NOSIGNAL);
    if (n <= 0) return false;
    data += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

bool read_all(int fd, char* data, std::size_t size) {
  while (size > 0) {
    const auto n = recv(fd, data, size, 0);
    if (n <= 0) return false;
    data += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

sockaddr_in local(int port) {
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(static_cast<std::uint16_t>(port));
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return a;
}

}  // namespace

tcp_server::tcp_server() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  auto address = local(0);
  socklen_t size = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 100) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("cannot listen on 127.0.0.1");
  }
  port_ = ntohs(address.sin_port);
}

tcp_server::~tcp_server() {
  close(listener_);
}

void tcp_server::start() {
  accepting_ = std::thread([this] {
    while (!stopping_) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      const std::lock_guard lock(guard_);
      open_.push_back(fd);
      threads_.emplace_back([this, fd] {
        serve(fd);
        shutdown(fd, SHUT_RDWR);
      });
    }
  });
}

void tcp_server::stop() {
  stopping_ = true;
  shutdown(listener_, SHUT_RDWR);
  accepting_.join();
  {
    const std::lock_guard lock(guard_);
    for (const int fd : open_) shutdown(fd, SHUT_RDWR);
  }
  for (auto& t : threads_) t.join();
  for (const int fd : open_) close(fd);  // only now: a number must not be used for another file meanwhile
}

void tcp_server::also_ends(int fd) {
  const std::lock_guard lock(guard_);
  open_.push_back(fd);
  if (stopping_) shutdown(fd, SHUT_RDWR);
}

proxy::proxy(std::string target) : target_(std::move(target)) {
  start();
}

void proxy::swallow_replies(std::string text, int times) {
  const std::lock_guard lock(guard_);
  text_ = std::move(text);
  times_ = times;
  swallowed_ = 0;
}

bool proxy::swallows(const char* data, std::size_t size) {
  const std::lock_guard lock(guard_);
  if (times_ == 0 || std::string_view(data, size).find(text_) == std::string_view::npos) return false;
  --times_;
  return true;
}

void proxy::serve(int client) {
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  also_ends(server);
  auto address = local(std::stoi(target_.substr(target_.find(':') + 1)));
  if (connect(server, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return;
  const int on = 1;
  setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  std::array<char, 65536> buffer;
  bool swallow = false;
  for (;;) {
    std::array<pollfd, 2> fds{{{client, POLLIN, 0}, {server, POLLIN, 0}}};
    if (poll(fds.data(), 2, -1) < 0) return;
    for (const auto& f : fds) {
      if (f.revents == 0) continue;
      const auto n = recv(f.fd, buffer.data(), buffer.size(), 0);
      if (n <= 0) {
        shutdown(server, SHUT_RDWR);
        return;
      }
      const auto size = static_cast<std::size_t>(n);
      if (f.fd == client) {
        swallow = swallow || swallows(buffer.data(), size);
        if (!write_all(server, buffer.data(), size)) return;
      } else if (swallow) {
        ++swallowed_;  // it was carried out: the server has replied
        shutdown(server, SHUT_RDWR);
        return;
      } else if (!write_all(client, buffer.data(), size)) {
        return;
      }
    }
  }
}

void silent_server::serve(int connection) {
  char c = 0;
  while (read_all(connection, &c, 1)) {
  }
}

void old_server::serve(int connection) {
  const auto hello = json(R"({"ismaster": true, "maxBsonObjectSize": 16777216, "maxMessageSizeBytes": 48000000,
    "maxWriteBatchSize": 100000, "minWireVersion": 0, "maxWireVersion": )" +
                          std::to_string(wire_version_) + R"(, "ok": 1})");
  constexpr std::int32_t op_reply = 1, op_msg = 2013;
  std::array<std::int32_t, 4> header{};  // size, request, in reply to, operation
  while (read_all(connection, reinterpret_cast<char*>(header.data()), sizeof header)) {
    std::string body(static_cast<std::size_t>(header[0]) - sizeof header, '\0');
    if (!read_all(connection, body.data(), body.size())) return;
    const bool msg = header[3] == op_msg;
    std::string out = msg ? std::string(5, '\0') : std::string(20, '\0');  // flags, and the kind or the cursor
    if (!msg) out[16] = 1;                                                 // documents
    out.append(reinterpret_cast<const char*>(bson_get_data(hello.get())), hello->len);
    const std::array<std::int32_t, 4> reply{static_cast<std::int32_t>(sizeof header + out.size()), 1, header[1],
                                            msg ? op_msg : op_reply};
    if (!write_all(connection, reinterpret_cast<const char*>(reply.data()), sizeof reply) ||
        !write_all(connection, out.data(), out.size()))
      return;
  }
}

}  // namespace dlock::testing
