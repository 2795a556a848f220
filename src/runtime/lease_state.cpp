#include "runtime/lease_state.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <dlock/text.hpp>

#include "runtime/monitor.hpp"
#include "runtime/runtime.hpp"

namespace dlock::detail {
namespace {

struct told_loss {
  loss_reason reason;
  std::string text;
};

told_loss loss_of(const engine::hold_changed& c) {
  switch (c.why) {
    case engine::loss::not_renewed:
      return {loss_reason::expired, not_renewed};
    case engine::loss::ended:
      return {loss_reason::expired, over_without_autorefresh};
    case engine::loss::gone:
      return {loss_reason::removed, no_longer_ours};
    case engine::loss::revoked:
      return {loss_reason::revoked, "it was revoked by " + c.by};
  }
  return {loss_reason::removed, no_longer_ours};
}

}  // namespace

lease_state::lease_state(std::weak_ptr<monitor> of, engine::hold_id hold, const engine::client::lease& granted)
    : of_(std::move(of)),
      hold_(hold),
      lock_(granted.ask.lock),
      owner_(granted.owner()),
      token_(granted.token),
      valid_until_(granted.machine.valid_until()) {}

lease_state::~lease_state() {
  if (const auto m = of_.lock()) m->drop(hold_);
}

bool lease_state::change(const engine::hold_changed& c, callbacks& unused) {
  const std::lock_guard lock(guard_);
  const phase before = phase_;
  if (c.now == phase::held) {
    valid_until_ = std::max<protocol::ms>(valid_until_, c.valid_until);
    return false;
  }
  const bool lost = before == phase::held && c.now == phase::lost;
  if (lost) {
    auto [reason, text] = loss_of(c);
    loss_ = printable(text);  // part of the text may come from anybody
    reason_ = reason;
  }
  phase_ = c.now;
  if (!lost && c.now != phase::releasing) {
    unused.insert(unused.end(), std::move_iterator(callbacks_.begin()), std::move_iterator(callbacks_.end()));
    callbacks_.clear();
    retire_troubles(unused);
  }
  return lost;
}

/// Does not keep a copy of a callback. So what a callback owns, perhaps the client itself, is destroyed on the thread
/// that called it.
lease_state::callbacks lease_state::tell_loss(worker_pool& notices) {
  callbacks all;
  {
    const std::lock_guard lock(guard_);
    told_ = true;
    all.swap(callbacks_);
    retire_troubles(all);
  }
  all.insert(all.begin(), [stop = stop_]() mutable { stop.request_stop(); });
  callbacks left;
  for (auto& callback : all) {  // each on its own thread: one that blocks for ever does not delay the others
    if (!notices.post(std::move(callback))) left.push_back(std::move(callback));
  }
  return left;
}

void lease_state::on_lost(std::function<void()> callback, worker_pool& notices) {
  {
    const std::lock_guard lock(guard_);
    const bool will_be_told = phase_ == phase::held || (reason_ != loss_reason::none && !told_);
    if (will_be_told) {
      callbacks_.push_back(std::move(callback));
      return;
    }
    if (!told_) return;  // it was released
  }
  if (!notices.post(std::move(callback))) callback();
}

void lease_state::on_trouble(trouble_callback callback) {
  auto shared = std::make_shared<const trouble_callback>(std::move(callback));
  const std::lock_guard lock(guard_);
  if (phase_ == phase::held) troubles_.push_back(std::move(shared));
}

void lease_state::tell_trouble(worker_pool& notices, protocol::ms left) {
  std::vector<std::shared_ptr<const trouble_callback>> all;
  {
    const std::lock_guard lock(guard_);
    if (phase_ == phase::held) all = troubles_;
  }
  const std::chrono::milliseconds time{std::max<protocol::ms>(left, 0)};
  for (auto& each : all) (void)notices.post([callback = std::move(each), time] { (*callback)(time); });
}

void lease_state::retire_troubles(callbacks& to) {
  if (troubles_.empty()) return;
  to.push_back([old = std::exchange(troubles_, {})] {});
}

std::string lease_state::loss() const {
  const std::lock_guard lock(guard_);
  return loss_;
}

loss_reason lease_state::reason() const {
  const std::lock_guard lock(guard_);
  return reason_;
}

held_state::held_state(std::shared_ptr<runtime> c, std::shared_ptr<lease_state> r, bool in_the_background)
    : core(std::move(c)), record(std::move(r)), in_background(in_the_background) {}

held_state::~held_state() {
  drop(core);
}

}  // namespace dlock::detail
