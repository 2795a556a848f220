#include "async.hpp"

#include <malloc.h>
#include <sys/resource.h>

#include <atomic>
#include <cstdio>
#include <dlock/dlock.hpp>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "figures.hpp"
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
  std::stop_source stop;
  std::atomic<int> ended = 0, other = 0;
  std::string first;  // what the first of `other` said
  const auto begin = now();
  for (int i = 0; i < calls; ++i) {
    dlock::mutex(waiting, ids[static_cast<std::size_t>(i % locks)])
        .async_acquire({.stop = stop.get_token()}, [&](std::exception_ptr failure, const dlock::acquisition& got) {
          if (failure || got.result() != dlock::outcome::cancelled) {
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
  const auto cancelled = now();
  stop.request_stop();
  const double told = seconds_since(cancelled);
  while (ended < calls && seconds_since(cancelled) < 60) std::this_thread::sleep_for(1ms);
  std::printf(
      "  %d calls wait for %d locks: begun in %.2f s; %.0f threads more than before (%.0f at first), %.0f bytes a "
      "call, %.1f %% of a core while idle; all cancelled in %.2f s (%.2f s to ask for it); %d ended before, %d of %d "
      "in "
      "another way%s\n",
      calls, locks, begun, threads_idle - threads_before, threads_at_first - threads_before, bytes / calls, 100 * idle,
      seconds_since(cancelled), told, early, other.load(), ended.load(), first.empty() ? "" : (": " + first).c_str());
  figure("async")("calls", calls)("locks", locks)("threads", threads_idle - threads_before)("bytes", bytes / calls)(
      "idle_percent", 100 * idle)("cancelled_s", seconds_since(cancelled));
}

}  // namespace bench
