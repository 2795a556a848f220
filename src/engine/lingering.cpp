// A lease that nobody uses is kept for a while, for the next call of this client (docs/adr/0032-linger.md).
#include <algorithm>

#include "engine/client.hpp"

namespace dlock::engine {
namespace {

constexpr ms kLonger = 10;  // after a recall, no lease of the lock lingers for so many times the time of lingering

}  // namespace

/// The owner of this lease, which calls release() with the number `c`, does not need it any more. If nobody else wants
/// it either, it is kept. False: it has to be released.
bool client::let_linger(hold_id h, call_id c, ms now) {
  const auto& l = holds_.at(h);
  const auto& lock = l.ask.lock;
  const ms until = l.begin + l.linger;
  if (l.now != hold_phase::held || l.is_idle() || closing_ || now >= until || !idle_.may_begin(lock, now)) return false;
  if (!l.is_exclusive() || l.amendments > 0 || l.doubtful || l.queue > 0) return false;
  if (!l.machine.is_confirmed() || !l.has_next_token()) return false;
  if (turns_.length(lock) > 0 || turns_.acting(lock).size() > 1) return false;
  const hold_id next = move(h, c, until, now);
  auto& n = holds_.at(next);
  n.machine.suspend_renewals(true);
  idle_.begins(lock, next);
  look_at(next, n, now);
  if (const auto oldest = idle_.too_many()) end_idle(*oldest, now);
  return true;
}

/// If a lease lingers with which this call can go on, it does.
bool client::take_lingering(const protocol::acquire_plan& plan, call_id c, ms now) {
  const auto h = idle_.of(plan.ask.lock);
  if (!h || closing_ || !can_go_on(plan, holds_.at(*h))) return false;
  holds_.at(*h).row = plan.row;
  begin_turn_of(c, *h, now);
  return true;
}

void client::end_lingering(const std::string& lock, ms now) {
  if (const auto h = idle_.of(lock)) end_idle(*h, now);
}

void client::heard(const protocol::recall& r, ms now) {
  look(now);
  recalled(r, now);
}

void client::recalled(const protocol::recall& r, ms now) {
  const auto it = std::find_if(holds_.begin(), holds_.end(), [&](const auto& each) {
    const auto& l = each.second;
    return l.now == hold_phase::held && l.ask.id == r.id && l.ask.lock == r.lock;
  });
  if (it == holds_.end()) return;
  idle_.recalled(r.lock, now + kLonger * it->second.linger, now);
  end_lingering(r.lock, now);
}

/// Whoever is first in the queue, or tries, recalls a lease that perhaps nobody uses: also if it is of this client. A
/// reader that has asked the server before the lease lingered stands behind it.
void client::recall(const acquisition& a, const protocol::reply& r, ms now) {
  if (!r.first || r.first->lingering.empty() || r.mine || (a.plan.queue && r.place != 0)) return;
  const protocol::recall notice{a.plan.ask.lock, r.first->lingering};
  if (r.first->client == settings_.id) {
    if (a.plan.queue) recalled(notice, now);
  } else if (settings_.has_channel && idle_.recalls(r.first->lingering, now)) {
    outbox_.tell({r.first->client, notice});
  }
}

bool client::lingers_too_long(ms now) const {
  return std::any_of(holds_.begin(), holds_.end(), [&](const auto& each) {
    const auto& l = each.second;
    return l.now == hold_phase::held && idle_.of(l.ask.lock) == each.first && now > l.begin + l.linger;
  });
}

}  // namespace dlock::engine
