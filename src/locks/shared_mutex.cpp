#include <dlock/shared_mutex.hpp>

#include "locks/lock_core.hpp"
#include "util/text.hpp"

namespace dlock {
namespace {

constexpr std::int64_t kExclusive = 0;
constexpr std::int64_t kShared = 1;  // the lock has no capacity, so any number of these fits

}  // namespace

const char* to_string(downgrade_result value) noexcept {
  switch (value) {
    case downgrade_result::downgraded:
      return "downgraded";
    case downgrade_result::not_held:
      return "not_held";
    case downgrade_result::lost:
      return "lost";
  }
  return "unknown";
}

shared_mutex::shared_mutex(client& owner, lock_options options) {
  const auto& defaults = owner.options();  // throws if the client was moved from
  core_ = std::make_shared<detail::lock_core>(owner.core_, validated(options, defaults, *owner.core_->env()));
}
shared_mutex::shared_mutex(client& owner, std::string id) : shared_mutex(owner, lock_options{.id = std::move(id)}) {}
shared_mutex::~shared_mutex() = default;
shared_mutex::shared_mutex(shared_mutex&&) noexcept = default;
shared_mutex& shared_mutex::operator=(shared_mutex&&) noexcept = default;

const std::string& shared_mutex::id() const {
  return core_->settings.id;
}

acquisition shared_mutex::try_acquire() {
  return acquire({.timeout = std::chrono::milliseconds{0}});
}

acquisition shared_mutex::acquire(wait_options options) {
  return core_->acquire(kExclusive, options);
}

acquisition shared_mutex::try_acquire_shared() {
  return acquire_shared({.timeout = std::chrono::milliseconds{0}});
}

acquisition shared_mutex::acquire_shared(wait_options options) {
  return core_->acquire(kShared, options);
}

void shared_mutex::async_acquire(wait_options options, acquire_callback callback) {
  exclusive().async_acquire(std::move(options), std::move(callback));
}

void shared_mutex::async_try_acquire(acquire_callback callback) {
  exclusive().async_try_acquire(std::move(callback));
}

void shared_mutex::async_acquire_shared(wait_options options, acquire_callback callback) {
  shared().async_acquire(std::move(options), std::move(callback));
}

void shared_mutex::async_try_acquire_shared(acquire_callback callback) {
  shared().async_try_acquire(std::move(callback));
}

downgrade_result shared_mutex::downgrade() {
  using detail::runtime;
  switch (core_->amend(kShared, std::nullopt, "cannot downgrade lock " + in_quotes(id()))) {
    case runtime::amended::done:
      return downgrade_result::downgraded;
    case runtime::amended::not_held:
      return downgrade_result::not_held;
    case runtime::amended::lost:
    case runtime::amended::edited:  // amend() throws then
      return downgrade_result::lost;
  }
  return downgrade_result::lost;
}

release_result shared_mutex::release() {
  return core_->release();
}

claim shared_mutex::exclusive() const {
  return {core_, kExclusive};
}

claim shared_mutex::shared() const {
  return {core_, kShared};
}

}  // namespace dlock
