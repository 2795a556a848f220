#pragma once

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "fd.hpp"
#include "http_server.hpp"

namespace dlock::cli::testing {

/// A client that has sent `request`.
inline unique_fd asks(const http_server& server, const std::string& request) {
  unique_fd out(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{.tv_sec = 20, .tv_usec = 0};
  setsockopt(out.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_in to{.sin_family = AF_INET, .sin_port = htons(server.port()), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  EXPECT_EQ(connect(out.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  EXPECT_EQ(write(out.get(), request.data(), request.size()), static_cast<ssize_t>(request.size()));
  return out;
}

/// What comes until `end`, or until the server closes.
inline std::string hears(const unique_fd& from, const std::string& end = "") {
  std::string out;
  std::array<char, 65536> text{};
  while (end.empty() || out.find(end) == std::string::npos) {
    const ssize_t got = read(from.get(), text.data(), text.size());
    if (got <= 0) break;
    out.append(text.data(), static_cast<std::size_t>(got));
  }
  return out;
}

/// Whether the server has closed a connection on which it has sent nothing more.
inline bool is_closed(const unique_fd& client) {
  char next = 0;
  const ssize_t got = recv(client.get(), &next, 1, MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN);
}

}  // namespace dlock::cli::testing
