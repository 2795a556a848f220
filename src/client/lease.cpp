#include <dlock/lease.hpp>

#include <algorithm>

#include <dlock/error.hpp>

#include "client/validate.hpp"
#include "runtime/lease_state.hpp"
#include "runtime/runtime.hpp"
#include "util/clock.hpp"
#include "util/text.hpp"

namespace dlock {
namespace {

constexpr std::chrono::milliseconds kDestructorPatience{5000};

const std::string& empty_text() {
  static const auto& text = *new std::string;
  return text;
}

[[noreturn]] void refuse_call(const std::string& doing, const std::string& why) {
  throw error(errc::invalid_argument, doing + ": " + why);
}

/// What the release owns is what it needs: the client lives until the answer, also if this lease was its last handle.
void release_in_background(const detail::held_state& state, protocol::ms patience) {
  using phase = detail::lease_state::phase;
  const phase now = state.record->now();
  if (now != phase::held && now != phase::lost) return;
  state.core->release(state.record, 0, patience,
                      [core = state.core](const std::exception_ptr& failure, release_result) {
                        try {
                          if (failure) std::rethrow_exception(failure);
                        } catch (const std::exception& e) {
                          core->log(log_level::warning, e.what());
                        }
                      });
}

/// Called at the end of the scope of a lease. Tries to give the lock back, and only logs a failure.
void abandon(detail::held_state& state) noexcept {
  auto& core = *state.core;
  if (core.forked()) return;
  try {
    const auto patience = std::min(core.options().operation_timeout, kDestructorPatience).count();
    if (state.in_background) return release_in_background(state, patience);
    (void)core.release(*state.record, 0, patience);
  } catch (const std::exception& e) {
    core.log(log_level::warning, e.what());
  }
}

}  // namespace

lease::lease() noexcept = default;
lease::lease(std::shared_ptr<detail::held_state> state) noexcept : state_(std::move(state)) {}
lease::lease(lease&&) noexcept = default;

lease& lease::operator=(lease&& other) noexcept {
  if (this != &other) {
    if (state_) abandon(*state_);
    state_ = std::move(other.state_);
  }
  return *this;
}

lease::~lease() {
  if (state_) abandon(*state_);
}

const std::string& lease::id() const {
  return state_ ? state_->record->lock() : empty_text();
}
const std::string& lease::owner() const {
  return state_ ? state_->record->owner() : empty_text();
}
std::int64_t lease::token() const {
  return state_ ? state_->record->token() : 0;
}

boot_clock::time_point lease::valid_until() const {
  return state_ ? from_ms(state_->record->valid_until()) : boot_clock::time_point{};
}

std::chrono::milliseconds lease::valid_for() const {
  if (!state_ || state_->core->forked()) return std::chrono::milliseconds{0};
  const auto now = state_->core->now();
  if (!state_->record->held(now)) return std::chrono::milliseconds{0};
  return std::chrono::milliseconds{std::max<protocol::ms>(0, state_->record->valid_until() - now)};
}

bool lease::held() const {
  return valid_for().count() > 0;
}

void lease::check() const {
  if (held()) return;
  if (!state_) throw error(errc::not_held, "the lease is empty: it holds no lock; acquire one first");
  const std::string lock = "lock " + in_quotes(id());
  if (state_->core->forked()) {
    throw error(errc::forked, lock + " belongs to the parent process; acquire it with a client of this process");
  }
  // At its end a lease is not held, and its loss may be told a moment later.
  const auto now = state_->record->now();
  using phase = detail::lease_state::phase;
  if (now != phase::held && now != phase::lost)
    throw error(errc::not_held, lock + " was released: it is not held any more; acquire it again");
  const std::string why = loss();
  throw error(errc::not_held, lock + " was lost: " + (why.empty() ? "its lease ended" : why) +
                                  "; another may hold it, so stop what it guards");
}

std::stop_token lease::lost() const {
  return state_ ? state_->record->lost() : std::stop_token{};
}

std::string lease::loss() const {
  return state_ ? state_->record->loss() : std::string();
}

loss_reason lease::reason() const {
  return state_ ? state_->record->reason() : loss_reason::none;
}

void lease::on_lost(std::function<void()> callback) {
  if (!callback) refuse_call("on_lost", "the callback is empty; give a function");
  if (state_ && !state_->core->forked()) state_->core->on_lost(*state_->record, std::move(callback));
}

void lease::on_trouble(trouble_callback callback) {
  if (!callback) refuse_call("on_trouble", "the callback is empty; give a function");
  if (state_ && !state_->core->forked()) state_->core->on_trouble(*state_->record, std::move(callback));
}

bool lease::set_note(std::string note) {
  note = checked_note("note", std::move(note));
  if (!state_) return false;
  const std::string doing = "cannot set the note of lock " + in_quotes(id());
  state_->core->check_usable(doing);
  return state_->core->amend(id(), state_->record->hold(), std::nullopt, std::move(note), false, doing) ==
         detail::runtime::amended::done;
}

release_result lease::release() {
  return state_ ? release(state_->core->options().operation_timeout) : release_result::not_held;
}

release_result lease::release(std::chrono::milliseconds timeout) {
  return release_at_least({}, timeout);
}

void lease::async_release(release_callback callback) {
  if (!state_) refuse_call("async_release", "the lease is empty: it holds no lock; acquire one first");
  if (!callback) refuse_call("cannot release lock " + in_quotes(id()), "the callback is empty; give a function");
  const auto patience = state_->core->options().operation_timeout.count();
  state_->core->release(state_->record, 0, patience,
                        [core = state_->core, done = std::move(callback)](
                            const std::exception_ptr& failure, release_result what) { done(failure, what); });
  state_->in_background = true;
}

release_result lease::release_at_least(std::chrono::milliseconds at_least, std::chrono::milliseconds timeout) {
  check_release("cannot release lock " + in_quotes(id()), at_least, timeout);
  timeout = std::min(timeout, longest_time);
  return state_ ? state_->core->release(*state_->record, at_least.count(), timeout.count()) : release_result::not_held;
}

}  // namespace dlock
