#include <dlock/election.hpp>

#include <dlock/error.hpp>

#include "locks/lock_core.hpp"
#include "runtime/subscribers.hpp"
#include "util/text.hpp"

namespace dlock {
namespace {

constexpr std::chrono::milliseconds kEndPatience{1000};

std::string checked(std::string value) {
  return checked_note("the leader's value", std::move(value));
}

}  // namespace

observation::observation() noexcept = default;
observation::observation(std::shared_ptr<detail::observer> o) noexcept : observer_(std::move(o)) {}
observation::observation(observation&&) noexcept = default;
observation& observation::operator=(observation&& other) noexcept {
  if (this != &other) {
    end();
    observer_ = std::move(other.observer_);
  }
  return *this;
}
observation::~observation() {
  end();
}

void observation::end() noexcept {
  if (observer_) observer_->end(kEndPatience);
  observer_.reset();
}

/// leader() and observers read what a majority has. So a resignation waits for a majority, too: otherwise such a read
/// just after it could still show the old leader.
election::election(client& owner, lock_options options) {
  options.durable_release = true;
  const auto& defaults = owner.options();  // throws if the client was moved from
  options.local_turns = 1;                 // a leader publishes a value, and others must hear of each
  options.linger = {};
  core_ = std::make_shared<detail::lock_core>(owner.core_, validated(options, defaults, *owner.core_->env()), 0, true);
}
election::election(client& owner, std::string id) : election(owner, lock_options{.id = std::move(id)}) {}
election::~election() = default;
election::election(election&&) noexcept = default;
election& election::operator=(election&&) noexcept = default;

const std::string& election::id() const {
  return core_->settings.id;
}

acquisition election::campaign(std::string value, wait_options options) {
  return core_->acquire(0, options, checked(std::move(value)));
}

void election::async_campaign(std::string value, wait_options options, acquire_callback callback) {
  detail::lock_core::acquire(core_, 0, options, std::move(callback), checked(std::move(value)));
}

bool election::proclaim(std::string value) {
  return core_->amend(std::nullopt, checked(std::move(value)),
                      "cannot proclaim a value in election " + in_quotes(id())) == detail::runtime::amended::done;
}

release_result election::resign() {
  return core_->release();
}

std::optional<leader_info> election::leader() const {
  const auto& core = *core_->core;
  const auto seen = core_->core->read({.id = id()}, "cannot see who leads election " + in_quotes(id()));
  return detail::info_of(engine::leader_of(seen, core.options().clock_skew.count()));
}

observation election::observe(leader_callback callback) {
  return observation(core_->core->observe(id(), core_->settings.wait_lock_period.count(), std::move(callback)));
}

}  // namespace dlock
