#include "contended.hpp"

#include <algorithm>
#include <cstdio>
#include <dlock/dlock.hpp>
#include <functional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "figures.hpp"
#include "fleet.hpp"
#include "modes.hpp"
#include "raw.hpp"
#include "statistics.hpp"

namespace bench {
namespace {

using namespace std::chrono_literals;

constexpr int kCrowd = 1000;

/// The number of grants that passed a waiter who was queued before the call for this grant began.
int bypasses(const std::vector<grant>& grants) {
  int count = 0;
  std::int64_t queued_later = INT64_MAX;  // the earliest "queued" of the grants with higher tokens
  for (auto g = grants.rbegin(); g != grants.rend(); ++g) {
    if (queued_later < g->asked) ++count;
    if (g->queued != 0) queued_later = std::min(queued_later, g->queued);
  }
  return count;
}

/// Measures and prints one row of the report.
void measure(const std::string& url, const std::string& mode, int processes, int threads, int hold_ms, int windows,
             std::chrono::milliseconds length) {
  raw_server server(url);
  raw_server::session raw(server);
  fleet workers(url, {"contended-" + std::to_string(now())},
                {.processes = processes, .threads = threads, .hold_ms = hold_ms, .mode = mode});
  std::vector<double> write_us, insert_us, hand_off_us, ratio, same_rhythm, rate, per_write, commands, heartbeats;
  int passed = 0;
  // The first window is a warm-up. A crowd has only one window: when it leaves at the end, the server is busy for a
  // while.
  for (int i = processes * threads < kCrowd ? -1 : windows - 1; i < windows; ++i) {
    const auto floor_length = std::min(length, std::chrono::milliseconds{1000});
    const auto f = measure_floor(raw, floor_length, 0ms);
    const auto rested = hold_ms > 0 ? measure_floor(raw, floor_length, std::chrono::milliseconds{hold_ms}) : f;
    const auto begin = now() + 50'000'000;
    const auto end = begin + std::chrono::nanoseconds(length).count();
    workers.start(begin, end);
    // Counted only while the queue is full and nobody leaves it: not at the ends of the window.
    const auto quarter = (end - begin) / 4;
    std::this_thread::sleep_for(std::chrono::nanoseconds(begin + quarter - now()));
    const auto from = now();
    const auto commands_before = raw.commands();
    std::this_thread::sleep_for(std::chrono::nanoseconds(end - quarter - now()));
    const auto commands_after = raw.commands();
    const auto to = now();
    const auto grants = workers.grants();
    if (i < 0) continue;
    const auto within =
        std::count_if(grants.begin(), grants.end(), [&](auto& g) { return g.acquired >= from && g.acquired < to; });
    if (threads == 1) passed += bypasses(grants);  // others take turns by process: a later call of another one may pass
    const double h = median(hand_offs(grants));
    const double grants_per_second = static_cast<double>(within) * 1e9 / static_cast<double>(to - from);
    write_us.push_back(f.write_us);
    insert_us.push_back(f.insert_us);
    hand_off_us.push_back(h);
    ratio.push_back(h / (f.write_us + f.insert_us));
    same_rhythm.push_back(h / (rested.write_us + rested.insert_us));
    rate.push_back(grants_per_second);
    per_write.push_back(grants_per_second * f.write_us / 1e6);
    if (within == 0) continue;
    const auto told = std::count_if(workers.looks().begin(), workers.looks().end(),
                                    [&](auto when) { return when >= from && when < to; });
    const auto looks = threads == 1 ? told : 0;  // with several threads, most of them wait for a turn of their process
    heartbeats.push_back(static_cast<double>(looks) / static_cast<double>(within));
    commands.push_back(static_cast<double>(commands_after - commands_before - looks) / static_cast<double>(within));
  }
  std::printf(
      "  %4d in %3d processes, hold %2d ms: floor %5.2f+%.2f ms, hand-off %6.2f ms, ratio %5.2f (%4.2f to commands "
      "after the same pause); %4.0f grants/s, %4.2f per raw write, %4.2f commands per grant and %4.2f heartbeats, %d "
      "bypasses\n",
      processes * threads, processes, hold_ms, median(write_us) / 1000, median(insert_us) / 1000,
      median(hand_off_us) / 1000, median(ratio), median(same_rhythm), median(rate), median(per_write), median(commands),
      median(heartbeats), passed);
  std::fflush(stdout);
  figure("contended")("mode", mode)("processes", processes)("threads", threads)("hold_ms", hold_ms)(
      "write_us", median(write_us))("insert_us", median(insert_us))("hand_off_us", median(hand_off_us))(
      "ratio", median(ratio))("ratio_same_pause", median(same_rhythm))("grants_per_s", median(rate))(
      "per_write", median(per_write))("commands", median(commands))("heartbeats", median(heartbeats))("bypasses",
                                                                                                      passed);
}

}  // namespace

std::vector<double> hand_offs(const std::vector<grant>& grants) {
  std::vector<double> out;
  for (std::size_t i = 1; i < grants.size(); ++i) {
    const auto& before = grants[i - 1];
    const auto& heir = grants[i];
    if (heir.queued != 0 && heir.queued < before.releasing)
      out.push_back(static_cast<double>(heir.acquired - before.releasing) / 1000);
  }
  return out;
}

floor_times measure_floor(raw_server::session& raw, std::chrono::milliseconds length, std::chrono::milliseconds pause) {
  std::vector<double> writes, inserts;
  const auto end = now() + std::chrono::nanoseconds(length).count();
  while (now() < end) {
    std::this_thread::sleep_for(pause);
    const auto t0 = now();
    raw.increment("floor");
    const auto t1 = now();
    raw.insert();
    writes.push_back(static_cast<double>(t1 - t0) / 1000);
    inserts.push_back(static_cast<double>(now() - t1) / 1000);
  }
  return {median(writes), median(inserts)};
}

void contended(const std::string& url, const std::string& mode, int windows, std::chrono::milliseconds length,
               int least, int most) {
  const auto row = [&](int processes, int threads, int hold) {
    if (mode_of(mode).among_threads && threads == 1) return;
    const int contenders = processes * threads;
    // A long queue needs time to form.
    if (contenders >= least && contenders <= most) {
      measure(url, mode, processes, threads, hold, windows,
              length * (contenders < 100      ? 1
                        : contenders < kCrowd ? 4
                                              : 15));
    }
  };
  for (const int hold : {10, 0}) {
    for (const int processes : {2, 10, 100}) row(processes, 1, hold);
  }
  row(10, 10, 0);
  row(10, 100, 0);
}

void fairness(const std::string& url, int processes, int grants_wanted) {
  fleet workers(url, {"fairness-" + std::to_string(now())}, {.processes = processes});
  std::vector<int> each(static_cast<std::size_t>(processes), 0);
  int total = 0, passed = 0;
  while (total < grants_wanted) {
    const auto begin = now() + 50'000'000;
    workers.start(begin, begin + 10'000'000'000);
    std::vector<int> counts;
    const auto grants = workers.grants(&counts);
    if (grants.empty()) throw std::runtime_error("no grant in 10 s");
    passed += bypasses(grants);
    total += static_cast<int>(grants.size());
    std::transform(each.begin(), each.end(), counts.begin(), each.begin(), std::plus<>());
  }
  const auto [least, most] = std::minmax_element(each.begin(), each.end());
  std::printf("  %d grants over %d processes: %d bypasses of the queue; smallest share %d, largest %d (%.1f %% more)\n",
              total, processes, passed, *least, *most, 100.0 * (*most - *least) / *least);
  figure("fairness")("processes", processes)("grants", total)("bypasses", passed)("least", *least)("most", *most);
}

void bystanders(const std::string& url, const std::vector<int>& numbers, std::chrono::milliseconds length) {
  std::vector<double> each;
  for (const int n : numbers) {
    raw_server server(url);
    raw_server::session raw(server);
    // Each waits for a lock of its own, which nobody releases.
    dlock::client holder({.url = url, .db = "dlock_bench", .exp_delta = 30s});
    std::vector<std::string> locks;
    std::vector<dlock::lease> held;
    for (int i = 0; i < n; ++i) {
      locks.push_back("bystander-" + std::to_string(i) + "-" + std::to_string(now()));
      held.push_back(std::move(*dlock::mutex(holder, locks.back()).acquire()));
    }
    fleet waiting(url, locks, {.processes = n});
    fleet two(url, {"watched-" + std::to_string(now())}, {.processes = 2});
    const auto span = std::chrono::nanoseconds(length).count();
    waiting.start(now(), now() + 4 * span);
    std::this_thread::sleep_for(length);  // they queue up
    const auto before = raw.cpu_us();
    std::this_thread::sleep_for(length);
    const auto idle = raw.cpu_us() - before;
    const auto begin = now();
    const auto from = raw.cpu_us();
    two.start(begin, begin + span);
    const auto grants = two.grants();
    const auto busy = raw.cpu_us() - from;
    (void)waiting.grants();
    each.push_back(static_cast<double>(busy - idle) / static_cast<double>(std::max<std::size_t>(grants.size(), 1)) /
                   1000);
    std::printf(
        "  %3d processes wait on other locks: %.2f ms of the primary's CPU per hand-off (%zu in %lld ms; %.1f %% of a "
        "core while idle)\n",
        n, each.back(), grants.size(), static_cast<long long>(length.count()),
        100.0 * static_cast<double>(idle) * 1000 / static_cast<double>(span));
    std::fflush(stdout);
  }
  if (each.size() < 2) return;
  std::printf("  ratio %.2f\n", each.back() / each.front());
  figure("bystanders")("least", numbers.front())("most", numbers.back())("least_cpu_us", each.front() * 1000)(
      "most_cpu_us", each.back() * 1000)("ratio", each.back() / each.front());
}

}  // namespace bench
