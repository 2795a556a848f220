#include "local.hpp"

#include <algorithm>
#include <cstdio>
#include <dlock/dlock.hpp>
#include <memory>
#include <thread>
#include <vector>

#include "contended.hpp"
#include "fleet.hpp"
#include "raw.hpp"
#include "statistics.hpp"

namespace bench {
namespace {

using namespace std::chrono_literals;

/// Threads in some processes, which get the lock again and again.
void processes(const std::string& url, raw_server::session& raw, std::chrono::milliseconds length, const char* mode) {
  fleet workers(url, {"local-" + std::to_string(now())}, 10, 100, 0, mode);
  const auto floor = measure_floor(raw, 1s, 0ms);
  const auto begin = now() + 50'000'000;
  const auto end = begin + std::chrono::nanoseconds(length).count();
  workers.start(begin, end);
  const auto quarter = (end - begin) / 4;  // without the ends of the window, when the queue forms and dissolves
  const auto grants = workers.grants();
  const auto within = std::count_if(grants.begin(), grants.end(), [&](auto& g) {
    return g.acquired >= begin + quarter && g.acquired < end - quarter;
  });
  const double rate = static_cast<double>(within) * 2e9 / static_cast<double>(end - begin);
  std::printf("  1000 in 10 processes, mode %s: floor %5.2f ms; %6.0f grants/s, %5.2f per raw write\n", mode,
              floor.write_us / 1000, rate, rate * floor.write_us / 1e6);
  std::fflush(stdout);
}

/// Threads in one process, and nobody else.
void one_process(const std::string& url, std::chrono::milliseconds length, int turns) {
  constexpr std::size_t kThreads = 1000;
  dlock::client locks({.url = url, .db = "dlock_bench", .exp_delta = 30s});
  const auto id = "local-" + std::to_string(now());
  std::vector<std::int64_t> each(kThreads, 0);
  const auto begin = now() + 500'000'000;
  const auto end = begin + std::chrono::nanoseconds(length).count();
  {
    std::vector<std::jthread> threads;
    for (auto& mine : each) {
      threads.emplace_back([&, counts = &mine] {
        dlock::mutex lock(locks, dlock::lock_options{.id = id, .local_turns = turns});
        std::this_thread::sleep_for(std::chrono::nanoseconds(begin - now()));
        std::int64_t count = 0;
        while (now() < end) {
          auto got = lock.acquire();
          if (got && now() < end) ++count;
          if (got) (void)got->release();
        }
        *counts = count;
      });
    }
  }
  std::int64_t sum = 0;
  for (const auto count : each) sum += count;
  const auto [least, most] = std::minmax_element(each.begin(), each.end());
  std::printf(
      "  1000 in one process, local_turns %3d: %6.0f grants/s; smallest share %lld, largest %lld (%.1f %% more)\n",
      turns, static_cast<double>(sum) * 1e9 / static_cast<double>(end - begin), static_cast<long long>(*least),
      static_cast<long long>(*most),
      *least > 0 ? 100.0 * static_cast<double>(*most - *least) / static_cast<double>(*least) : 0.0);
  std::fflush(stdout);
}

/// Acquires and releases the same lock again and again while its lease lingers.
void again(const std::string& url, std::chrono::milliseconds length) {
  dlock::client locks({.url = url, .db = "dlock_bench", .exp_delta = 30s});
  dlock::mutex lock(locks, dlock::lock_options{.id = "linger-" + std::to_string(now()), .linger = 15s});
  std::vector<double> all;
  const auto end = now() + std::chrono::nanoseconds(length).count();
  while (now() < end) {
    const auto t0 = now();
    auto got = lock.acquire();
    if (got) (void)got->release();
    all.push_back(static_cast<double>(now() - t0) / 1000);
  }
  std::printf("  acquire and release again while it lingers: p50 %.2f us, p99 %.2f us\n", median(all),
              quantile(all, 0.99));
  std::fflush(stdout);
}

/// Two clients of one process: one keeps a lease that it does not use, the other one wants the lock.
void recalls(const std::string& url, raw_server::session& raw, int times) {
  dlock::client one({.url = url, .db = "dlock_bench", .exp_delta = 30s});
  dlock::client two({.url = url, .db = "dlock_bench", .exp_delta = 30s});
  const auto floor = measure_floor(raw, 1s, 0ms);
  std::vector<double> recalled, handed;
  for (int i = 0; i < times; ++i) {
    const auto id = "recall-" + std::to_string(now());
    dlock::mutex keeps(one, dlock::lock_options{.id = id, .linger = 15s}), wants(two, id), again(one, id);
    auto got = keeps.acquire();
    if (i == 0) std::this_thread::sleep_for(1s);  // both follow their inboxes
    (void)got->release();
    auto t0 = now();
    auto other = wants.acquire();
    recalled.push_back(static_cast<double>(now() - t0) / 1000);
    std::jthread waits([&] {
      auto mine = again.acquire();
      handed.push_back(static_cast<double>(now() - t0) / 1000);
    });
    std::this_thread::sleep_for(50ms);
    t0 = now();
    (void)other->release();
  }
  std::printf(
      "  recall of a lease that lingers, to the grant: %.2f ms; a hand-off %.2f ms, ratio %.2f (floor %.2f ms)\n",
      median(recalled) / 1000, median(handed) / 1000, median(recalled) / median(handed), floor.write_us / 1000);
  std::fflush(stdout);
}

}  // namespace

void local(const std::string& url, std::chrono::milliseconds length) {
  raw_server server(url);
  raw_server::session raw(server);
  for (const auto* mode : {"plain", "turns"}) processes(url, raw, 5 * length, mode);
  for (const int turns : {1, 999}) one_process(url, 5 * length, turns);
  again(url, length);
  recalls(url, raw, 50);
}

}  // namespace bench
