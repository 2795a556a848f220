#include "runtime/monitor.hpp"

#include <unistd.h>

#include <algorithm>

#include "util/boot_wait.hpp"
#include "util/text.hpp"

namespace dlock::detail {
namespace {

using protocol::ms;

constexpr std::size_t kNoticeSenders = 4;
constexpr std::size_t kCompleters = 8;
constexpr ms kSlice = 100;

}  // namespace

monitor::monitor(parts of, engine::client::settings s)
    : env_(std::move(of.env)),
      where_(std::move(of.where)),
      channel_(std::move(of.notices)),
      name_(std::move(of.channel_name)),
      id_(s.id),
      io_(std::move(of.io)),
      callbacks_(std::move(of.callbacks)),
      completions_(std::make_shared<worker_pool>(kCompleters, "dlock-done")),
      renewers_(std::make_shared<worker_pool>(renewal_lanes, "dlock-renew")),
      notice_senders_(std::make_shared<worker_pool>(kNoticeSenders, "dlock-tell")),
      publisher_(std::make_shared<worker_pool>(1, "dlock-publish")),
      log_(std::move(of.log)),
      alarm_(env_->make_timer()),
      pid_(getpid()),
      engine_(
          std::move(s), [e = env_] { return e->fresh_id(); }, [e = env_] { return e->jitter(); }),
      counts_(std::move(of.label_of)) {}

monitor::~monitor() = default;

bool monitor::forked() const {
  return getpid() != pid_;
}

// --- what follows from a step ---------------------------------------------------------------------------------------

/// Called with the mutex held.
void monitor::collect(effects& out, ms now) {
  for (auto& e : engine_.take_events()) {
    std::visit([&](auto& what) { on_event(std::move(what), out); }, e);
  }
  if (const ms next = engine_.next(); next < armed_) {
    alarm_->set(next);
    armed_ = next;
  }
  const auto needed = [](std::size_t ready, std::size_t& posted) {
    const std::size_t more = ready > posted ? ready - posted : 0;
    posted += more;
    return more;
  };
  out.senders = needed(engine_.ready(), senders_);
  out.renewers = needed(engine_.ready_renewals(), renewing_);
  out.notice_senders = needed(engine_.notices(), notice_jobs_);
  out.publisher = !publishing_ && engine_.publication_is_due(now);
  publishing_ = publishing_ || out.publisher;
  const bool inbox = engine_.wants(engine::part::inbox), events = engine_.wants(engine::part::events);
  out.feeds = std::exchange(inbox_, inbox) != inbox || std::exchange(events_, events) != events;
  out.tells = !to_tell_.empty() && !std::exchange(tells_, true);
  counts_.notifications_fail(engine_.notifications_fail());
  if (watchers_ > 0) changed_.notify_all();
}

/// Wakes up the thread that waits, or lets a thread for completions call the listener. This thread is then also the one
/// that destroys the slot, because the listener may own the client.
void monitor::wake(std::shared_ptr<call_slot> s, effects& out) {
  if (!s->listener) {
    s->changed.notify_all();
    out.gone.push_back(std::move(s));
  } else if (!std::exchange(s->listener_is_due, true)) {
    ++completing_;
    out.listeners.push_back(std::move(s));
  }
}

template <typename E>
void monitor::ended(E e, effects& out) {
  auto found = slots_.extract(e.call);
  if (!found) return;
  found.mapped()->end = std::make_unique<call_slot::ended>(std::move(e));
  wake(std::move(found.mapped()), out);
}

void monitor::on_event(engine::acquire_ended e, effects& out) {
  counts_.on_event(e);
  if (e.got != 0) {
    auto lease = std::make_shared<lease_state>(weak_from_this(), e.got, *engine_.find(e.got));
    leases_.emplace(e.got, lease);
    // If the caller does not wait for it any more, the lease is destroyed, and the engine drops its hold.
    if (const auto it = slots_.find(e.call); it != slots_.end()) it->second->lease = lease;
    out.gone.push_back(std::move(lease));
  }
  ended(std::move(e), out);
}

void monitor::on_event(engine::waiting e, effects& out) {
  const auto it = slots_.find(e.call);
  if (it == slots_.end()) return;
  it->second->place = std::make_unique<engine::waiting>(std::move(e));
  wake(it->second, out);
}

void monitor::on_event(engine::release_ended e, effects& out) {
  if (const auto it = slots_.find(e.call); it != slots_.end()) it->second->unused.swap(out.unused);
  ended(std::move(e), out);
}

void monitor::on_event(engine::ask_ended e, effects& out) {
  ended(std::move(e), out);
}

void monitor::on_event(const engine::hold_changed& e, effects& out) {
  counts_.on_event(e);
  const auto it = leases_.find(e.hold);
  auto lease = it == leases_.end() ? nullptr : it->second.lock();
  if (!lease) return;
  if (lease->change(e, out.unused)) {
    out.log.emplace_back(log_level::error, "lock " + in_quotes(lease->lock()) + " lost: " + lease->loss());
    out.lost.push_back(lease);
  }
  out.gone.push_back(std::move(lease));
}

void monitor::on_event(const engine::renewal_ended& e, effects& /*out*/) {
  counts_.on_event(e);
}

void monitor::on_event(const engine::leader_changed& e, effects& out) {
  const auto it = observers_.find(e.observer);
  if (it == observers_.end()) return;
  if (auto o = it->second.lock()) out.leaders.emplace_back(std::move(o), e);
}

void monitor::on_event(const engine::trouble& e, effects& out) {
  using kind = engine::trouble::kind;
  const std::string lock = "lock " + in_quotes(e.lock);
  switch (e.what) {
    case kind::no_answer:
      out.log.emplace_back(log_level::info, lock + " gets no answer, trying again: " + e.why);
      return;
    case kind::no_renewal:
      out.log.emplace_back(log_level::warning, lock + " could not be renewed, trying again: " + e.why);
      if (const auto it = leases_.find(e.hold); it != leases_.end()) {
        if (auto lease = it->second.lock()) out.troubled.emplace_back(std::move(lease), e.left);
      }
      return;
    case kind::unconfirmed:
      out.log.emplace_back(log_level::warning, lock +
                                                   " was released, but it is not known whether a majority has that: if "
                                                   "not, it is free when its lease ends: " +
                                                   e.why);
      return;
    case kind::no_peek:
      out.log.emplace_back(log_level::warning,
                           lock + " may have been revoked, which could not be checked, trying again: " + e.why);
      return;
    case kind::no_leader_seen:
      out.log.emplace_back(log_level::warning,
                           "cannot see who leads election " + in_quotes(e.lock) + ", trying again: " + e.why);
      return;
  }
}

void monitor::carry_out(effects& todo) {
  lease_state::callbacks left;
  for (const auto& lease : todo.lost) {
    for (auto& callback : lease->tell_loss(*callbacks_)) left.push_back(std::move(callback));
  }
  for (const auto& [lease, time] : todo.troubled) lease->tell_trouble(*callbacks_, time);
  for (auto& [level, text] : todo.log) {
    if (log_) log_(level, text);
  }
  const auto jobs = todo.senders + todo.renewers + todo.notice_senders + todo.listeners.size() + todo.leaders.size() +
                    (todo.publisher ? 1 : 0) + (todo.tells ? 1 : 0);
  const auto self = jobs > 0 ? shared_from_this() : nullptr;
  for (auto& s : todo.listeners) post_completion([self, s = std::move(s)] { self->run_listener(s); });
  for (auto& [o, e] : todo.leaders) {
    const auto c = e.observer;
    if (callbacks_->post_patiently([self, o = o, e = std::move(e)] {
          o->tell(info_of(e.leader ? &*e.leader : nullptr));
          self->step([&](auto& with, ms now) { with.leader_told(e.observer, true, now); });
        })) {
      continue;
    }
    step([c](auto& with, ms now) { with.leader_told(c, false, now); });
  }
  for (; todo.senders > 0; --todo.senders) {
    if (io_->post([self] { self->send(); })) continue;
    step([&](auto& e, ms now) {
      senders_ -= todo.senders;
      e.cannot_send("no thread can be started", now);
    });
    break;
  }
  for (; todo.renewers > 0; --todo.renewers) {
    if (renewers_->post([self] { self->renew(); })) continue;
    step([&](auto& e, ms now) {
      renewing_ -= todo.renewers;
      e.cannot_renew(now);
    });
    break;
  }
  for (; todo.notice_senders > 0; --todo.notice_senders) {
    if (notice_senders_->post([self] { self->send_notices(); })) continue;
    step([&](auto& e, ms) {
      notice_jobs_ -= todo.notice_senders;
      while (e.next_notice()) e.notice_done();
    });
    break;
  }
  if (todo.publisher && !publisher_->post([self] { self->publish(); })) {
    step([this](auto& e, ms now) {
      publishing_ = false;
      e.cannot_publish(now);
    });
  }
  if (todo.tells && !callbacks_->post_patiently([self] { self->tell_subscribers(); })) tell_subscribers();
  if (todo.feeds) adjust_feeds();
  if (!left.empty()) run_here(std::move(left));  // last, because it may take long, and may wait for what was posted
}

/// Runs callbacks for which no thread is available. This thread may be the watch. So, until the callbacks end, threads
/// that wait check the clock themselves. A callback may itself wait for a call.
void monitor::run_here(lease_state::callbacks left) {
  const auto change = [this](int by) {
    const std::lock_guard lock(guard_);
    callbacks_here_ += by;
    for (const auto& [_, s] : slots_) s->changed.notify_all();
  };
  change(1);
  for (auto& callback : left) {
    callback();
    callback = nullptr;
  }
  change(-1);
}

// --- callers --------------------------------------------------------------------------------------------------------

std::unique_ptr<engine::waiting> monitor::wait(call_slot& s) {
  std::unique_lock lock(guard_);
  const auto ready = [&] { return s.end || s.place; };
  while (!ready()) {
    const int here = callbacks_here_;
    const ms end = here > 0 ? std::min(armed_, env_->now_ms() + kSlice) : engine_.ends_by(s.call);
    const auto changed = [&] { return ready() || callbacks_here_ != here; };
    if (end == engine::never) {
      s.changed.wait(lock, changed);
    } else if (!wait_until(*env_, s.changed, lock, end, changed)) {  // ends a call on time even if the watch is late
      lock.unlock();
      look(false);
      lock.lock();
    }
  }
  if (s.end) return nullptr;
  return std::move(s.place);
}

bool monitor::can_complete() {
  if (!completes_) completes_ = completions_->post_patiently([] {});
  return completes_;
}

void monitor::complete(std::function<void()> task) {
  {
    const std::lock_guard lock(guard_);
    ++completing_;
  }
  post_completion(std::move(task));
}

void monitor::post_completion(std::function<void()> task) {
  std::function<void()> counted = [self = shared_from_this(), task = std::move(task)]() mutable {
    task();
    task = nullptr;  // perhaps the last owner of the client
    const std::lock_guard lock(self->guard_);
    --self->completing_;
    self->changed_.notify_all();
  };
  if (!completions_->post_patiently(std::move(counted))) counted();
}

void monitor::await_completions(std::chrono::milliseconds patience) {
  if (completions_->is_mine()) return;
  std::unique_lock lock(guard_);
  (void)changed_.wait_for(lock, patience, [this] { return completing_ == 0; });
}

/// Calls the listener with what there is, until there is nothing more.
void monitor::run_listener(const std::shared_ptr<call_slot>& s) {
  for (bool goes_on = true; goes_on;) {
    std::unique_ptr<engine::waiting> place;
    {
      const std::lock_guard lock(guard_);
      goes_on = !s->end;
      if (goes_on) place = std::move(s->place);
      s->listener_is_due = !goes_on || place;
      if (!s->listener_is_due) return;
    }
    goes_on = s->listener(place.get()) && goes_on;
  }
}

bool monitor::await(const std::function<bool(const engine::client&)>& is_so, std::chrono::milliseconds patience) {
  std::unique_lock lock(guard_);
  ++watchers_;
  const bool so = changed_.wait_for(lock, patience, [&] { return is_so(engine_); });
  --watchers_;
  return so;
}

void monitor::drop(engine::hold_id h) {
  if (forked()) return;
  step([&](auto& e, ms now) {
    leases_.erase(h);
    e.drop(h, now);
  });
}

void monitor::look(bool clock_was_set) {
  step([&](auto& e, ms now) {
    alarm_->drain();
    armed_ = engine::never;
    if (clock_was_set) e.clock_was_set(now);
    e.look(now);
    if (e.next() == engine::never) alarm_->unset();
  });
}

}  // namespace dlock::detail
