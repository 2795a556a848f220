#include "util/clock_watch.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace dlock {
namespace {

/// A timer that waits for a time of the wall clock. Each time that clock is set, the kernel reports ECANCELED, and the
/// timer goes on. This timer waits for the year 2255.
int timer_of_wall_clock() noexcept {
  constexpr itimerspec far{.it_interval = {}, .it_value = {.tv_sec = 9'000'000'000, .tv_nsec = 0}};
  const int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  if (fd < 0 || timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, nullptr) == 0) return fd;
  if (errno == ECANCELED) return fd;  // the clock was set just now; the timer is armed anyway
  close(fd);
  return -1;
}

}  // namespace

clock_watch::clock_watch() noexcept : fd_(timer_of_wall_clock()) {}

clock_watch::~clock_watch() {
  if (fd_ >= 0) close(fd_);
}

bool clock_watch::was_set() noexcept {
  std::uint64_t count = 0;
  return fd_ >= 0 && (read(fd_, &count, sizeof count) >= 0 || errno == ECANCELED);
}

}  // namespace dlock
