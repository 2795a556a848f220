#include "locks/lock_core.hpp"

#include <algorithm>

#include "runtime/lease_state.hpp"
#include "runtime/runtime.hpp"
#include "util/clock.hpp"
#include "util/text.hpp"

namespace dlock {
namespace detail {
namespace {

using protocol::ms;

protocol::claim claim_of(std::int64_t weight) {
  return {.exclusive = weight == 0, .weight = weight};
}

bool is_over(const lease_state& r, ms now) {
  const auto phase = r.now();
  if (phase == lease_state::phase::held) return !r.held(now);
  return phase != lease_state::phase::releasing;
}

}  // namespace

/// Ends the attempt on every path, also after an exception.
class lock_core::attempt {
 public:
  explicit attempt(lock_core& lock) : lock_(lock), began_(lock.begin()) {}
  attempt(const attempt&) = delete;
  attempt& operator=(const attempt&) = delete;
  ~attempt() {
    if (began_) lock_.end(std::move(record));
  }
  [[nodiscard]] bool began() const { return began_; }

  std::shared_ptr<lease_state> record;

 private:
  lock_core& lock_;
  bool began_;
};

/// False if this object holds the lock or is acquiring it.
bool lock_core::begin() {
  const std::lock_guard lock(guard_);
  if (acquiring_ || (current_ && !is_over(*current_, core->now()))) return false;
  acquiring_ = true;
  return true;
}

void lock_core::end(std::shared_ptr<lease_state> acquired) {
  const std::lock_guard lock(guard_);
  acquiring_ = false;
  if (acquired) current_.swap(acquired);  // the old record goes without the mutex: its callbacks may own anything
}

std::shared_ptr<lease_state> lock_core::current() {
  const std::lock_guard lock(guard_);
  return current_;
}

protocol::acquire_plan lock_core::plan(std::int64_t weight, const wait_options& options, std::string value) {
  const auto& s = settings;
  protocol::acquire_plan plan;
  plan.ask = core->blank_request(s.id);
  plan.ask.what = claim_of(weight);
  plan.ask.cap = capacity;
  plan.ask.value = value.empty() ? s.note : std::move(value);
  plan.ask.delta = s.exp_delta.count();
  plan.ask.term = std::min(s.exp_delta, s.wait_lock_period).count();
  plan.ask.life = std::max(s.exp_delta, 3 * s.wait_lock_period).count();
  plan.ask.observed = s.expiry == expiry::observed;
  plan.ask.early = !s.durable_release;
  plan.renews = s.autorefresh;
  plan.local_turns = weight == 0 ? s.local_turns : 1;
  plan.linger = weight == 0 && capacity == 0 ? s.linger.count() : 0;
  plan.wait_period = s.wait_lock_period.count();
  using kind = lock_metrics::kind;
  const auto what = elects         ? kind::election
                    : capacity > 0 ? kind::permits
                    : weight > 0   ? kind::shared
                                   : kind::exclusive;
  plan.row = core->row_of(what, s.id);
  plan.patience = core->options().operation_timeout.count();
  plan.queue = !options.timeout || options.timeout->count() > 0;
  if (!plan.queue) {
    plan.deadline = core->now() + plan.patience;
  } else if (options.timeout) {
    plan.deadline = end_of_wait(core->now(), *options.timeout);
  }
  return plan;
}

acquisition lock_core::acquire(std::int64_t weight, const wait_options& options, std::string value) {
  core->check_usable("cannot acquire lock " + in_quotes(settings.id));
  attempt here(*this);
  if (!here.began()) return {outcome::already_held, {}, std::nullopt};
  auto got = core->acquire(plan(weight, options, std::move(value)), options);
  here.record = got.record;
  return {got.what, got.record ? claimed::make_lease(core, got.record) : lease(), std::move(got.holder)};
}

void lock_core::acquire(const std::shared_ptr<lock_core>& lock, std::int64_t weight, const wait_options& options,
                        acquire_callback done, std::string value) {
  const std::string& id = lock->settings.id;
  if (!done)
    throw error(errc::invalid_argument,
                "cannot acquire lock " + in_quotes(id) + ": the callback is empty; give a function");
  lock->core->check_usable("cannot acquire lock " + in_quotes(id));
  struct pending {
    pending(const std::shared_ptr<lock_core>& l, acquire_callback d) : lock(l), here(*l), done(std::move(d)) {}
    const std::shared_ptr<lock_core> lock;
    std::optional<attempt> here;
    const acquire_callback done;
  };
  const auto p = std::make_shared<pending>(lock, std::move(done));
  if (!p->here->began()) {
    return lock->core->complete(id, [p] { p->done({}, acquisition{outcome::already_held, {}, std::nullopt}); });
  }
  lock->core->acquire(lock->plan(weight, options, std::move(value)), options,
                      [p](const std::exception_ptr& failure, runtime::acquired got) {
                        lease held;
                        if (got.record) held = claimed::make_lease(p->lock->core, got.record, true);
                        p->here->record = std::move(got.record);
                        p->here.reset();
                        p->done(failure, {got.what, std::move(held), std::move(got.holder)});
                      });
}

release_result lock_core::release() {
  core->check_process("cannot release lock " + in_quotes(settings.id));
  const auto record = current();
  if (!record) return release_result::not_held;
  return core->release(*record, 0, core->options().operation_timeout.count());
}

runtime::amended lock_core::amend(std::optional<std::int64_t> weight, std::optional<std::string> value,
                                  const std::string& doing) {
  core->check_usable(doing);
  const auto record = current();
  if (!record) return runtime::amended::not_held;
  const auto what = weight ? std::optional(claim_of(*weight)) : std::nullopt;
  return core->amend(settings.id, record->hold(), what, std::move(value), true, doing);
}

lease claimed::make_lease(std::shared_ptr<runtime> core, std::shared_ptr<lease_state> record, bool in_background) {
  return lease(std::make_shared<held_state>(std::move(core), std::move(record), in_background));
}

void claimed::give_back(std::vector<lease>& all, ms until) noexcept {
  for (auto& each : all) {
    // The lease's destructor must have nothing left to do, because it has its own time limit.
    const auto state = std::move(each.state_);
    if (!state || state->core->forked()) continue;
    try {
      (void)state->core->release(*state->record, 0, std::max<ms>(until - state->core->now(), 1));
    } catch (const std::exception& e) {
      state->core->log(log_level::warning, e.what());
    }
  }
  all.clear();
}

}  // namespace detail

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

claim::claim(std::shared_ptr<detail::lock_core> lock, std::int64_t weight) : lock_(std::move(lock)), weight_(weight) {}

void claim::async_acquire(wait_options options, acquire_callback done) const {
  detail::lock_core::acquire(lock_, weight_, options, std::move(done));
}

void claim::async_try_acquire(acquire_callback done) const {
  async_acquire({.timeout = std::chrono::milliseconds{0}}, std::move(done));
}

const std::string& claim::id() const {
  return lock_->settings.id;
}

}  // namespace dlock
