#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

namespace bench {

struct window {
  double pairs_per_second = 0;
  double median_us = 0;  // of one pair
};

/// Runs `pair(thread)` on `threads` threads for `length`.
inline window run(int threads, std::chrono::milliseconds length, const std::function<void(int)>& pair) {
  std::vector<std::vector<double>> times(static_cast<std::size_t>(threads));
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::jthread> workers;
  for (int t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      auto& mine = times[static_cast<std::size_t>(t)];
      for (auto now = std::chrono::steady_clock::now(); now - begin < length;) {
        pair(t);
        const auto after = std::chrono::steady_clock::now();
        mine.push_back(std::chrono::duration<double, std::micro>(after - now).count());
        now = after;
      }
    });
  }
  workers.clear();
  const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::vector<double> all;
  for (const auto& mine : times) all.insert(all.end(), mine.begin(), mine.end());
  std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2), all.end());
  return {static_cast<double>(all.size()) / seconds, all[all.size() / 2]};
}

}  // namespace bench
