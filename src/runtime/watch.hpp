#pragma once

#include <chrono>
#include <memory>

#include "util/clock_watch.hpp"
#include "util/worker_pool.hpp"

namespace dlock::detail {

class monitor;

/// A thread that only watches the clock. It uses CLOCK_BOOTTIME, so that it also wakes after a suspend. It tells the
/// engine the time when something is due, so that a loss is noticed on time whatever the network does. It also tells
/// the engine when the wall clock is set: that may follow a stop of the machine that CLOCK_BOOTTIME does not count.
class watch {
 public:
  /// Throws std::system_error if no thread is available.
  watch(std::shared_ptr<monitor> of, std::unique_ptr<clock_watch> wall_clock);
  watch(const watch&) = delete;
  watch& operator=(const watch&) = delete;
  /// Calls stop(0 ms).
  ~watch();
  /// Waits for the thread, at most `patience`: without threads for callbacks, it may run one that blocks. May be called
  /// from the thread itself. That thread then ends soon.
  void stop(std::chrono::milliseconds patience);

 private:
  struct shared;
  std::shared_ptr<shared> shared_;
  worker_pool thread_{1, "dlock-watch"};
};

}  // namespace dlock::detail
