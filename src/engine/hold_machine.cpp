#include "engine/hold_machine.hpp"

#include <algorithm>
#include <utility>

namespace dlock::engine {
namespace {

constexpr ms kAskAgain = 100;
constexpr int kLooks = 10;
constexpr ms kFresh = 100;

}  // namespace

hold_machine::hold_machine(protocol::lease_schedule schedule, std::optional<ms> confirmed) noexcept
    : schedule_(schedule), renews_(schedule.next_renewal() != never), confirmed_(confirmed) {}

bool hold_machine::is_fresh(ms now) const noexcept {
  return confirmed_ && now < *confirmed_ + kFresh && is_sure();
}

ms hold_machine::due() const noexcept {
  return std::min(suspended_ ? never : schedule_.next_renewal(), ask_at_);
}

ms hold_machine::next() const noexcept {
  return asking_ ? valid_until() : std::min(valid_until(), due());
}

hold_machine::action hold_machine::look(ms now) {
  if (valid_until() <= now) {
    why_ = by_time();
    return action::lose;
  }
  if (asking_ || due() > now) return action::nothing;
  asking_ = true;
  ask_at_ = never;
  return action::ask;
}

bool hold_machine::join(ms now) noexcept {
  if (asking_ || peeks_ || suspended_ || valid_until() <= now || !schedule_.is_due_soon(now)) return false;
  asking_ = true;
  return true;
}

protocol::operation hold_machine::send() noexcept {
  sent_ = true;
  renewing_ = !peeks_;  // a peek does not extend the lease
  return renewing_ ? protocol::operation::renew : protocol::operation::peek;
}

/// Right after an election, a peek may show an old state: from before the grant, or from before the revocation. So it
/// is repeated.
bool hold_machine::is_gone(bool there, ms now) noexcept {
  if (renewing_) return !there;
  const bool gone = !there && unseen_;
  unseen_ = !there;
  if (ask_at_ == never && (--looks_ > 0 || unseen_)) ask_at_ = now + kAskAgain;
  return gone;
}

hold_machine::effect hold_machine::answered(const protocol::reply& r, ms sent, ms now) {
  asking_ = sent_ = false;
  const bool marked = r.mine && r.mine->revoked;
  const bool over = valid_until() <= now;
  if (marked || is_gone(r.mine.has_value(), now)) {
    // This process may have been stopped before or during the request. Then somebody else may already hold the lock.
    why_ = revoked_by_ ? loss::revoked : over ? by_time() : loss::gone;
    return effect::lost;
  }
  if (ask_at_ == never) {  // the notice was not true
    revoked_by_.reset();
    clock_is_odd_ = false;
  }
  if (over) return effect::too_late;  // somebody may have seen that it is over: look() reports it next
  if (!peeks_) confirmed_ = sent;
  in_trouble_ = false;
  if (!peeks_) schedule_.renewed(sent);
  return effect::held;
}

void hold_machine::not_sent(ms now) noexcept {
  asking_ = sent_ = false;
  schedule_.unanswered(now);
  if (peeks_ && (looks_ > 0 || unseen_)) ask_at_ = now + kAskAgain;
}

bool hold_machine::unanswered(ms now) {
  not_sent(now);
  return !std::exchange(in_trouble_, true);
}

void hold_machine::notice(std::string by, ms now) {
  revoked_by_ = std::move(by);
  ask_at_ = now;
  looks_ = kLooks;
}

void hold_machine::clock_was_set(ms now) noexcept {
  clock_is_odd_ = true;
  ask_at_ = now;
  looks_ = std::max(looks_, 1);
}

}  // namespace dlock::engine
