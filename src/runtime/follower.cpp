#include "runtime/follower.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <system_error>

#include "util/boot_wait.hpp"
#include "util/clock.hpp"
#include "util/thread.hpp"

namespace dlock {
namespace {

constexpr std::chrono::milliseconds kFirstPause{100};
constexpr std::chrono::milliseconds kLongestPause{3000};

}  // namespace

struct follower::shared {
  std::shared_ptr<channel> where;
  channel::feed what;
  listener to;
  std::shared_ptr<health> state;
  health::part part;
  std::shared_ptr<environment> env;

  std::stop_source stop;
  mutable std::mutex guard;
  mutable std::condition_variable_any changed;
  bool open = false;
  channel::place place;  // only for the following thread

  void set_open(bool value) {
    const std::lock_guard lock(guard);
    open = value;
    changed.notify_all();
  }

  void run() {
    auto pause = kFirstPause;
    channel::callbacks callbacks;
    callbacks.gap = to.gap;
    callbacks.opened = [&] {
      pause = kFirstPause;
      if (stop.stop_requested()) return;
      state->works(part);
      set_open(true);
      to.opened(true);
    };
    callbacks.heard = [&](const bson_t* d) {
      if (!stop.stop_requested()) to.heard(d);
    };
    while (!stop.stop_requested()) {
      const answer a = where->follow(what, place, callbacks, stop.get_token());
      set_open(false);
      if (stop.stop_requested()) break;
      to.opened(false);
      state->fails(part, a.why);
      std::unique_lock lock(guard);
      (void)wait_until(*env, changed, lock, stop.get_token(), end_of_wait(env->now_ms(), pause), [] { return false; });
      pause = std::min(pause * 2, kLongestPause);
    }
  }
};

follower::follower(std::shared_ptr<channel> where, channel::feed what, listener to, std::shared_ptr<health> state,
                   health::part part, std::shared_ptr<environment> env)
    : shared_(std::make_shared<shared>()) {
  shared_->where = std::move(where);
  shared_->what = std::move(what);
  shared_->to = std::move(to);
  shared_->state = std::move(state);
  shared_->part = part;
  shared_->env = std::move(env);
  if (!thread_.post([s = shared_] { s->run(); })) shared_->state->fails(part, "no thread can be had");
}

follower::~follower() {
  if (!shared_->stop.stop_requested()) stop(std::chrono::milliseconds{300});
}

void follower::stop(std::chrono::milliseconds patience) {
  if (shared_->stop.request_stop()) {
    try {
      drop(quiet_thread("dlock-end", [s = shared_] { s->where->interrupt(s->place); }));  // it does I/O
    } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch): then follow() notices by itself
    }
    shared_->state->rests(shared_->part);
  }
  thread_.stop(patience);
}

bool follower::wait_until_open(std::chrono::milliseconds timeout) const {
  std::unique_lock lock(shared_->guard);
  auto& env = *shared_->env;
  return wait_until(env, shared_->changed, lock, shared_->stop.get_token(), end_of_wait(env.now_ms(), timeout),
                    [&] { return shared_->open; });
}

}  // namespace dlock
