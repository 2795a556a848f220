#include "client/lease_record.hpp"

#include <algorithm>

#include <dlock/text.hpp>

namespace dlock {
namespace {

/// Someone must hear of a loss even if no thread can be had for it. No copy stays behind: what a callback owns, perhaps
/// the client itself, goes on the thread that called it.
void tell(worker_pool& notices, std::function<void()> notice) {
  if (!notices.post(std::move(notice))) notice();
}

}  // namespace

lease_record::lease_record(protocol::request ask, grant granted, protocol::ms valid_until)
    : ask_(std::move(ask)), granted_(granted), valid_until_(valid_until) {}

protocol::request lease_record::ask(protocol::operation op) const {
  protocol::request r = ask_;
  r.op = op;
  return r;
}

void lease_record::extend(protocol::ms valid_until) {
  const std::lock_guard lock(guard_);
  if (phase_ == phase::held && valid_until > valid_until_) valid_until_ = valid_until;
}

bool lease_record::held(protocol::ms now) const {
  return phase_ == phase::held && now < valid_until();
}

lease_record::phase lease_record::now() const {
  return phase_;
}

lease_record::phase lease_record::begin_release() {
  const std::lock_guard lock(guard_);
  const phase found = phase_;
  if (found == phase::held || found == phase::in_doubt) phase_ = phase::releasing;
  return found;
}

protocol::ms lease_record::keep_at_least(protocol::ms keep) {
  const std::lock_guard lock(guard_);
  return keep_ = std::max(keep_, keep);
}

void lease_record::end_release(phase result) {
  std::vector<std::function<void()>> unused;  // what they own may be this very lease: they go without the lock
  const std::lock_guard lock(guard_);
  phase_ = result;
  unused.swap(callbacks_);
}

void lease_record::lose(worker_pool& notices, loss_reason reason, const std::string& why) {
  std::vector<std::function<void()>> callbacks;
  {
    const std::lock_guard lock(guard_);
    if (phase_ != phase::held) return;
    loss_ = printable(why);  // anybody may have written a part of it
    reason_ = reason;
    phase_ = phase::lost;
    callbacks.swap(callbacks_);
  }
  // A thread each: one that blocks for ever keeps no other waiting.
  tell(notices, [stop = stop_]() mutable { stop.request_stop(); });
  for (auto& callback : callbacks) tell(notices, std::move(callback));
}

std::string lease_record::loss() const {
  const std::lock_guard lock(guard_);
  return loss_;
}

loss_reason lease_record::reason() const {
  const std::lock_guard lock(guard_);
  return reason_;
}

void lease_record::on_lost(std::function<void()> callback, worker_pool& notices) {
  {
    const std::lock_guard lock(guard_);
    if (phase_ == phase::held) {
      callbacks_.push_back(std::move(callback));
      return;
    }
    if (phase_ != phase::lost) return;
  }
  tell(notices, std::move(callback));
}

}  // namespace dlock
