#include "locks/observer.hpp"

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <dlock/error.hpp>

#include "util/boot_wait.hpp"
#include "util/clock.hpp"
#include "util/text.hpp"

namespace dlock::detail {

using protocol::ms;
using std::chrono::milliseconds;

leader_seen look_for_leader(runtime& core, const std::string& id) {
  const ms sent = core.now();
  const auto seen =
      core.read({.id = id, .prefix = {}, .after = {}, .most = 1}, "cannot see who leads election " + in_quotes(id));
  if (seen.empty() || !seen.front().valid) return {};
  const auto& s = seen.front();
  const ms skew = core.options().clock_skew.count();
  if (s.what.ct != s.what.mine || s.what.holders.empty()) return {};
  const bool timed = !s.what.observed;  // with observed expiry, no clock says when it ends
  if (timed && s.what.holders.front().until + skew <= s.now) return {};
  const auto& h = s.what.holders.front();
  if (h.is_kept()) return {};
  return {leader_info{.who = h.who, .value = h.value, .token = h.fence, .since = system_time(h.since)},
          timed ? std::optional(sent + h.until + skew - s.now) : std::nullopt,
          timed ? std::nullopt : std::optional(protocol::sign{h.id, h.beat, h.span})};
}

struct observer::shared {
  std::weak_ptr<runtime> core;
  std::string id;
  ms period = 0;
  leader_callback callback;
  std::stop_token closing;
  std::shared_ptr<environment> env;
  protocol::observation watched;
  const pid_t pid = getpid();

  std::mutex guard;
  std::condition_variable changed;
  bool looking = false;  // an event has come
  bool ended = false;
  bool running = true;
  std::thread::id thread;

  void nudge() {
    const std::lock_guard lock(guard);
    looking = true;
    changed.notify_all();
  }

  void stop() {
    const std::lock_guard lock(guard);
    ended = true;
    changed.notify_all();
  }

  [[nodiscard]] bool has_ended() {
    const std::lock_guard lock(guard);
    return ended;
  }

  void call(const runtime& with, const std::optional<leader_info>& who) {
    try {
      callback(who);
    } catch (const std::exception& e) {
      with.log(log_level::error, "the callback of an observation of " + in_quotes(id) + " threw: " + e.what());
    } catch (...) {
      with.log(log_level::error, "the callback of an observation of " + in_quotes(id) + " threw");
    }
  }

  /// Polls once, and returns the time of the next poll. `told`: what the callback was told last.
  ms look(std::optional<std::optional<leader_info>>& told) {
    const auto c = core.lock();
    if (!c) throw error(errc::closed, "the client is gone");
    const auto seen = look_for_leader(*c, id);
    auto who = seen.who;  // no structured binding: before clang 16, a lambda cannot capture one
    auto ends = seen.ends;
    if (seen.sign) {
      watched.saw({*seen.sign}, env->now_ms());
      if (watched.over(env->now_ms(), {}).empty()) {
        ends = watched.next({});
      } else {
        who.reset();
      }
    }
    const auto same = [&](const std::optional<leader_info>& was) {
      return was.has_value() == who.has_value() && (!who || (was->token == who->token && was->value == who->value));
    };
    if ((!told || !same(*told)) && !has_ended()) {
      told = who;
      call(*c, who);
    }
    const auto next = env->now_ms() + period;
    return ends ? std::min(next, std::max(*ends + 1, env->now_ms() + 10)) : next;
  }

  void run() {
    {
      const std::lock_guard lock(guard);
      thread = std::this_thread::get_id();
    }
    const std::stop_callback on_close(closing, [this] { stop(); });
    std::optional<std::optional<leader_info>> told;
    for (;;) {
      ms next = env->now_ms() + period;
      try {
        next = look(told);
      } catch (const error& e) {
        if (e.code() == errc::closed || e.code() == errc::forked) break;
        if (const auto c = core.lock()) c->log(log_level::warning, e.what());
      }
      std::unique_lock lock(guard);
      (void)wait_until(*env, changed, lock, next, [&] { return ended || looking; });
      if (ended) break;
      looking = false;
    }
    const std::lock_guard lock(guard);
    running = false;
    changed.notify_all();
  }
};

observer::observer(std::shared_ptr<runtime> core, std::string id, milliseconds period, leader_callback callback)
    : shared_(std::make_shared<shared>()), core_(std::move(core)) {
  shared_->core = core_;
  shared_->id = std::move(id);
  shared_->period = period.count();
  shared_->callback = std::move(callback);
  shared_->closing = core_->closing();
  shared_->env = core_->env();
  events_ = core_->subscribe(shared_->id, [s = shared_](const lock_event&) { s->nudge(); });
  if (core_->in_background([s = shared_] { s->run(); })) return;
  events_->end(milliseconds{0});
  throw error(errc::unavailable, "cannot observe election " + in_quotes(shared_->id) + ": no thread can be had for it",
              {.retryable = true});
}

observer::~observer() {
  drop(core_);
}

void observer::end(milliseconds patience) {
  if (getpid() != shared_->pid) return;  // in a forked child: the threads belong to the parent
  events_->end(milliseconds{0});
  shared_->stop();
  std::unique_lock lock(shared_->guard);
  if (shared_->thread == std::this_thread::get_id()) return;
  shared_->changed.wait_for(lock, patience, [&] { return !shared_->running; });
}

}  // namespace dlock::detail
