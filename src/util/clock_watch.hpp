#pragma once

namespace dlock {

/// Notices when the wall clock of the machine (CLOCK_REALTIME) is set: by hand, by a time daemon that steps it instead
/// of slewing it, by the guest agent of a hypervisor after a stop, or by the kernel after a suspend. The time that the
/// clock shows does not matter.
class clock_watch {
 public:
  /// If the clock cannot be watched, no change is ever noticed. That is not an error.
  clock_watch() noexcept;
  /// For tests, which must not set the clock of the machine. `instead`: any descriptor that becomes readable, such as
  /// an eventfd. This object owns it.
  explicit clock_watch(int instead) noexcept : fd_(instead) {}
  clock_watch(const clock_watch&) = delete;
  clock_watch& operator=(const clock_watch&) = delete;
  ~clock_watch();

  /// Becomes readable when the clock was set. Negative if the clock is not watched; poll() ignores a negative
  /// descriptor.
  [[nodiscard]] int fd() const noexcept { return fd_; }
  /// Whether the clock was set since the last call. Does not block.
  [[nodiscard]] bool was_set() noexcept;

 private:
  int fd_;
};

}  // namespace dlock
