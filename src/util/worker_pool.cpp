#include "util/worker_pool.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>

#include "util/thread.hpp"

namespace dlock {

/// Outlives the pool as long as a thread of it is still busy.
struct worker_pool::shared {
  std::mutex guard;
  std::condition_variable work;
  std::condition_variable ended;
  std::deque<std::function<void()>> tasks;
  std::size_t most = 0;
  std::size_t threads = 0;
  std::size_t idle = 0;
  bool stopped = false;

  static void run(const std::shared_ptr<shared>& s) {
    std::unique_lock lock(s->guard);
    for (;;) {
      ++s->idle;
      s->work.wait(lock, [&] { return s->stopped || !s->tasks.empty(); });
      --s->idle;
      if (s->stopped) break;
      auto task = std::move(s->tasks.front());
      s->tasks.pop_front();
      lock.unlock();
      task();
      task = nullptr;  // what it owns goes before the thread says that it is idle
      lock.lock();
    }
    --s->threads;
    s->ended.notify_all();
  }
};

namespace {
/// The pool whose task runs on this thread, if any: it must not wait for itself.
thread_local const void* this_threads_pool = nullptr;
}  // namespace

worker_pool::worker_pool(std::size_t most) : shared_(std::make_shared<shared>()) {
  shared_->most = most;
}

worker_pool::~worker_pool() {
  bool stopped = false;
  {
    const std::lock_guard lock(shared_->guard);
    stopped = shared_->stopped;
  }
  if (!stopped) stop(std::chrono::seconds{1});
}

bool worker_pool::post(std::function<void()> task) {
  const std::lock_guard lock(shared_->guard);
  if (shared_->stopped) return false;
  shared_->tasks.push_back(std::move(task));
  if (shared_->idle < shared_->tasks.size() && shared_->threads < shared_->most) {
    try {
      quiet_thread([s = shared_] {
        this_threads_pool = s.get();
        shared::run(s);
      }).detach();
      ++shared_->threads;
    } catch (const std::system_error&) {
      if (shared_->threads == 0) {
        shared_->tasks.pop_back();
        return false;
      }
    }
  }
  shared_->work.notify_one();
  return true;
}

bool worker_pool::is_mine() const {
  return this_threads_pool == shared_.get();
}

bool worker_pool::is_busy() const {
  const std::lock_guard lock(shared_->guard);
  return !shared_->tasks.empty() || shared_->idle < shared_->threads;
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
