#pragma once

#include <memory>
#include <thread>

#include "util/clock_watch.hpp"

namespace dlock::detail {

class monitor;

/// A thread that only watches the clock. It uses CLOCK_BOOTTIME, so that it also wakes after a suspend. It tells the
/// engine the time when something is due, so that a loss is noticed on time whatever the network does. It also tells
/// the engine when the wall clock is set: that may follow a stop of the machine that CLOCK_BOOTTIME does not count.
class watch {
 public:
  watch(std::shared_ptr<monitor> of, std::unique_ptr<clock_watch> wall_clock);
  watch(const watch&) = delete;
  watch& operator=(const watch&) = delete;
  /// Calls stop().
  ~watch();
  /// May be called from the thread itself. That thread then ends soon.
  void stop();

 private:
  struct shared;
  std::shared_ptr<shared> shared_;
  std::thread thread_;
};

}  // namespace dlock::detail
