#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include <dlock/clock.hpp>

namespace dlock::cli {

/// When the command gets TERM and when it gets KILL. It must be gone by the end of its lease, whatever happens before.
/// So the lease is cut by the time for an orderly end (`kill_after`), and by a bit more (`reserve`) for a busy kernel.
class kill_plan {
 public:
  using time_point = boot_clock::time_point;
  using duration = boot_clock::duration;

  kill_plan(duration kill_after, duration reserve) : kill_after_(kill_after), reserve_(reserve) {}

  /// The lease lasts until `end`, as far as is known now.
  void lease_until(time_point end) { end_ = end - reserve_; }

  /// The command may run until `end`, however long the lease lasts. TERM is sent then.
  void run_until(time_point end) { limit_ = end; }

  /// TERM is sent now. A later renewal does not undo that.
  void begin(time_point now) {
    if (!begun_) begun_ = now;
  }

  [[nodiscard]] time_point terminate_at() const {
    return begun_.value_or(std::min(end_ - kill_after_, limit_.value_or(time_point::max())));
  }
  /// Whether the command is ended because its time is over, and not because of its lease.
  [[nodiscard]] bool is_limit_first() const { return !begun_ && limit_ && *limit_ < end_ - kill_after_; }
  [[nodiscard]] time_point kill_at() const { return std::min(terminate_at() + kill_after_, end_); }
  /// If the command is not gone by this time, the guard has failed. At the end of the lease, there is no time to wait.
  /// Before that, a busy machine may delay the guard, and a guard that is `at_work` decides itself when to give up.
  [[nodiscard]] time_point overdue_at(bool at_work) const {
    const auto patience = std::chrono::seconds(at_work ? 12 : 1);
    return std::min(kill_at() + patience, std::max(end_, kill_at() + std::chrono::milliseconds(50)));
  }

 private:
  duration kill_after_;
  duration reserve_;
  time_point end_{};
  std::optional<time_point> limit_;
  std::optional<time_point> begun_;
};

/// How much time kill_plan should reserve of a lease of `ttl`.
[[nodiscard]] inline kill_plan::duration kill_reserve(std::chrono::milliseconds ttl) {
  return std::min<kill_plan::duration>(ttl / 20, std::chrono::milliseconds(100));
}

}  // namespace dlock::cli
