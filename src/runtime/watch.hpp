#pragma once

#include <memory>
#include <thread>

#include "util/clock_watch.hpp"

namespace dlock::detail {

class monitor;

/// A thread that does nothing but watch the clock (CLOCK_BOOTTIME, so that it also wakes after a suspend): it tells the
/// engine the time when something is due, a loss on time whatever the network does. When the wall clock is set, the
/// engine hears of that, too: that may follow a stop of the machine that CLOCK_BOOTTIME does not count.
class watch {
 public:
  watch(std::shared_ptr<monitor> of, std::unique_ptr<clock_watch> wall_clock);
  watch(const watch&) = delete;
  watch& operator=(const watch&) = delete;
  /// stop()
  ~watch();
  /// May be called from the thread itself, which ends soon then.
  void stop();

 private:
  struct shared;
  std::shared_ptr<shared> shared_;
  std::thread thread_;
};

}  // namespace dlock::detail
