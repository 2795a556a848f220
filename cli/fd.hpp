#pragma once

#include <unistd.h>
#include <cstddef>
#include <initializer_list>
#include <utility>
#include <vector>

namespace dlock::cli {

/// A file descriptor that is closed with its owner. -1: none.
class unique_fd {
 public:
  unique_fd() noexcept = default;
  explicit unique_fd(int fd) noexcept : fd_(fd) {}
  unique_fd(unique_fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  unique_fd& operator=(unique_fd&& other) noexcept {
    reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~unique_fd() { reset(); }

  [[nodiscard]] int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  void reset(int fd = -1) noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

/// If dlock was started with a closed stdin, no socket of dlock may become descriptor 0. The command still finds its
/// stdin closed.
void fill_standard_streams();

/// Puts /dev/null in the place of these standard streams. Somebody may wait for the end of file of a stream that a
/// process in the background keeps open.
void detach_streams(std::initializer_list<int> which);

/// Throws failure if this process cannot open `wanted` more descriptors. Without this check, anything could fail later,
/// with another error message.
void check_descriptors(std::size_t wanted);

/// The open descriptors from `first` on.
[[nodiscard]] std::vector<int> descriptors_from(int first);

/// Closes every descriptor from `first` on. For a process that was just forked.
void close_from(int first);

}  // namespace dlock::cli
