#include <dlock/semaphore.hpp>

#include <algorithm>
#include <atomic>

#include <dlock/error.hpp>

#include "locks/lock_core.hpp"
#include "runtime/errors.hpp"
#include "util/text.hpp"

namespace dlock {
namespace {

constexpr std::int64_t kMost = 1'000'000;

std::int64_t checked(std::int64_t permits, const std::string& id) {
  if (permits >= 1 && permits <= kMost) return permits;
  throw error(errc::invalid_argument, "semaphore " + in_quotes(id) + " cannot have " + std::to_string(permits) +
                                          " permits; give a number from 1 to " + std::to_string(kMost));
}

}  // namespace

struct semaphore::state {
  state(std::shared_ptr<detail::runtime> c, lock_settings s, std::int64_t n)
      : core(std::move(c)), settings(std::move(s)), permits(n) {}
  state(const state&) = delete;
  state& operator=(const state&) = delete;
  ~state() { detail::drop(core); }

  std::shared_ptr<detail::runtime> core;
  const lock_settings settings;
  std::atomic<std::int64_t> permits;
};

semaphore::semaphore(client& owner, lock_options options, std::int64_t permits) {
  const auto& defaults = owner.options();  // throws if the client was moved from
  auto settings = validated(options, defaults, *owner.core_->env());
  const auto n = checked(permits, settings.id);
  state_ = std::make_shared<state>(owner.core_, std::move(settings), n);
}
semaphore::semaphore(client& owner, std::string id, std::int64_t permits)
    : semaphore(owner, lock_options{.id = std::move(id)}, permits) {}

const std::string& semaphore::id() const {
  return state_->settings.id;
}

std::int64_t semaphore::permits() const {
  return state_->permits;
}

claim semaphore::take(std::int64_t k) const {
  const auto permits = state_->permits.load();
  if (k < 1 || k > permits) {
    throw error(errc::invalid_argument, "cannot take " + std::to_string(k) + " permits of semaphore " +
                                            in_quotes(id()) + ", which has " + std::to_string(permits) +
                                            "; take 1 to " + std::to_string(permits));
  }
  return {std::make_shared<detail::lock_core>(state_->core, state_->settings, permits), k};
}

acquisition semaphore::try_acquire(std::int64_t k) {
  return acquire(k, {.timeout = std::chrono::milliseconds{0}});
}

acquisition semaphore::acquire(std::int64_t k, wait_options options) {
  return take(k).lock_->acquire(k, options);
}

void semaphore::async_acquire(std::int64_t k, wait_options options, acquire_callback callback) {
  take(k).async_acquire(std::move(options), std::move(callback));
}

void semaphore::async_try_acquire(std::int64_t k, acquire_callback callback) {
  take(k).async_try_acquire(std::move(callback));
}

std::optional<semaphore::resized> semaphore::resize(std::int64_t permits) {
  auto r = state_->core->blank_request(id());
  r.op = protocol::operation::resize;
  r.cap = checked(permits, id());
  r.observed = state_->settings.expiry == expiry::observed;
  const std::string doing = "cannot resize semaphore " + in_quotes(id());
  const auto until = state_->core->now() + state_->core->options().operation_timeout.count();
  for (;;) {
    // The server resizes only if `resized` names the last change of the capacity.
    const auto seen = state_->core->read({.id = id()}, doing, until);
    if (!seen.empty()) {
      r.resized = seen.front().what.resized;
      r.skew = std::max(r.skew, protocol::skew_of(seen.front().what));
    }
    const auto told = state_->core->ask(r, doing, until);
    if (told.other_expiry) detail::fail_other_expiry(doing, r.observed);
    if (told.found && told.cap != permits) {
      if (state_->core->now() < until) continue;
      throw error(
          errc::unavailable,
          doing + ": others resize it all the time; now it has " + std::to_string(told.cap) + " permits. Try again",
          {.retryable = true, .in_doubt = false});
    }
    state_->permits = permits;
    if (!told.found || told.holders + told.queue == 0) return std::nullopt;
    return resized{told.holders, told.queue};
  }
}

}  // namespace dlock
