#include <dlock/mutex.hpp>

#include "locks/lock_core.hpp"

namespace dlock {

mutex::mutex(client& owner, lock_options options) {
  const auto& defaults = owner.options();  // throws if the client was moved from
  core_ = std::make_shared<detail::lock_core>(owner.core_, validated(options, defaults, *owner.core_->env()));
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
  return core_->acquire(0, options);
}

void mutex::async_acquire(wait_options options, acquire_callback callback) {
  claim(*this).async_acquire(std::move(options), std::move(callback));
}

void mutex::async_try_acquire(acquire_callback callback) {
  claim(*this).async_try_acquire(std::move(callback));
}

release_result mutex::release() {
  return core_->release();
}

mutex::operator claim() const {
  return {core_, 0};
}

}  // namespace dlock
