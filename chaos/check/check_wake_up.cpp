#include <algorithm>
#include <cstdio>
#include <deque>
#include <utility>

#include "checks.hpp"

namespace dlock::chaos {
namespace {

/// With announcements a gap is a round trip or two, also on a busy machine; by polls alone it is some hundred ms.
constexpr ns kLongMedian = 60 * ns_per_ms;
constexpr std::size_t kEnoughForMedian = 15;

constexpr ns kMargin = 1500 * ns_per_ms;  // of a lease's local validity, and of a cancel on its way

/// When somebody may stand in the lock's document that those who wait have to wait for.
std::vector<interval> occupied(const analysis& a, const lock_view& lock) {
  std::vector<interval> out;
  for (const auto i : lock.holds) {
    const auto& one = a.holds[i];
    const ns observing = a.h.config.observed ? 2 * a.h.calls[one.call].ttl : 0;
    const ns ended = one.until == never ? never : one.until + a.h.config.clock_skew + kMargin + observing;
    out.push_back({one.from, one.released != never ? std::max(one.from, one.released) : std::max(one.from, ended)});
  }
  for (const auto i : lock.calls) {
    const auto& c = a.h.calls[i];
    const ns life = std::max(c.ttl, 3 * a.h.config.wait_period);
    const ns died = a.faults.killed(c.process);
    const ns end = c.returned ? *c.returned : died == never ? never : died + life + a.h.config.clock_skew + kMargin;
    if (c.op == "acquire_all") out.push_back({c.at, end});  // it may hold this one and wait for another
    if (c.what == "acquired" || c.what == "busy" || !c.returned) continue;
    out.push_back({*c.returned, *c.returned + kMargin + (c.in_doubt ? 2 * life : 0)});
  }
  std::sort(out.begin(), out.end(), [](auto& x, auto& y) { return x.from < y.from; });
  return out;
}

struct waiter {
  ns queued, returned;
  const call* of;
};

/// Asked in the order of time: who has waited longest, and waits still.
class queue {
 public:
  queue(const analysis& a, const lock_view& lock) {
    for (const auto i : lock.calls) {
      const auto& c = a.h.calls[i];
      if (c.op != "acquire" || !c.queued) continue;
      const ns died = a.faults.killed(c.process);
      all_.push_back({*c.queued, std::min(c.returned.value_or(never), died), &c});
    }
    std::sort(all_.begin(), all_.end(),
              [](auto& x, auto& y) { return std::pair(x.queued, x.returned) < std::pair(y.queued, y.returned); });
  }

  /// Null: nobody.
  const waiter* longest_waiting(ns at) {
    for (; next_ < all_.size() && all_[next_].queued <= at; ++next_) waiting_.push_back(&all_[next_]);
    while (!waiting_.empty() && waiting_.front()->returned < at) waiting_.pop_front();
    return waiting_.empty() ? nullptr : waiting_.front();
  }

 private:
  std::vector<waiter> all_;
  std::size_t next_ = 0;
  std::deque<const waiter*> waiting_;  // in the order in which they were queued
};

}  // namespace

check_result check_wake_up_gap(const analysis& a, wake_up_gaps& gaps) {
  check_result r("wake-up-gap");
  const ns limit = a.h.config.wait_period + ns_per_s;
  std::int64_t disturbed = 0;
  std::vector<ns> all;
  for (const auto& [name, lock] : a.locks) {
    queue waiters(a, lock);
    auto taken = occupied(a, lock);
    taken.push_back({a.h.last, a.h.last});
    ns free_since = never;
    for (const auto& i : taken) {
      if (free_since != never && i.from > free_since) {
        const auto* waits = waiters.longest_waiting(i.from);
        const ns since = waits == nullptr ? never : std::max(free_since, waits->queued);
        if (since < i.from) {
          if (a.faults.quiet(name, since, i.from)) {
            ++gaps.judged;
            all.push_back(i.from - since);
            gaps.longest = std::max(gaps.longest, i.from - since);
            if (i.from - since > limit)
              r.breaks(name + ": free from " + std::to_string(a.seconds(since)) + " to " +
                       std::to_string(a.seconds(i.from)) + " s, while " + waits->of->process + " waited (" +
                       a.h.at(waits->of->where) + ")");
          } else {
            ++disturbed;
          }
        }
      }
      free_since = free_since == never ? i.to : std::max(free_since, i.to);
    }
  }
  std::sort(all.begin(), all.end());
  if (!all.empty()) gaps.median = all[all.size() / 2];
  const auto seconds = [](ns t) {
    char text[64];
    std::snprintf(text, sizeof text, "%.3f s", static_cast<double>(t) / 1e9);
    return std::string(text);
  };
  if (all.size() >= kEnoughForMedian && gaps.median > kLongMedian)
    r.breaks("half of the gaps are longer than " + seconds(gaps.median) + ": releases do not wake their heirs");
  r.detail = std::to_string(gaps.judged) + " judged, the longest " + seconds(gaps.longest) + ", half of them below " +
             seconds(gaps.median) + ", " + std::to_string(disturbed) + " near faults not judged";
  return r;
}

}  // namespace dlock::chaos
