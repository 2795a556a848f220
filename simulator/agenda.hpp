#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace dlock::simulator {

/// The time of the world: microseconds since the beginning of the run.
using tick = std::int64_t;
inline constexpr tick ticks_per_ms = 1000;

/// The events to come and their times. It is the only clock of a run, and it jumps from one event to the next.
class agenda {
 public:
  /// Events of the same tick happen in the order in which they were entered.
  void at(tick when, std::function<void()> what);
  void after(tick delay, std::function<void()> what) { at(now_ + delay, std::move(what)); }

  [[nodiscard]] tick now() const noexcept { return now_; }
  /// Runs all events up to `end`. Then the time is `end`.
  void run_until(tick end);

 private:
  struct event {
    tick when;
    std::uint64_t number;
    std::function<void()> what;
  };
  static bool later(const event& a, const event& b) noexcept {
    return a.when != b.when ? a.when > b.when : a.number > b.number;
  }

  std::vector<event> heap_;
  std::uint64_t entered_ = 0;
  tick now_ = 0;
};

}  // namespace dlock::simulator
