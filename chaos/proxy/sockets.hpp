#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <utility>

namespace chaos {

/// A file descriptor that is closed with its owner.
class descriptor {
 public:
  descriptor() = default;
  explicit descriptor(int fd) : fd_(fd) {}
  descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~descriptor();
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_ = -1;
};

/// Sockets do not block. Throws std::system_error if it cannot listen.
descriptor listen_on_any_port();
/// Invalid (get() < 0) if it was refused at once; may still be on its way.
descriptor connect_to(const sockaddr_in& address);
std::uint16_t port_of(int fd);
std::uint16_t peer_port_of(int fd);
/// The peer gets an RST when the descriptor is closed.
void reset_on_close(int fd);

}  // namespace chaos
