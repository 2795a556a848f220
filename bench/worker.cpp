#include "worker.hpp"

#include <chrono>
#include <cstdio>
#include <dlock/dlock.hpp>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "modes.hpp"

namespace bench {

std::int64_t now() {
  return dlock::boot_clock::now().time_since_epoch().count();
}

namespace {

using namespace std::chrono_literals;

constexpr int kPermits = 10;  // of a semaphore

using waits = std::function<dlock::acquisition(const dlock::wait_options&)>;

waits waiting_for(dlock::client& locks, const work& what) {
  const auto options = options_of(what.mode, what.lock);
  if (what.kind == "shared") {
    return [lock = std::make_shared<dlock::shared_mutex>(locks, options)](auto& o) { return lock->acquire_shared(o); };
  }
  if (what.kind == "semaphore") {
    return [lock = std::make_shared<dlock::semaphore>(locks, options, kPermits)](auto& o) { return lock->acquire(o); };
  }
  if (what.kind != "mutex") throw std::invalid_argument("no kind " + what.kind);
  return [lock = std::make_shared<dlock::mutex>(locks, options)](auto& o) { return lock->acquire(o); };
}

/// At the end of a window, there may not be enough time left for a single answer.
dlock::acquisition acquire(const waits& lock, const dlock::wait_options& options) {
  try {
    return lock(options);
  } catch (const dlock::error& e) {
    if (!e.retryable()) throw;
    return {dlock::outcome::timed_out, {}, std::nullopt};
  }
}

/// In a crowd, the answer may be late. The release then goes on in the background.
void release(dlock::acquisition& held) {
  try {
    (void)held->release();
  } catch (const dlock::error& e) {
    if (!e.retryable()) throw;
  }
}

void sleep_until(std::int64_t when) {
  std::this_thread::sleep_for(std::chrono::nanoseconds(when - now()));
}

}  // namespace

int run_worker(const work& what) {
  dlock::client client({.url = what.url, .db = "dlock_bench", .exp_delta = 30s, .wait_lock_period = 5s});
  std::vector<waits> locks;
  for (int i = 0; i < what.threads; ++i) locks.push_back(waiting_for(client, what));
  std::puts("ready");
  std::fflush(stdout);
  std::int64_t begin = 0, end = 0;
  while (std::cin >> begin >> end) {
    std::mutex guard;
    std::vector<grant> grants;
    std::vector<std::int64_t> looks;
    std::vector<std::jthread> threads;
    for (auto& each : locks) {
      threads.emplace_back([&, mine = &each] {
        sleep_until(begin);
        std::vector<grant> own;
        std::vector<std::int64_t> own_looks;
        while (now() < end) {
          grant g;
          g.asked = now();
          const auto left = std::chrono::ceil<std::chrono::milliseconds>(std::chrono::nanoseconds(end - g.asked));
          auto got = acquire(*mine, {.timeout = left, .on_wait = [&](const auto&) {
                                       if (g.queued != 0) own_looks.push_back(now());
                                       if (g.queued == 0) g.queued = now();
                                     }});
          if (!got) continue;
          g.acquired = now();
          g.token = got->token();
          if (what.hold_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(what.hold_ms));
          g.releasing = now();
          release(got);
          own.push_back(g);
        }
        const std::lock_guard lock(guard);
        grants.insert(grants.end(), own.begin(), own.end());
        looks.insert(looks.end(), own_looks.begin(), own_looks.end());
      });
    }
    threads.clear();
    for (const auto& g : grants) {
      std::printf("%lld %lld %lld %lld %lld\n", static_cast<long long>(g.token), static_cast<long long>(g.asked),
                  static_cast<long long>(g.queued), static_cast<long long>(g.acquired),
                  static_cast<long long>(g.releasing));
    }
    for (const auto when : looks) std::printf("look %lld\n", static_cast<long long>(when));
    std::puts("done");
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace bench
