// What a lock costs, as ratios to the raw commands in the same run: short windows of both, interleaved, so that the
// machine's moods hit both alike; medians over the windows.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <dlock/dlock.hpp>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "raw.hpp"

namespace {

using clock_type = std::chrono::steady_clock;

struct window {
  double pairs_per_second = 0;
  double median_us = 0;  // of one pair
};

/// Runs `pair(thread)` on `threads` threads for so long.
window run(int threads, std::chrono::milliseconds length, const std::function<void(int)>& pair) {
  std::vector<std::vector<double>> times(static_cast<std::size_t>(threads));
  const auto begin = clock_type::now();
  std::vector<std::jthread> workers;
  for (int t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      auto& mine = times[static_cast<std::size_t>(t)];
      for (auto now = clock_type::now(); now - begin < length;) {
        pair(t);
        const auto after = clock_type::now();
        mine.push_back(std::chrono::duration<double, std::micro>(after - now).count());
        now = after;
      }
    });
  }
  workers.clear();
  const auto seconds = std::chrono::duration<double>(clock_type::now() - begin).count();
  std::vector<double> all;
  for (const auto& mine : times) all.insert(all.end(), mine.begin(), mine.end());
  std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2), all.end());
  return {static_cast<double>(all.size()) / seconds, all[all.size() / 2]};
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

/// An uncontended acquire and release against two raw findAndModify, each thread on a document of its own.
void uncontended(const std::string& url, int threads, int windows, std::chrono::milliseconds length) {
  bench::raw_server raw(url);
  dlock::client locks({.url = url, .db = "dlock_bench", .exp_delta = std::chrono::seconds{30}});
  std::vector<std::unique_ptr<bench::raw_server::session>> sessions;
  std::vector<std::unique_ptr<dlock::mutex>> mutexes;
  for (int t = 0; t < threads; ++t) {
    sessions.push_back(std::make_unique<bench::raw_server::session>(raw));
    mutexes.push_back(std::make_unique<dlock::mutex>(locks, "uncontended-" + std::to_string(t)));
  }
  const auto raw_pair = [&](int t) {
    for (int i = 0; i < 2; ++i) sessions[static_cast<std::size_t>(t)]->increment("raw-" + std::to_string(t));
  };
  const auto lock_pair = [&](int t) {
    auto got = mutexes[static_cast<std::size_t>(t)]->try_acquire();
    if (!got || got->release() != dlock::release_result::released) throw std::runtime_error("a free lock was not free");
  };
  run(threads, length, raw_pair);  // warm
  run(threads, length, lock_pair);
  std::vector<double> raw_us, lock_us, raw_rate, lock_rate, time_ratio, rate_ratio;
  for (int i = 0; i < windows; ++i) {
    const auto r = run(threads, length, raw_pair);
    const auto l = run(threads, length, lock_pair);
    raw_us.push_back(r.median_us);
    lock_us.push_back(l.median_us);
    raw_rate.push_back(r.pairs_per_second);
    lock_rate.push_back(l.pairs_per_second);
    time_ratio.push_back(l.median_us / r.median_us);
    rate_ratio.push_back(l.pairs_per_second / r.pairs_per_second);
  }
  std::printf("  %2d thread%s  two raw findAndModify %8.0f us   acquire+release %8.0f us   time ratio %.2f\n", threads, threads == 1 ? " " : "s",
              median(raw_us), median(lock_us), median(time_ratio));
  std::printf("              raw pairs %8.0f /s          lock pairs %8.0f /s          throughput ratio %.2f\n", median(raw_rate),
              median(lock_rate), median(rate_ratio));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Measures dlock against the raw MongoDB commands it stands on"};
  std::string url;
  std::string title = "server";
  int windows = 9;
  int length = 1000;
  app.add_option("--url", url, "MongoDB connection string")->required();
  app.add_option("--title", title, "What kind of server it is, for the report");
  app.add_option("--windows", windows, "How many windows of each kind")->check(CLI::Range(1, 1000));
  app.add_option("--window-ms", length, "Their length")->check(CLI::Range(100, 60000));
  CLI11_PARSE(app, argc, argv);
  try {
    std::printf("%s: an uncontended acquire+release pair, medians of %d interleaved windows of %d ms\n", title.c_str(), windows, length);
    for (const int threads : {1, 16}) uncontended(url, threads, windows, std::chrono::milliseconds{length});
  } catch (const std::exception& e) {
    std::fprintf(stderr, "dlock-bench: %s\n", e.what());
    return 1;
  }
  return 0;
}
