// A lease passes on from one call of this client to the next one, without a command (docs/adr/0031-local-turns.md).
#include "engine/client.hpp"

namespace dlock::engine {
namespace {

constexpr ms kConfirming = 100;  // for the answer that confirms a grant

}  // namespace

/// A call with this plan can go on with the lease.
bool can_go_on(const protocol::acquire_plan& plan, const lease& l) {
  const auto& x = plan.ask;
  const auto& y = l.ask;
  return x.what == y.what && x.cap == y.cap && x.delta == y.delta && x.life == y.life && x.term == y.term &&
         x.skew == y.skew && x.value == y.value && x.who == y.who && x.observed == y.observed && x.early == y.early &&
         plan.renews && plan.wait_period == l.wait_period && plan.local_turns == l.turns && plan.linger == l.linger;
}

std::optional<hold_id> client::hold_of(const std::string& lock, const std::string& owner) const {
  const auto grant = owner.substr(0, owner.find('+'));
  std::optional<hold_id> found;
  for (const auto& [h, l] : holds_) {
    if (l.ask.lock != lock || l.ask.id != grant) continue;
    if (!l.is_idle() && l.owner() == owner) return h;
    found = 0;
  }
  return found;
}

/// The call that may go on with this lease, if its owner does not need it any more.
std::optional<call_id> client::next_in_line(const lease& l) const {
  if (closing_ || l.turn >= l.turns || !l.is_exclusive() || l.amendments > 0 || l.doubtful) return {};
  if (!l.has_next_token()) return {};
  const auto c = turns_.first(l.ask.lock);
  return c && can_go_on(acquisitions_.at(*c).plan, l) ? c : std::nullopt;
}

/// The owner of this lease, which calls release() with the number `c`, does not need it any more. If the next call of
/// this client can go on with it, or can do so when the grant is confirmed, the lease moves to a new hold. False: it
/// has to be released.
bool client::pass_on(hold_id h, call_id c, ms now) {
  auto& l = holds_.at(h);
  if (l.now != hold_phase::held || l.is_idle() || !next_in_line(l)) return false;
  if (turns_.acting(l.ask.lock).size() > 1) return false;  // after a try, an earlier call stands in the queue
  const bool fresh = l.machine.is_fresh(now);
  if (!fresh && (!l.machine.can_be_confirmed() || now >= l.heard + kConfirming)) return false;
  const hold_id next = move(h, c, now + kConfirming, now);
  if (fresh) {
    settle(next, now);
  } else {
    auto& n = holds_.at(next);
    n.machine.renew_now(now);
    look_at(next, n, now);
  }
  return true;
}

/// The lease moves to a new hold, which nobody uses, until `until`. The release `c` of the old one is over.
hold_id client::move(hold_id h, call_id c, ms until, ms now) {
  auto& l = holds_.at(h);
  const hold_id next = ++last_;
  auto& n = holds_.emplace(next, l).first->second;
  n.used = now - l.heard;
  n.idle_until = until;
  if (const auto it = requests_.find(n.renewal); it != requests_.end()) it->second.who.of = next;
  renewals_.held(n.ask.lock, next);
  renewals_.over(n.ask.lock, h);
  l.now = hold_phase::released;
  timers_.clear({kHold, h});
  changed(h, l, l.now, n.used);
  events_.emplace_back(release_ended{.call = c, .what = release_ended::result::released});
  turns_.acts(l.ask.lock, next, true);
  turns_.end_turn(l.ask.lock, h);
  return next;
}

/// Nobody uses this lease. If the next call can go on with it, it does; else the lease is released.
void client::settle(hold_id h, ms now) {
  auto& l = holds_.at(h);
  if (idle_.of(l.ask.lock) == h) {  // it lingers, and its timer is set
    if (l.queue > 0) end_idle(h, now);
    return;
  }
  const auto c = next_in_line(l);
  if (c && l.machine.is_fresh(now)) return begin_turn_of(*c, h, now);
  end_idle(h, now);
}

void client::begin_turn_of(call_id c, hold_id h, ms now) {
  auto& l = holds_.at(h);
  const auto& lock = l.ask.lock;
  acquire_ended e{.call = c, .what = machine::result::acquired, .row = l.row};
  if (const auto waits = acquisitions_.find(c); waits != acquisitions_.end()) {  // else it takes a lease that lingers
    e = end_of(c, waits->second, e.what, now);
    l.row = e.row;
  }
  e.got = h;
  e.last = ahead_of(lock, now);
  auto before = announcement_of(l, settings_.who, false, now);
  ++l.token;
  ++l.turn;
  before.held = l.used;
  l.turn_began = l.heard = now;
  l.idle_until.reset();
  l.machine.suspend_renewals(false);
  idle_.ends(lock, h);
  if (subscriptions_ > 0) {
    auto after = announcement_of(l, settings_.who, true, now);
    after.at = before.at;
    after.waited = e.waited;
    for (auto& each : turn_events_.turn(l.fence, {std::move(before), std::move(after)})) {
      events_.emplace_back(subscriber_event{std::move(each)});
    }
  }
  events_.emplace_back(std::move(e));
  timers_.clear({kAcquisition, c});
  turns_.leaves(lock, c);
  acquisitions_.erase(c);
  look_at(h, l, now);
  if (turns_.should_report_places(lock, now)) tell_places(lock, now);
}

/// Releases a lease that nobody uses.
void client::end_idle(hold_id h, ms now) {
  idle_.ends(holds_.at(h).ask.lock, h);
  (void)begin_release(h, 0, settings_.operation_timeout, now);
  discard(h, now);
}

}  // namespace dlock::engine
