#include "shared_read.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace dlock::cli {

struct shared_read::state {
  std::function<std::string()> read;
  std::chrono::milliseconds fresh;
  std::mutex guard;
  std::condition_variable asked;
  std::vector<std::function<void(text)>> waiting;
  text last;
  std::chrono::steady_clock::time_point read_at;
};

shared_read::shared_read(std::function<std::string()> read, std::chrono::milliseconds fresh)
    : state_(std::make_shared<state>()) {
  state_->read = std::move(read);
  state_->fresh = fresh;
  std::thread(run, state_).detach();
}

void shared_read::get(std::function<void(text)> done) {
  text known;
  {
    const std::lock_guard lock(state_->guard);
    const bool is_fresh = state_->last && std::chrono::steady_clock::now() - state_->read_at < state_->fresh;
    if (is_fresh) {
      known = state_->last;
    } else {
      state_->waiting.push_back(std::move(done));
    }
  }
  if (known) return done(std::move(known));
  state_->asked.notify_one();
}

void shared_read::run(const std::shared_ptr<state>& s) {
  std::unique_lock lock(s->guard);
  for (;;) {
    s->asked.wait(lock, [&] { return !s->waiting.empty(); });
    lock.unlock();
    const auto got = std::make_shared<const std::string>(s->read());
    lock.lock();
    s->last = got;
    s->read_at = std::chrono::steady_clock::now();
    const auto told = std::exchange(s->waiting, {});
    lock.unlock();
    for (const auto& done : told) done(got);
    lock.lock();
  }
}

}  // namespace dlock::cli
