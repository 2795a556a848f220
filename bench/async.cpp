#include "async.hpp"

#include <malloc.h>
#include <sys/resource.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <dlock/dlock.hpp>
#include <fstream>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "contended.hpp"
#include "figures.hpp"
#include "raw.hpp"
#include "statistics.hpp"
#include "worker.hpp"

namespace bench {
namespace {

using namespace std::chrono_literals;

/// A number of /proc/self/status.
double status(const std::string& name) {
  std::ifstream in("/proc/self/status");
  for (std::string word; in >> word;) {
    double value = 0;
    if (word == name + ":" && in >> value) return value;
  }
  throw std::runtime_error("no " + name + " in /proc/self/status");
}

double resident_bytes() {
  malloc_trim(0);
  return status("VmRSS") * 1024;
}

double cpu_seconds() {
  rusage u{};
  getrusage(RUSAGE_SELF, &u);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(u.ru_utime) + seconds(u.ru_stime);
}

double seconds_since(std::int64_t begin) {
  return static_cast<double>(now() - begin) / 1e9;
}

std::string said(const std::exception_ptr& failure, const dlock::acquisition& got) {
  try {
    if (failure) std::rethrow_exception(failure);
  } catch (const std::exception& e) {
    return e.what();
  }
  return to_string(got.result());
}

/// The lease of the call that was the next to get a lock.
class heir {
 public:
  void gets(dlock::lease l) {
    const std::lock_guard lock(guard_);
    when_ = now();
    lease_ = std::move(l);
    told_.notify_one();
  }
  /// Waits for it. `when`: its callback began.
  [[nodiscard]] dlock::lease take(std::int64_t& when) {
    std::unique_lock lock(guard_);
    if (!told_.wait_for(lock, 60s, [this] { return lease_.has_value(); })) throw std::runtime_error("no heir in 60 s");
    when = when_;
    auto out = std::move(*lease_);
    lease_.reset();
    return out;
  }

 private:
  std::mutex guard_;
  std::condition_variable told_;
  std::optional<dlock::lease> lease_;
  std::int64_t when_ = 0;
};

/// Releases the locks one after the other. The times from a release to the callback of the heir, in microseconds.
std::vector<double> passes(std::vector<dlock::lease>& held, heir& next, int times) {
  std::vector<double> out;
  for (int i = 0; i < times; ++i) {
    auto& mine = held[static_cast<std::size_t>(i) % held.size()];
    std::int64_t when = 0;
    const auto released = now();
    (void)mine.release();
    mine = next.take(when);
    out.push_back(static_cast<double>(when - released) / 1000);
  }
  return out;
}

}  // namespace

void async(const std::string& url, int calls, int locks, std::chrono::milliseconds length) {
  const auto options = [&] { return dlock::client_options{.url = url, .db = "dlock_bench", .exp_delta = 30s}; };
  dlock::client holder(options()), waiting(options());
  std::vector<std::string> ids;
  std::vector<dlock::lease> held;
  for (int i = 0; i < locks; ++i) {
    ids.push_back("async-" + std::to_string(i) + "-" + std::to_string(now()));
    held.push_back(std::move(*dlock::mutex(holder, ids.back()).acquire()));
  }
  std::this_thread::sleep_for(1s);
  const double threads_before = status("Threads"), bytes_before = resident_bytes();
  heir next;  // one lock is released at a time
  std::stop_source stop;
  std::atomic<int> ended = 0, other = 0;
  std::string first;  // what the first of `other` said
  const auto begin = now();
  for (int i = 0; i < calls; ++i) {
    dlock::mutex(waiting, ids[static_cast<std::size_t>(i % locks)])
        .async_acquire({.stop = stop.get_token()}, [&](std::exception_ptr failure, dlock::acquisition got) {
          if (!failure && got) {
            next.gets(std::move(*got));
          } else if (failure || got.result() != dlock::outcome::cancelled) {
            if (other++ == 0) first = said(failure, got);
          }
          ++ended;
        });
  }
  const double begun = seconds_since(begin);
  // Until they are quiet: the processor time of a second is not less than that of the one before.
  for (double last = 1e9, used = 0;; last = used) {
    const double from = cpu_seconds();
    std::this_thread::sleep_for(1s);
    used = cpu_seconds() - from;
    // By then, threads that were only needed to begin are gone.
    if ((used < 0.05 || used >= last) && seconds_since(begin) > 30) break;
  }
  const double threads_at_first = status("Threads"), bytes = resident_bytes() - bytes_before;
  const double cpu_before = cpu_seconds();
  std::this_thread::sleep_for(length);
  const double idle = (cpu_seconds() - cpu_before) / (static_cast<double>(length.count()) / 1000);
  const double threads_idle = status("Threads");
  const int early = ended;
  raw_server server(url);
  raw_server::session raw(server);
  const auto floor = measure_floor(raw, 1s, 0ms);
  const auto passed = passes(held, next, std::min(calls / 2, 500));
  const auto cancelled = now();
  stop.request_stop();
  const double told = seconds_since(cancelled);
  while (ended < calls && seconds_since(cancelled) < 60) std::this_thread::sleep_for(1ms);
  std::printf(
      "  %d calls wait for %d locks: begun in %.2f s; %.0f threads more than before (%.0f at first), %.0f bytes a "
      "call, %.1f %% of a core while idle; from a release to the callback p50 %.2f ms, p99 %.2f ms (floor %.2f+%.2f "
      "ms); all "
      "cancelled in %.2f s (%.2f s to ask for it); %d ended before, %d of %d "
      "in "
      "another way%s\n",
      calls, locks, begun, threads_idle - threads_before, threads_at_first - threads_before, bytes / calls, 100 * idle,
      median(passed) / 1000, quantile(passed, 0.99) / 1000, floor.write_us / 1000, floor.insert_us / 1000,
      seconds_since(cancelled), told, early, other.load(), ended.load(), first.empty() ? "" : (": " + first).c_str());
  figure("async")("calls", calls)("locks", locks)("threads", threads_idle - threads_before)("bytes", bytes / calls)(
      "idle_percent", 100 * idle)("write_us", floor.write_us)("insert_us", floor.insert_us)("pass_us", median(passed))(
      "pass_p99_us", quantile(passed, 0.99))("cancelled_s", seconds_since(cancelled));
}

}  // namespace bench
