#pragma once

#include <deque>

#include <dlock/clock.hpp>

#include "fd.hpp"
#include "guard.hpp"

// What the guard of `dlock run` and that of `dlock hold` have in common.

namespace dlock::cli {

/// Makes a process that was just forked a guard: in a process group of its own, without signals, with another name, and
/// a child subreaper.
void become_guard(const process_title& title);

/// A timer on CLOCK_BOOTTIME: poll's timeout uses monotonic time, which stands still while the machine is suspended.
class boot_timer {
 public:
  boot_timer();
  explicit operator bool() const noexcept { return static_cast<bool>(fd_); }
  /// Readable from the time that was set.
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  /// time_point{}: off.
  void set(boot_clock::time_point when) const;

 private:
  unique_fd fd_;
};

/// The reports to dlock. A frozen dlock does not read. The guard must not block because of that. And dlock must not
/// miss the end of the command when it continues.
class report_queue {
 public:
  void add(report::kind what, int number, const unique_fd& link) {
    untold_.push_back({.what = what, .number = number});
    send(link);
  }
  /// What the kernel takes now.
  void send(const unique_fd& link);
  [[nodiscard]] bool empty() const noexcept { return untold_.empty(); }

 private:
  std::deque<report> untold_;
};

}  // namespace dlock::cli
