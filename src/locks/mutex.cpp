#include <dlock/mutex.hpp>

#include <algorithm>
#include <mutex>

#include <dlock/error.hpp>

#include "client/held_state.hpp"
#include "client/validate.hpp"
#include "util/clock.hpp"
#include "util/text.hpp"

namespace dlock {
namespace detail {

/// One participant: at most one acquisition in progress or held.
class lock_core {
 public:
  lock_core(std::shared_ptr<client_core> c, lock_settings s) : core(std::move(c)), settings(std::move(s)) {}
  lock_core(const lock_core&) = delete;
  lock_core& operator=(const lock_core&) = delete;
  ~lock_core() { let_go(core); }

  std::shared_ptr<client_core> core;
  const lock_settings settings;

  /// False if this object holds the lock or is acquiring it.
  [[nodiscard]] bool begin() {
    const std::lock_guard lock(guard_);
    if (acquiring_ || (current_ && !is_over(*current_))) return false;
    acquiring_ = true;
    return true;
  }
  void end(std::shared_ptr<lease_record> acquired) {
    const std::lock_guard lock(guard_);
    acquiring_ = false;
    if (acquired) current_ = std::move(acquired);
  }
  /// This object was the last to hold the lock, as far as it knows, and left it free.
  [[nodiscard]] bool left_free() {
    const std::lock_guard lock(guard_);
    return current_ && current_->left_free();
  }
  [[nodiscard]] std::shared_ptr<lease_record> current() {
    const std::lock_guard lock(guard_);
    return current_;
  }

 private:
  static bool is_over(const lease_record& r) {
    const auto phase = r.now();
    if (phase == lease_record::phase::held) return !r.held(now_ms());
    return phase != lease_record::phase::releasing;
  }

  std::mutex guard_;
  bool acquiring_ = false;
  std::shared_ptr<lease_record> current_;
};

}  // namespace detail

namespace {

using protocol::ms;

/// Ends the attempt whatever happens.
class attempt {
 public:
  explicit attempt(detail::lock_core& lock) : lock_(lock), began_(lock.begin()) {}
  attempt(const attempt&) = delete;
  attempt& operator=(const attempt&) = delete;
  ~attempt() {
    if (began_) lock_.end(std::move(record));
  }
  [[nodiscard]] bool began() const { return began_; }

  std::shared_ptr<lease_record> record;

 private:
  detail::lock_core& lock_;
  bool began_;
};

protocol::acquire_plan plan_of(detail::lock_core& lock) {
  const auto& s = lock.settings;
  protocol::acquire_plan plan;
  plan.ask = lock.core->blank_request(s.id);
  plan.ask.what = {.exclusive = true, .weight = 0};
  plan.ask.delta = s.exp_delta.count();
  plan.ask.term = std::min(s.exp_delta, s.wait_lock_period).count();
  plan.ask.life = std::max(s.exp_delta, 3 * s.wait_lock_period).count();
  plan.brief = lock.left_free();
  plan.wait_period = s.wait_lock_period.count();
  plan.patience = lock.core->options().operation_timeout.count();
  return plan;
}

}  // namespace

const char* to_string(outcome value) noexcept {
  switch (value) {
    case outcome::acquired:
      return "acquired";
    case outcome::busy:
      return "busy";
    case outcome::timed_out:
      return "timed_out";
    case outcome::cancelled:
      return "cancelled";
    case outcome::already_held:
      return "already_held";
  }
  return "unknown";
}

acquisition::acquisition(outcome what, lease held, std::optional<holder_info> holder)
    : result_(what), lease_(std::move(held)), holder_(std::move(holder)) {}

mutex::mutex(client& owner, lock_options options) {
  const auto& defaults = owner.options();  // throws if the client was moved from
  core_ = std::make_shared<detail::lock_core>(owner.core_, validated(options, defaults));
}
mutex::mutex(client& owner, std::string id) : mutex(owner, lock_options{.id = std::move(id)}) {}
mutex::~mutex() = default;
mutex::mutex(mutex&&) noexcept = default;
mutex& mutex::operator=(mutex&&) noexcept = default;

const std::string& mutex::id() const {
  return core_->settings.id;
}

acquisition mutex::try_acquire() {
  return acquire({.timeout = std::chrono::milliseconds{0}});
}

acquisition mutex::acquire(wait_options options) {
  auto& core = *core_->core;
  core.check_usable("cannot acquire lock " + quoted(id()));
  attempt here(*core_);
  if (!here.began()) return {outcome::already_held, {}, std::nullopt};
  auto plan = plan_of(*core_);
  plan.queue = !options.timeout || options.timeout->count() > 0;
  if (!plan.queue) {
    plan.deadline = now_ms() + plan.patience;
  } else if (options.timeout) {
    // 34 years: longer than any wait can be, and far from an overflow even in nanoseconds.
    constexpr ms kForEver = ms{1} << 40;
    plan.deadline = now_ms() + std::min<ms>(options.timeout->count(), kForEver);
  }
  auto got = core.acquire(std::move(plan), core_->settings.autorefresh, options);
  here.record = got.record;
  lease held = got.record ? lease(std::make_shared<detail::held_state>(core_->core, got.record)) : lease();
  return {got.what, std::move(held), std::move(got.holder)};
}

release_result mutex::release() {
  const auto record = core_->current();
  if (!record) return release_result::not_held;
  return core_->core->release(*record, 0, core_->core->options().operation_timeout.count());
}

}  // namespace dlock
