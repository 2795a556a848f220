#include "util/thread.hpp"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace dlock {
namespace {

/// Blocks all signals while it lives. A thread that is started meanwhile inherits that.
class signals_blocked {
 public:
  signals_blocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;
  ~signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

/// As long as one timeout of the driver. The driver needs half a second to end its own threads.
constexpr std::chrono::seconds kPatienceAtExit{5};

struct leftovers {
  std::mutex guard;
  std::list<std::thread> threads;
  const pid_t process = getpid();
};

/// Never destroyed, because threads in it may still run. A forked child gets its own: it has no thread of its parent,
/// and a thread of the parent may hold the mutex.
leftovers& all_dropped() {
  static std::atomic<leftovers*> newest = new leftovers;
  leftovers* now = newest;
  while (now->process != getpid()) {
    auto own = std::make_unique<leftovers>();
    if (newest.compare_exchange_strong(now, own.get())) now = own.release();
  }
  return *now;
}

void join_dropped() noexcept {
  auto& all = all_dropped();
  const auto until = std::chrono::steady_clock::now() + kPatienceAtExit;
  for (auto pause = std::chrono::milliseconds{1};;) {
    {
      const std::lock_guard lock(all.guard);
      all.threads.remove_if(join_if_ended);
      if (all.threads.empty() || std::chrono::steady_clock::now() >= until) return;
    }
    std::this_thread::sleep_for(pause);  // meanwhile more may be dropped, also by these threads
    pause = std::min(2 * pause, std::chrono::milliseconds{20});
  }
}

}  // namespace

bool join_if_ended(std::thread& t) noexcept {
  if (pthread_tryjoin_np(t.native_handle(), nullptr) != 0) return false;
  std::construct_at(&t);  // std::thread has no other way to learn that it was joined
  return true;
}

std::thread thread_without_signals(const char* name, std::function<void()> run) {
  const signals_blocked quiet;
  return std::thread([name = std::string(name), run = std::move(run)]() mutable {
    (void)pthread_setname_np(pthread_self(), name.c_str());
    run();
    run = nullptr;  // what it owns is destroyed on this thread
  });
}

void drop(std::vector<std::thread> threads) noexcept {
  [[maybe_unused]] static const int once = std::atexit(join_dropped);  // also needed without the driver
  std::list<std::thread> more;
  try {
    auto& all = all_dropped();
    more.resize(threads.size());
    std::move(threads.begin(), threads.end(), more.begin());
    more.remove_if([](auto& t) { return !t.joinable() || join_if_ended(t); });
    const std::lock_guard lock(all.guard);
    all.threads.remove_if(join_if_ended);  // keeps the list short
    all.threads.splice(all.threads.end(), more);
  } catch (const std::exception&) {  // no memory
    for (auto& t : threads) {
      if (t.joinable()) t.detach();
    }
  }
}

void drop(std::thread thread) noexcept {
  std::vector<std::thread> one(1);
  one.front() = std::move(thread);
  drop(std::move(one));
}

void join_dropped_at_exit() {
  (void)std::atexit(join_dropped);
}

}  // namespace dlock
