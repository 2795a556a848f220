// What counting costs. This file is compiled as the library is.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <ctime>
#include <iostream>
#include <string>

#include "runtime/meters.hpp"

namespace dlock::testing {
namespace {

/// Processor time of this thread, in ns.
std::int64_t used() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec * std::int64_t{1'000'000'000} + t.tv_nsec;
}

TEST(Metrics, CountingAnAcquisitionAndItsReleaseCostsLessThan100Nanoseconds) {
  detail::meters m({});
  const std::string lock = "lock";
  engine::acquire_ended got{.what = engine::acquire_ended::result::acquired, .got = 1};
  engine::hold_changed released{.now = engine::hold_phase::releasing};
  answer a;
  a.what = answer::kind::replied;
  constexpr int kTimes = 1'000'000;
  const auto before = used();
  for (int i = 0; i < kTimes; ++i) {
    got.row = released.row = m.row_of(lock_metrics::kind::exclusive, lock);
    m.begins(got.row);
    for (const std::size_t what : {1U, 5U}) m.command(what, std::chrono::microseconds{400 + i % 1000}, a);
    got.waited = i % 10;
    m.on_event(got);
    released.used = i % 1000;
    m.on_event(released);
    for (int step = 0; step < 6; ++step) m.notifications_fail(false);
  }
  const auto each = (used() - before) / kTimes;
  std::cout << "metrics: " << each << " ns for an acquisition and its release\n";
  EXPECT_EQ(m.snapshot().locks.at(0).acquired, static_cast<std::uint64_t>(kTimes));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(each, 100);
#endif
}

}  // namespace
}  // namespace dlock::testing
