#include "guard_parts.hpp"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <string>

namespace dlock::cli {

namespace {

/// The new name shows in ps. It does not contain the word dlock: `pkill -9 dlock` must end dlock, but not the guard,
/// which protects against exactly that.
void rename(const process_title& title, pid_t dlock) {
  const std::string text = "lock-guard of " + std::to_string(dlock);
  prctl(PR_SET_NAME, "lock-guard");
  if (title.size == 0) return;
  std::memset(title.begin, 0, title.size);
  std::memcpy(title.begin, text.data(), std::min(text.size(), title.size - 1));
}

}  // namespace

void become_guard(const process_title& title) {
  setpgid(0, 0);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  rename(title, getppid());
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
}

boot_timer::boot_timer() : fd_(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)) {}

void boot_timer::set(boot_clock::time_point when) const {
  itimerspec timer{};  // zero: off
  if (when != boot_clock::time_point{}) {
    const auto ns = std::max<std::int64_t>(when.time_since_epoch().count(), 1);
    timer.it_value = {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
  }
  timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME, &timer, nullptr);
}

void report_queue::send(const unique_fd& link) {
  while (link && !untold_.empty()) {
    const ssize_t sent = ::send(link.get(), &untold_.front(), sizeof(report), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EPIPE && errno != ECONNRESET) return;
    untold_.pop_front();
  }
}

}  // namespace dlock::cli
