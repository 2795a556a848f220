#include "runtime/follower.hpp"

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <system_error>

#include "util/boot_wait.hpp"
#include "util/thread.hpp"

namespace dlock {

struct follower::shared {
  std::shared_ptr<channel> where;
  channel::feed what;
  listener to;
  std::shared_ptr<environment> env;

  std::stop_source stop = {};
  std::mutex guard = {};
  std::condition_variable_any changed = {};
  channel::place place = {};  // only for the following thread

  void run() {
    channel::callbacks callbacks;
    callbacks.gap = to.gap;
    callbacks.opened = [&] {
      if (!stop.stop_requested()) to.opened();
    };
    callbacks.heard = [&](const bson_t* d) {
      if (!stop.stop_requested()) to.heard(d);
    };
    while (!stop.stop_requested()) {
      const answer a = where->follow(what, place, callbacks, stop.get_token());
      if (stop.stop_requested()) break;
      const auto again = to.broke(a.why);
      std::unique_lock lock(guard);
      (void)wait_until(*env, changed, lock, stop.get_token(), again, [] { return false; });
    }
  }
};

follower::follower(std::shared_ptr<channel> where, channel::feed what, listener to, std::shared_ptr<environment> env)
    : shared_(new shared{std::move(where), std::move(what), std::move(to), std::move(env)}) {}

follower::~follower() {
  if (!shared_->stop.stop_requested()) stop(std::chrono::milliseconds{300});
}

bool follower::start() {
  return thread_.post([s = shared_] { s->run(); });
}

void follower::stop(std::chrono::milliseconds patience) {
  if (shared_->stop.request_stop()) {
    try {
      drop(thread_without_signals("dlock-end", [s = shared_] { s->where->interrupt(s->place); }));  // it does I/O
    } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch): then follow() notices by itself
    }
  }
  thread_.stop(patience);
}

}  // namespace dlock
