#include <algorithm>

#include "checks.hpp"

namespace dlock::chaos {
namespace {

/// The next grant of the lock after `one` that excludes it.
const hold* taken_over_by(const analysis& a, const lock_view& lock, const hold& one) {
  auto next = std::upper_bound(lock.holds.begin(), lock.holds.end(), one.from,
                               [&](ns t, std::size_t i) { return t < a.holds[i].from; });
  for (; next != lock.holds.end(); ++next) {
    const auto& other = a.holds[*next];
    if (other.token > one.token && (other.what.exclusive || one.exclusive_at(other.from))) return &other;
  }
  return nullptr;
}

}  // namespace

// Whoever loses a lock is told, or has stopped believing, before the next one has it. A process that was frozen can be
// told only when it thaws.
check_result check_lost_before_takeover(const analysis& a) {
  check_result r("lost-before-takeover");
  std::int64_t judged = 0, excused = 0;
  for (const auto& [name, lock] : a.locks) {
    for (const auto i : lock.holds) {
      const auto& one = a.holds[i];
      if (one.what.cap > 0 || !a.ended_by_loss(one)) continue;
      const auto* next = taken_over_by(a, lock, one);
      if (next == nullptr) continue;
      const ns told = std::min({one.lost, one.release_called, one.died});
      const ns stops = std::min(told, a.h.last);
      if (a.faults.frozen(one.process, one.asked, stops) || excuse_for(a, one, next->from) != excuse::none) {
        ++excused;
        continue;
      }
      ++judged;
      if (told <= next->from) continue;
      r.breaks(a.describe(one) + " was told of its loss " +
               (one.lost == never
                    ? "never"
                    : "at " + std::to_string(a.seconds(one.lost)) + " s (" + a.h.at(one.where_lost) + ")") +
               ", after " + a.describe(*next));
    }
  }
  r.detail =
      std::to_string(judged) + " losses judged, " + std::to_string(excused) + " of frozen processes or excused faults";
  return r;
}

}  // namespace dlock::chaos
