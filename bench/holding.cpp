#include "holding.hpp"

#include <atomic>
#include <cstdio>
#include <dlock/dlock.hpp>
#include <filesystem>
#include <iterator>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "figures.hpp"
#include "raw.hpp"
#include "worker.hpp"

namespace bench {
namespace {

using namespace std::chrono_literals;
constexpr int kAtOnce = 200;  // acquisitions that are under way

}  // namespace

void holding(const std::string& url, int locks, bool readers, std::chrono::milliseconds ttl,
             std::chrono::milliseconds length) {
  raw_server server(url);
  raw_server::session raw(server);
  std::atomic<int> lost = 0, ended = 0;
  dlock::client client({.url = url, .db = "dlock_bench", .exp_delta = ttl});
  std::mutex guard;
  std::vector<dlock::lease> held;
  const auto base = "holding-" + std::to_string(now());
  const auto take = [&](std::exception_ptr failure, dlock::acquisition got) {
    if (!failure && got) {
      got->on_lost([&] { ++lost; });
      const std::lock_guard lock(guard);
      held.push_back(std::move(*got));
    }
    ++ended;
  };
  for (int i = 0; i < locks; ++i) {
    while (i - ended >= kAtOnce) std::this_thread::sleep_for(1ms);
    if (readers) {
      dlock::shared_mutex(client, base).async_acquire_shared({.timeout = 120s}, take);
    } else {
      dlock::mutex(client, base + "-" + std::to_string(i)).async_acquire({.timeout = 120s}, take);
    }
  }
  while (ended < locks) std::this_thread::sleep_for(1ms);
  if (held.size() != static_cast<std::size_t>(locks)) throw std::runtime_error("a free lock was not acquired");
  std::this_thread::sleep_for(ttl);  // until the renewals are what they stay
  const auto before = raw.cpu_us();
  const auto commands_before = raw.commands();
  const auto from = now();
  std::this_thread::sleep_for(length);
  const double seconds = static_cast<double>(now() - from) / 1e9;
  const double cpu = 100 * static_cast<double>(raw.cpu_us() - before) / 1e6 / seconds;
  const double commands = static_cast<double>(raw.commands() - commands_before) / seconds;
  namespace fs = std::filesystem;
  const auto threads = std::distance(fs::directory_iterator("/proc/self/task"), fs::directory_iterator());
  std::printf(
      "  %5d %s, TTL %lld ms: %.1f %% of a core of the primary, %.0f commands/s, %td threads in the process; %d lost\n",
      locks, readers ? "readers of one lock" : "mutexes", static_cast<long long>(ttl.count()), cpu, commands, threads,
      lost.load());
  std::fflush(stdout);
  figure("holding")("kind", readers ? "readers" : "mutexes")("locks", locks)(
      "ttl_ms", static_cast<double>(ttl.count()))("cpu_percent", cpu)("commands_per_s", commands)(
      "threads", static_cast<double>(threads))("lost", lost);
  const int lost_in_time = lost;
  std::atomic<int> released = 0;
  for (auto& l : held) l.async_release([&](const std::exception_ptr&, dlock::release_result) { ++released; });
  while (released < locks) std::this_thread::sleep_for(1ms);
  if (lost_in_time > 0) std::printf("         they lost leases: more than this machine can hold\n");
}

}  // namespace bench
