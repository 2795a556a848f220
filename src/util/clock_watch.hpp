#pragma once

namespace dlock {

/// Hears when the machine's wall clock (CLOCK_REALTIME) is set: by hand, by a time daemon that steps it rather than
/// bends it, by a hypervisor's guest agent after a stop, by the kernel after a suspend. What the clock says does not
/// matter.
class clock_watch {
 public:
  /// What cannot be watched is never heard of; that is no error.
  clock_watch() noexcept;
  /// For tests, which must not set the machine's clock: any descriptor that becomes readable, an eventfd. Owns it.
  explicit clock_watch(int instead) noexcept : fd_(instead) {}
  clock_watch(const clock_watch&) = delete;
  clock_watch& operator=(const clock_watch&) = delete;
  ~clock_watch();

  /// Readable when it was set; negative: not watched, which poll() leaves out.
  [[nodiscard]] int fd() const noexcept { return fd_; }
  /// Whether it was set since the last call. Does not block.
  [[nodiscard]] bool was_set() noexcept;

 private:
  int fd_;
};

}  // namespace dlock
