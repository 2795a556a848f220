#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include <dlock/metrics.hpp>

namespace dlock::detail {

/// A number that one thread at a time changes, and that any thread reads. So it costs no more than a plain number.
class tally {
 public:
  void add(std::int64_t by = 1) noexcept { set(value_.load(std::memory_order_relaxed) + by); }
  void set(std::int64_t to) noexcept { value_.store(to, std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t signed_value() const noexcept { return value_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const noexcept {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, signed_value()));
  }

 private:
  std::atomic<std::int64_t> value_{0};
};

/// The same for durations.
class duration_tally {
 public:
  void add(std::chrono::microseconds d) noexcept {
    const auto& bounds = duration_histogram::bounds;
    const auto at = std::lower_bound(bounds.begin(), bounds.end(), d) - bounds.begin();
    counts_[static_cast<std::size_t>(at)].add();
    sum_.add(d.count());
  }
  [[nodiscard]] duration_histogram value() const noexcept {
    duration_histogram out;
    for (std::size_t i = 0; i < out.counts.size(); ++i) out.counts[i] = counts_[i].value();
    out.sum = std::chrono::microseconds{sum_.signed_value()};
    return out;
  }

 private:
  std::array<tally, duration_histogram::bounds.size() + 1> counts_;
  tally sum_;
};

}  // namespace dlock::detail
