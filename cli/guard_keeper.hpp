#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <dlock/clock.hpp>

#include "command_options.hpp"
#include "guard.hpp"
#include "holding.hpp"
#include "kill_plan.hpp"

namespace dlock::cli {

/// Tells the guard of renewals, and notices when the guard does not do its duty.
class guard_keeper {
 public:
  /// The arguments must outlive this object.
  guard_keeper(guard_link& guard, holding& held, const command_options& options);

  /// Gives the guard its first order: guard_link::start().
  void start(const std::vector<std::string>& environment);

  /// Call look() at least this often.
  [[nodiscard]] std::chrono::milliseconds tick() const noexcept { return tick_; }
  /// Throws failure if the guard has not read its orders for 30 s. After 5 s it is continued, in case somebody has
  /// stopped it.
  void look();

  /// The lock is lost.
  void lost();

  /// It may run until then, whatever happens to the lock.
  void run_until(boot_clock::time_point end) { plan_.run_until(end); }
  /// Whether that time comes before the end of the lease.
  [[nodiscard]] bool is_limit_first() const { return plan_.is_limit_first(); }

  /// What ran under the lock should be gone by now, and is not: the guard must be ended, too. `at_work`: the guard has
  /// begun to end it.
  [[nodiscard]] bool is_overdue(bool at_work) const;

 private:
  guard_link& guard_;
  holding& held_;
  std::chrono::milliseconds tick_;
  kill_plan plan_;
  boot_clock::time_point told_;
  boot_clock::time_point looked_ = boot_clock::now();
  boot_clock::duration behind_{0};
};

}  // namespace dlock::cli
