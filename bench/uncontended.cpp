#include "uncontended.hpp"

#include <chrono>
#include <cstdio>
#include <dlock/dlock.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "raw.hpp"
#include "statistics.hpp"
#include "window.hpp"

namespace {

/// The figures of one way to release, next to raw commands in the same windows.
struct figures {
  const char* name;
  std::vector<double> us = {}, rate = {}, time_ratio = {}, rate_ratio = {};
};

void say(int threads, const std::vector<double>& raw_us, const std::vector<double>& raw_rate, const figures& f) {
  std::printf("  %2d thread%s, %s\n", threads, threads == 1 ? " " : "s", f.name);
  std::printf("              two raw findAndModify %8.0f us   acquire+release %8.0f us   time ratio %.2f\n",
              bench::median(raw_us), bench::median(f.us), bench::median(f.time_ratio));
  std::printf("              raw pairs %8.0f /s          lock pairs %8.0f /s          throughput ratio %.2f\n",
              bench::median(raw_rate), bench::median(f.rate), bench::median(f.rate_ratio));
}

}  // namespace

void bench::uncontended(const std::string& url, int threads, int windows, std::chrono::milliseconds length) {
  bench::raw_server raw(url);
  dlock::client locks({.url = url, .db = "dlock_bench", .exp_delta = std::chrono::seconds{30}});
  std::vector<std::unique_ptr<bench::raw_server::session>> sessions;
  std::vector<std::unique_ptr<dlock::mutex>> durable, early;
  for (int t = 0; t < threads; ++t) {
    const auto name = std::to_string(t);
    sessions.push_back(std::make_unique<bench::raw_server::session>(raw));
    durable.push_back(std::make_unique<dlock::mutex>(
        locks, dlock::lock_options{.id = "uncontended-durable-" + name, .durable_release = true}));
    early.push_back(std::make_unique<dlock::mutex>(locks, "uncontended-" + name));
  }
  const auto raw_pair = [&](int t) {
    for (int i = 0; i < 2; ++i) sessions[static_cast<std::size_t>(t)]->increment("raw-" + std::to_string(t));
  };
  const auto pair_of = [](auto& mutexes) {
    return [&mutexes](int t) {
      auto got = mutexes[static_cast<std::size_t>(t)]->try_acquire();
      if (!got || got->release() != dlock::release_result::released)
        throw std::runtime_error("a free lock was not free");
    };
  };
  bench::run(threads, length, raw_pair);  // warm-up
  bench::run(threads, length, pair_of(durable));
  bench::run(threads, length, pair_of(early));
  std::vector<double> raw_us, raw_rate;
  figures of_durable{"with durable_release"}, of_early{"with early release"};
  const auto add = [](figures& f, const auto& r, const auto& l) {
    f.us.push_back(l.median_us);
    f.rate.push_back(l.pairs_per_second);
    f.time_ratio.push_back(l.median_us / r.median_us);
    f.rate_ratio.push_back(l.pairs_per_second / r.pairs_per_second);
  };
  for (int i = 0; i < windows; ++i) {
    const auto r = bench::run(threads, length, raw_pair);
    raw_us.push_back(r.median_us);
    raw_rate.push_back(r.pairs_per_second);
    add(of_durable, r, bench::run(threads, length, pair_of(durable)));
    add(of_early, r, bench::run(threads, length, pair_of(early)));
  }
  say(threads, raw_us, raw_rate, of_durable);
  say(threads, raw_us, raw_rate, of_early);
}
