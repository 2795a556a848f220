#include "util/worker_pool.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "util/thread.hpp"

namespace dlock {

/// Outlives the pool as long as one of its threads is busy.
struct worker_pool::shared {
  std::mutex guard;
  std::condition_variable work;
  std::condition_variable ended;
  std::deque<std::function<void()>> tasks;
  std::vector<std::thread> all;
  const char* name = nullptr;
  std::chrono::milliseconds idle{0};
  std::size_t most = 0;
  std::size_t threads = 0;  // how many have not ended
  std::size_t free = 0;     // of these, the ones without a task: idle, or new
  bool stopped = false;

  std::size_t most_busy = 0;  // in the present period, which lasts as long as `idle`
  std::chrono::steady_clock::time_point period;
  std::size_t surplus = 0;  // so many threads were never needed in the last period

  /// Called with `guard` held by a thread that has nothing to do. True: it is not needed. Idle threads take turns, so
  /// what counts is how many were busy at once.
  bool is_surplus() {
    const auto now = std::chrono::steady_clock::now();
    if (now - period >= idle) {
      surplus = threads - std::max<std::size_t>(most_busy, 1);
      most_busy = threads - free;
      period = now;
    }
    if (surplus == 0 || threads == 1) return false;
    --surplus;
    return true;
  }

  static void run(const std::shared_ptr<shared>& s) {
    std::unique_lock lock(s->guard);
    const auto called = [&] { return s->stopped || !s->tasks.empty(); };
    while (called() || !s->is_surplus()) {
      if (s->threads == 1) s->work.wait(lock, called);
      if (!s->work.wait_for(lock, s->idle, called)) continue;
      if (s->stopped) break;
      s->most_busy = std::max(s->most_busy, s->threads - --s->free);
      s->surplus = std::min(s->surplus, s->threads - s->most_busy);
      auto task = std::move(s->tasks.front());
      s->tasks.pop_front();
      lock.unlock();
      task();
      task = nullptr;  // what it owns is destroyed before the thread counts as idle
      lock.lock();
      ++s->free;
    }
    --s->free;
    --s->threads;
    std::erase_if(s->all, join_if_ended);  // those that ended before
    s->ended.notify_all();
  }

  /// Called with `guard` held. Starts threads for all tasks that wait, not only for the newest: an older one may have
  /// got none.
  static void add_threads(const std::shared_ptr<shared>& s);
};

namespace {
/// The pool whose task runs on this thread, if any. The pool must not wait for this thread.
thread_local const void* this_threads_pool = nullptr;
}  // namespace

void worker_pool::shared::add_threads(const std::shared_ptr<shared>& s) {
  try {
    while (s->free < s->tasks.size() && s->threads < s->most) {
      s->all.reserve(s->all.size() + 1);
      s->all.push_back(thread_without_signals(s->name, [s] {
        this_threads_pool = s.get();
        run(s);
      }));
      ++s->threads;
      ++s->free;
    }
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): the caller sees that there are too few
  }
}

worker_pool::worker_pool(std::size_t most, const char* name, std::chrono::milliseconds idle)
    : shared_(std::make_shared<shared>()) {
  shared_->name = name;
  shared_->idle = idle;
  shared_->most = most;
}

worker_pool::~worker_pool() {
  bool stopped = false;
  {
    const std::lock_guard lock(shared_->guard);
    stopped = shared_->stopped;
  }
  if (!stopped) stop(std::chrono::seconds{1});
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(shared_->guard);
    threads.swap(shared_->all);
  }
  drop(std::move(threads));
}

bool worker_pool::post(std::function<void()>&& task) {
  return add(task, shared_->most != unlimited);
}

bool worker_pool::post_patiently(std::function<void()>&& task) {
  return add(task, true);
}

bool worker_pool::add(std::function<void()>& task, bool patient) {
  const std::lock_guard lock(shared_->guard);
  if (shared_->stopped) return false;
  shared_->tasks.push_back(std::move(task));
  shared::add_threads(shared_);
  if (shared_->threads == 0 || (!patient && shared_->free < shared_->tasks.size())) {
    task = std::move(shared_->tasks.back());
    shared_->tasks.pop_back();
    return false;
  }
  shared_->work.notify_one();
  return true;
}

std::size_t worker_pool::most() const {
  return shared_->most;
}

bool worker_pool::is_mine() const {
  return this_threads_pool == shared_.get();
}

bool worker_pool::is_busy() const {
  const std::lock_guard lock(shared_->guard);
  return !shared_->tasks.empty() || shared_->free < shared_->threads;
}

void worker_pool::stop(std::chrono::milliseconds patience) {
  std::deque<std::function<void()>> dropped;  // destroyed without the lock: a task may own anything
  {
    std::unique_lock lock(shared_->guard);
    shared_->stopped = true;
    dropped.swap(shared_->tasks);
    shared_->work.notify_all();
    const std::size_t mine = this_threads_pool == shared_.get() ? 1 : 0;
    shared_->ended.wait_for(lock, patience, [&] { return shared_->threads <= mine; });
  }
}

}  // namespace dlock
