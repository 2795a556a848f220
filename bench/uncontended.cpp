#include "uncontended.hpp"

#include <chrono>
#include <cstdio>
#include <dlock/dlock.hpp>
#include <memory>
#include <stdexcept>
#include <vector>

#include "figures.hpp"
#include "modes.hpp"
#include "raw.hpp"
#include "statistics.hpp"
#include "window.hpp"

void bench::uncontended(const std::string& url, const std::string& mode, int threads, int windows,
                        std::chrono::milliseconds length) {
  bench::raw_server raw(url);
  dlock::client locks({.url = url, .db = "dlock_bench", .exp_delta = std::chrono::seconds{30}});
  std::vector<std::unique_ptr<bench::raw_server::session>> sessions;
  std::vector<std::unique_ptr<dlock::mutex>> mutexes;
  for (int t = 0; t < threads; ++t) {
    sessions.push_back(std::make_unique<bench::raw_server::session>(raw));
    mutexes.push_back(
        std::make_unique<dlock::mutex>(locks, bench::options_of(mode, "uncontended-" + std::to_string(t))));
  }
  const auto raw_pair = [&](int t) {
    for (int i = 0; i < 2; ++i) sessions[static_cast<std::size_t>(t)]->increment("raw-" + std::to_string(t));
  };
  const auto lock_pair = [&](int t) {
    auto got = mutexes[static_cast<std::size_t>(t)]->try_acquire();
    if (!got || got->release() != dlock::release_result::released) throw std::runtime_error("a free lock was not free");
  };
  bench::run(threads, length, raw_pair);  // warm-up
  bench::run(threads, length, lock_pair);
  std::vector<double> raw_us, lock_us, raw_rate, lock_rate, time_ratio, rate_ratio;
  for (int i = 0; i < windows; ++i) {
    const auto r = bench::run(threads, length, raw_pair);
    const auto l = bench::run(threads, length, lock_pair);
    raw_us.push_back(r.median_us);
    lock_us.push_back(l.median_us);
    raw_rate.push_back(r.pairs_per_second);
    lock_rate.push_back(l.pairs_per_second);
    time_ratio.push_back(l.median_us / r.median_us);
    rate_ratio.push_back(l.pairs_per_second / r.pairs_per_second);
  }
  std::printf("  %2d thread%s  two raw findAndModify %8.0f us   acquire+release %8.0f us   time ratio %.2f\n", threads,
              threads == 1 ? " " : "s", bench::median(raw_us), bench::median(lock_us), bench::median(time_ratio));
  std::printf("              raw pairs %8.0f /s          lock pairs %8.0f /s          throughput ratio %.2f\n",
              bench::median(raw_rate), bench::median(lock_rate), bench::median(rate_ratio));
  bench::figure("uncontended")("mode", mode)("threads", threads)("raw_us", bench::median(raw_us))(
      "pair_us", bench::median(lock_us))("time_ratio", bench::median(time_ratio))(
      "raw_pairs_per_s", bench::median(raw_rate))("pairs_per_s", bench::median(lock_rate))("rate_ratio",
                                                                                           bench::median(rate_ratio));
}
