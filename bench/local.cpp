#include "local.hpp"

#include <algorithm>
#include <cstdio>
#include <dlock/dlock.hpp>
#include <functional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "contended.hpp"
#include "figures.hpp"
#include "raw.hpp"
#include "statistics.hpp"

namespace bench {
namespace {

using namespace std::chrono_literals;

constexpr int kMostTurns = 999;  // as many as lock_options::local_turns may have

/// How many grants each thread has got in this time. Nobody else wants the lock.
std::vector<std::int64_t> grants_of(dlock::client& locks, const dlock::lock_options& options, int threads,
                                    std::chrono::milliseconds length) {
  std::vector<std::int64_t> each(static_cast<std::size_t>(threads), 0);
  const auto begin = now() + 200'000'000;
  const auto end = begin + std::chrono::nanoseconds(length).count();
  std::vector<std::jthread> all;
  for (auto& mine : each) {
    all.emplace_back([&, counts = &mine] {
      dlock::mutex lock(locks, options);
      std::this_thread::sleep_for(std::chrono::nanoseconds(begin - now()));
      std::int64_t count = 0;
      while (now() < end) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(std::chrono::nanoseconds(end - now()));
        auto got = lock.acquire({.timeout = std::max(left, 0ms)});
        if (!got) break;  // the window is over
        if (now() < end) ++count;
        (void)got->release();
      }
      *counts = count;
    });
  }
  all.clear();
  return each;
}

void one_process(const std::string& url, raw_server::session& raw, int threads, int turns, int windows,
                 std::chrono::milliseconds length) {
  dlock::client locks({.url = url, .db = "dlock_bench", .exp_delta = 30s});
  const dlock::lock_options options{.id = "local-" + std::to_string(now()), .local_turns = turns};
  std::vector<double> writes, inserts, rates, per_write;
  std::vector<std::int64_t> shares(static_cast<std::size_t>(threads), 0);
  for (int i = -1; i < windows; ++i) {
    const auto floor = measure_floor(raw, std::min(length, 1000ms), 0ms);
    const auto each = grants_of(locks, options, threads, length);
    if (i < 0) continue;  // a warm-up
    std::int64_t sum = 0;
    for (const auto count : each) sum += count;
    const double rate = static_cast<double>(sum) * 1000 / static_cast<double>(length.count());
    std::transform(shares.begin(), shares.end(), each.begin(), shares.begin(), std::plus<>());
    writes.push_back(floor.write_us);
    inserts.push_back(floor.insert_us);
    rates.push_back(rate);
    per_write.push_back(rate * floor.write_us / 1e6);
  }
  const auto [least, most] = std::minmax_element(shares.begin(), shares.end());
  std::printf(
      "  %d in one process, local_turns %3d: floor %.2f ms; %6.0f grants/s, %.2f per raw write; smallest share %lld, "
      "largest %lld\n",
      threads, turns, median(writes) / 1000, median(rates), median(per_write), static_cast<long long>(*least),
      static_cast<long long>(*most));
  std::fflush(stdout);
  figure("contended")("mode", turns == 1 ? "plain" : "turns-" + std::to_string(turns))("processes", 1)(
      "threads", threads)("hold_ms", 0)("write_us", median(writes))("insert_us", median(inserts))(
      "grants_per_s", median(rates))("per_write", median(per_write));
}

/// Two clients. One keeps a lease that it does not use, the other one wants the lock. Then the first one waits for it.
void recalls(const std::string& url, raw_server::session& raw, int times) {
  dlock::client one({.url = url, .db = "dlock_bench", .exp_delta = 30s});
  dlock::client two({.url = url, .db = "dlock_bench", .exp_delta = 30s});
  const auto floor = measure_floor(raw, 1s, 0ms);
  std::vector<double> recalled, handed, ratio;
  for (int i = 0; i < times; ++i) {
    const auto id = "recall-" + std::to_string(now());
    dlock::mutex keeps(one, dlock::lock_options{.id = id, .linger = 15s}), wants(two, id), waits(one, id);
    auto got = keeps.acquire();
    if (i == 0) std::this_thread::sleep_for(1s);  // both follow their inboxes
    (void)got->release();
    auto t0 = now();
    auto other = wants.acquire();
    recalled.push_back(static_cast<double>(now() - t0) / 1000);
    std::int64_t acquired = 0;
    {
      const std::jthread waiter([&] {
        const auto mine = waits.acquire();
        acquired = now();
      });
      std::this_thread::sleep_for(50ms);
      t0 = now();
      (void)other->release();
    }
    handed.push_back(static_cast<double>(acquired - t0) / 1000);
    ratio.push_back(recalled.back() / handed.back());
  }
  std::printf(
      "  recall of a lease that lingers, to the grant: %.2f ms; a hand-off %.2f ms, ratio %.2f (floor %.2f ms)\n",
      median(recalled) / 1000, median(handed) / 1000, median(ratio), floor.write_us / 1000);
  std::fflush(stdout);
  figure("recall")("write_us", floor.write_us)("insert_us", floor.insert_us)("recall_us", median(recalled))(
      "hand_off_us", median(handed))("ratio", median(ratio));
}

}  // namespace

void local(const std::string& url, int threads, int windows, std::chrono::milliseconds length) {
  raw_server server(url);
  raw_server::session raw(server);
  for (const int turns : {1, kMostTurns}) one_process(url, raw, threads, turns, windows, 2 * length);
  recalls(url, raw, 10 * windows);
}

}  // namespace bench
