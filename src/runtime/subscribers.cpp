#include "runtime/subscribers.hpp"

#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <thread>

#include "util/text.hpp"

namespace dlock {
namespace detail {
namespace {
constexpr std::size_t kWaiting = 1000;
}

struct subscriber::shared {
  std::optional<std::string> id;
  event_callback callback;
  log_callback log;
  const pid_t pid = getpid();

  std::mutex guard;
  std::condition_variable idle;
  std::deque<lock_event> queue;
  bool running = false;
  bool ended = false;
  std::thread::id caller;  // set while the callback runs

  void call(const lock_event& e) {
    try {
      callback(e);
    } catch (const std::exception& x) {
      log(log_level::error,
          "the callback of a subscription to " + (id ? in_quotes(*id) : "all locks") + " threw: " + x.what());
    } catch (...) {
      log(log_level::error, "the callback of a subscription to " + (id ? in_quotes(*id) : "all locks") + " threw");
    }
  }

  void run() {
    std::unique_lock lock(guard);
    while (!ended && !queue.empty()) {
      const lock_event e = std::move(queue.front());
      queue.pop_front();
      caller = std::this_thread::get_id();
      lock.unlock();
      call(e);
      lock.lock();
      caller = {};
    }
    running = false;
    idle.notify_all();
  }
};

subscriber::subscriber(std::optional<std::string> id, event_callback callback, log_callback log,
                       std::shared_ptr<worker_pool> threads)
    : shared_(std::make_shared<shared>()), threads_(std::move(threads)) {
  shared_->id = std::move(id);
  shared_->callback = std::move(callback);
  shared_->log = std::move(log);
}

subscriber::~subscriber() = default;

void subscriber::deliver(const lock_event& e) {
  if (e.what != lock_event::kind::gap && shared_->id && *shared_->id != e.id) return;
  const std::lock_guard lock(shared_->guard);
  if (shared_->ended) return;
  auto& queue = shared_->queue;
  const bool full = queue.size() >= kWaiting;
  if (full && queue.back().what == lock_event::kind::gap) return;
  queue.push_back(full ? lock_event{.what = lock_event::kind::gap, .id = "", .token = 0, .who = "", .at = e.at} : e);
  if (!shared_->running) shared_->running = threads_->post_patiently([s = shared_] { s->run(); });
}

bool subscriber::has_ended() const {
  const std::lock_guard lock(shared_->guard);
  return shared_->ended;
}

bool subscriber::forked() const {
  return getpid() != shared_->pid;
}

void subscriber::end(std::chrono::milliseconds patience) {
  if (forked()) return;  // in a forked child: the threads belong to the parent
  std::deque<lock_event> unused;
  std::unique_lock lock(shared_->guard);
  const bool first = !shared_->ended;
  shared_->ended = true;
  unused.swap(shared_->queue);
  const auto me = std::this_thread::get_id();
  shared_->idle.wait_for(lock, patience, [&] { return !shared_->running || shared_->caller == me; });
  lock.unlock();
  if (first && on_end) on_end();
}

}  // namespace detail

void subscribers::add(const std::shared_ptr<detail::subscriber>& s) {
  const std::lock_guard lock(guard_);
  all_.push_back(s);
}

std::size_t subscribers::size() const {
  std::vector<std::shared_ptr<detail::subscriber>> now;  // perhaps the last references: destroyed after the unlock
  const std::lock_guard lock(guard_);
  std::size_t n = 0;
  for (const auto& weak : all_) {
    now.push_back(weak.lock());
    if (now.back() && !now.back()->has_ended()) ++n;
  }
  return n;
}

void subscribers::deliver(const lock_event& e) {
  std::vector<std::shared_ptr<detail::subscriber>> now;
  {
    const std::lock_guard lock(guard_);
    std::erase_if(all_, [](const auto& weak) { return weak.expired(); });
    for (const auto& weak : all_) {
      if (auto s = weak.lock()) now.push_back(std::move(s));
    }
  }
  for (const auto& s : now) s->deliver(e);
}

}  // namespace dlock
