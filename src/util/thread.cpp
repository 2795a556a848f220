#include "util/thread.hpp"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <ctime>
#include <exception>
#include <list>
#include <memory>
#include <mutex>
#include <utility>

namespace dlock {
namespace {

/// Blocks all signals while it lives; a thread started meanwhile inherits that.
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

using threads = std::list<std::thread>;

struct leftovers {
  std::mutex guard;
  threads list;
  const pid_t process = getpid();
};

/// Never destroyed: what is in it may not have ended. A forked child has its own: it has no thread of its parent's, and
/// one of those may hold the mutex.
leftovers& all_let_go() {
  static std::atomic<leftovers*> newest = new leftovers;
  leftovers* now = newest;
  while (now->process != getpid()) {
    auto own = std::make_unique<leftovers>();
    if (newest.compare_exchange_strong(now, own.get())) now = own.release();
  }
  return *now;
}

bool is_joined(std::thread& t, const timespec& until) {
  if (pthread_clockjoin_np(t.native_handle(), nullptr, CLOCK_MONOTONIC, &until) != 0) return false;
  std::construct_at(&t);  // std::thread cannot be told that it was joined
  return true;
}

}  // namespace

std::thread quiet_thread(std::function<void()> run) {
  const signals_blocked quiet;
  return std::thread(std::move(run));
}

void let_go(std::thread thread) noexcept {
  if (!thread.joinable()) return;
  try {
    threads one;
    one.push_back(std::move(thread));
    auto& all = all_let_go();
    const std::lock_guard lock(all.guard);
    all.list.remove_if([](auto& t) { return is_joined(t, {}); });  // so that few are in it
    all.list.splice(all.list.end(), one);
  } catch (const std::exception&) {  // no memory
    if (thread.joinable()) thread.detach();
  }
}

void join_let_go(std::chrono::milliseconds patience) noexcept {
  timespec until{};
  clock_gettime(CLOCK_MONOTONIC, &until);
  const auto then = std::chrono::nanoseconds{until.tv_nsec} + patience;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(then);
  until.tv_sec += seconds.count();
  until.tv_nsec = (then - seconds).count();
  auto& all = all_let_go();
  for (threads left, stuck;;) {
    {
      const std::lock_guard lock(all.guard);
      left.swap(all.list);
      if (left.empty()) return all.list.swap(stuck);
    }
    // Without the mutex: meanwhile more may be let go, also by these.
    left.remove_if([&](auto& t) { return is_joined(t, until); });
    stuck.splice(stuck.end(), left);
  }
}

}  // namespace dlock
