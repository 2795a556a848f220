// Holds, until they are released or lost.
#include <algorithm>

#include "engine/cancel.hpp"
#include "engine/client.hpp"
#include "protocol/lease_schedule.hpp"

namespace dlock::engine {
namespace {

constexpr ms kLong = 250;  // most locks are held for less; a client that holds one for longer listens for revocations

}  // namespace

hold_id client::hold(const acquisition& a, const machine::done& d, ms now) {
  const hold_id h = ++last_;
  protocol::request ask = a.plan.ask;
  ask.id = a.steps.id();
  ask.client = settings_.id;
  const protocol::lease_schedule schedule(d.begin, d.lease, ask.delta, a.plan.renews && !closing_, now);
  lease l{.ask = std::move(ask),
          .token = d.token,
          .since = d.since,
          .begin = d.begin,
          .heard = now,
          .machine = hold_machine(schedule, d.heir ? std::nullopt : std::optional(d.begin)),
          .kept_since = now,
          .doubtful = a.steps.in_doubt(),
          .queue = a.steps.last().queue,
          .turns = a.plan.local_turns,
          .linger = a.plan.linger,
          .wait_period = a.plan.wait_period,
          .row = a.plan.row};
  l.fence = l.token;
  if (d.heir && next_in_line(l)) l.machine.renew_now(now);  // then the next call can go on with this lease
  if (l.linger > 0) wants_inbox_ = true;                    // for recalls
  if (subscriptions_ > 0 && (l.turns > 1 || l.linger > 0)) turn_events_.begins(l.ask.lock, l.fence);
  known_.saw(l.ask.lock, l.token);
  if (l.is_exclusive()) turns_.acts(l.ask.lock, h, true);
  auto locked = announcement_of(l, settings_.who, true, now);
  locked.waited = now - a.began;
  publish_all(announcements_.granted(std::move(locked), l.ask.what.exclusive), now);
  renewals_.held(l.ask.lock, h);
  const auto& kept = holds_.emplace(h, std::move(l)).first->second;
  arm(h, kept);
  if (turns_.should_report_places(kept.ask.lock, now)) tell_places(kept.ask.lock, now);
  return h;
}

/// `used`: its owner has used it for so long, and does not use it any more.
void client::changed(hold_id h, const lease& l, hold_phase now, std::optional<ms> used) {
  hold_changed e{.hold = h, .now = now, .valid_until = l.machine.valid_until()};
  e.used = used;
  e.row = l.row;
  events_.emplace_back(std::move(e));
}

void client::look_at(hold_id h, lease& l, ms now) {
  if (l.now != hold_phase::held) return timers_.clear({kHold, h});
  using action = hold_machine::action;
  const auto todo = l.machine.look(now);
  if (todo == action::lose) return lose(h, l, l.machine.why(), now);
  if (l.is_idle() && (*l.idle_until <= now || !l.machine.is_sure())) return end_idle(h, now);
  if (todo == action::ask) renewals_.due(l.ask.lock);
  if (now >= l.kept_since + kLong) wants_inbox_ = true;
  arm(h, l);
}

/// Sets its timer: when it has to be looked at.
void client::arm(hold_id h, const lease& l) {
  const ms due = std::min(l.machine.next(), l.idle_until.value_or(never));
  timers_.set({kHold, h}, std::min(due, wants_inbox_ ? never : l.kept_since + kLong));
}

void client::renewed(hold_id h, lease& l, const answer& a, protocol::operation op, ms sent, ms now) {
  if (l.now != hold_phase::held) return;  // it was released or lost meanwhile
  using effect = hold_machine::effect;
  using result = renewal_ended::result;
  const ms left = l.machine.valid_until() - now;
  const auto count = [&](result what) {
    if (op == protocol::operation::renew) events_.emplace_back(renewal_ended{what, left});
  };
  if (a.what != answer::kind::replied) {
    count(result::no_answer);
    if (l.machine.unanswered(now)) {
      const auto what = op == protocol::operation::renew ? trouble::kind::no_renewal : trouble::kind::no_peek;
      events_.emplace_back(trouble{what, l.ask.lock, a.why, h, left});
    }
    if (l.is_idle()) return end_idle(h, now);
    return look_at(h, l, now);
  }
  const auto became = l.machine.answered(a.reply, sent, now);
  count(became == effect::held ? result::renewed : became == effect::lost ? result::lost : result::late);
  if (became == effect::held) {
    l.queue = a.reply.queue;
    changed(h, l, hold_phase::held);
    if (l.is_idle()) return settle(h, now);
  } else if (became == effect::lost) {
    const auto why = l.machine.why();
    return lose(h, l, why, now, why == loss::revoked ? l.machine.revoked_by() : std::string());
  }
  look_at(h, l, now);
}

void client::lose(hold_id h, lease& l, loss why, ms now, std::string by) {
  l.now = hold_phase::lost;
  timers_.clear({kHold, h});
  renewals_.over(l.ask.lock, h);
  hold_changed e{.hold = h, .now = hold_phase::lost, .valid_until = l.machine.valid_until(), .why = why};
  e.by = std::move(by);
  if (!l.is_idle()) e.used = now - l.heard;
  e.row = l.row;
  events_.emplace_back(std::move(e));
  end_turn(l.ask.lock, h, now);
  if (!l.is_idle()) return;
  idle_.ends(l.ask.lock, h);
  timers_.set({kHold, h}, now);  // nobody will give it back
}

void client::clock_was_set(ms now) {
  look(now);
  for (auto& [h, l] : holds_) {
    l.machine.clock_was_set(now);
    look_at(h, l, now);
  }
}

// --- release --------------------------------------------------------------------------------------------------------

/// The time of a release comes from our clock, counted from the grant: not every answer to a release has the server's
/// time.
protocol::announcement client::announcement_of(const lease& l, const std::string& who, bool locked, ms now) {
  protocol::announcement a{l.ask.lock, locked, l.token, who, locked ? l.since : l.since + now - l.begin};
  if (!locked) a.held = now - l.kept_since;
  a.lost = !locked && l.now == hold_phase::lost;
  return a;
}

call_id client::release(hold_id h, ms keep, ms timeout, ms now) {
  look(now);
  return begin_release(h, keep, timeout, now);
}

call_id client::begin_release(hold_id h, ms keep, ms timeout, ms now) {
  const call_id c = ++last_;
  release_ended nothing{.call = c, .what = release_ended::result::not_held};
  const auto it = holds_.find(h);
  if (it == holds_.end()) {
    events_.emplace_back(std::move(nothing));
    return c;
  }
  auto& l = it->second;
  const auto found = l.now;
  if (found == hold_phase::lost) {
    // The server may still count it as held: until it ends or, if it was revoked, until somebody releases it.
    if (!std::exchange(l.given_up, true)) release_in_background(l, now);
    nothing.what = release_ended::result::lost;
  }
  if (found != hold_phase::held && found != hold_phase::in_doubt) {
    events_.emplace_back(std::move(nothing));
    return c;
  }
  if (keep == 0 && (pass_on(h, c, now) || let_linger(h, c, now))) return c;
  l.now = hold_phase::releasing;
  timers_.clear({kHold, h});
  renewals_.over(l.ask.lock, h);
  changed(h, l, l.now, found == hold_phase::held && !l.is_idle() ? std::optional(now - l.heard) : std::nullopt);
  keep = l.keep = std::max(l.keep, keep);  // a release without `keep` must not shorten an earlier one that is in doubt
  protocol::request r = l.ask;
  r.op = protocol::operation::release;
  // The server counts from the grant, and the caller from the beginning of its turn.
  r.keep = keep > 0 ? keep + l.turn_began.value_or(l.begin) - l.begin : 0;
  // No clock of a server says how long ago the grant was. So count from when this client learned of it: then the entry
  // is kept for too long rather than too short.
  if (r.observed && keep > 0) r.keep = std::max<ms>(0, keep - (now - l.heard));
  const bool first = found == hold_phase::held;
  if (first) r.how = known_.form_of(r);
  r.early = r.early && first && keep == 0 && !l.doubtful && !closing_ && !confirmations_.is_full();
  const bool stays = r.keep > 0 && (r.observed || now - l.begin < r.keep);
  // Not at a repeated release: its event may have been published meanwhile.
  if (!stays && first) {
    announcements_.will_free(r.id, announcement_of(l, settings_.who, false, now), l.is_exclusive());
  }
  release_machine steps(std::move(r), now + timeout, !first, l.doubtful);
  auto& r_in = releases_.emplace(c, releasing{.hold = h, .steps = std::move(steps)}).first->second;
  r_in.failure.why = "still waiting for the answer";
  follow(c, r_in, r_in.steps.start(), now);
  if (first) turns_.held(l.ask.lock, now);
  turns_.end_turn(l.ask.lock, h);
  r_in.passes = start_next_turns(l.ask.lock, r_in.request, now);
  return c;
}

void client::follow(call_id c, releasing& r, release_machine::action todo, ms now) {
  if (auto* const s = std::get_if<release_machine::send>(&todo)) {
    r.request = submit(std::move(s->r), {purpose::kind::release, c}, now);
    return timers_.set({kRelease, c}, r.steps.until());
  }
  if (const auto* const pause = std::get_if<release_machine::wait>(&todo)) {
    return timers_.set({kRelease, c}, pause->until);
  }
  end_release(c, r, std::get<release_machine::done>(todo), now);
}

void client::release_answered(call_id c, releasing& r, const answer& a, ms now) {
  r.request = 0;
  r.failure = a;
  if (a.what == answer::kind::replied) return follow(c, r, r.steps.answered(a.reply), now);
  // Perhaps not the release was refused, but what went with it.
  if (std::exchange(r.passes, false) && a.what == answer::kind::refused) {
    return follow(c, r, r.steps.unanswered(a.in_doubt, now), now);
  }
  follow(c, r, a.what == answer::kind::refused ? r.steps.give_up() : r.steps.unanswered(a.in_doubt, now), now);
}

void client::end_release(call_id c, releasing& r, const release_machine::done& d, ms now) {
  using result = release_machine::result;
  const hold_id h = r.hold;
  auto& l = holds_.at(h);
  release_ended e{.call = c, .failure = std::move(r.failure)};
  const auto ask = r.steps.ask();
  const bool early = e.failure.early;
  timers_.clear({kRelease, c});
  releases_.erase(c);
  if (d.what == result::unknown) {
    e.what = release_ended::result::unknown;
    l.now = hold_phase::in_doubt;
    give_back(l, ask, now);
  } else {
    const bool released = d.what == result::released;
    e.what = released ? release_ended::result::released : release_ended::result::lost;
    l.now = released ? hold_phase::released : hold_phase::lost;
    l.given_up = true;
    if (released) {
      if (early) acknowledged_early(l, now);
      if (auto free = announcements_.freed(ask.id)) publish_all({*std::move(free)}, now);
    }
    announcements_.not_freed(ask.id);
    if (d.cancel) {
      auto look = cancel_of(ask, l.doubtful);
      const ms until = now + std::max(look.life, look.delta);
      retry(std::move(look), until, {}, now);
    }
  }
  hold_changed over{.hold = h, .now = l.now, .valid_until = l.machine.valid_until()};
  over.after_use = l.now == hold_phase::lost && !l.is_idle();
  over.row = l.row;
  events_.emplace_back(std::move(over));
  events_.emplace_back(std::move(e));
  if (l.dropped) discard(h, now);
}

void client::release_in_background(lease& l, ms now) {
  announcements_.will_free(l.ask.id, announcement_of(l, settings_.who, false, now), l.is_exclusive());
  auto r = l.ask;
  r.op = protocol::operation::release;
  give_back(l, std::move(r), now);
}

/// From then on, the server does not count it as held.
ms client::end_on_server(const lease& l) const {
  return l.machine.valid_until() + protocol::lease_margin(l.ask.delta) + settings_.skew;
}

void client::acknowledged_early(const lease& l, ms now) {
  auto r = l.ask;
  r.op = protocol::operation::release;
  r.early = false;
  if (auto earlier = confirmations_.add({std::move(r), l.fence, end_on_server(l)}, now)) {
    release_again({*std::move(earlier)}, now);
  }
  timers_.set(kConfirm, confirmations_.next());
}

/// To release twice does no harm: an id never comes again.
void client::release_again(std::vector<confirmations::item> all, ms now) {
  for (auto& one : all) {
    follow_up then{.what = follow_up::kind::confirm, .look = one.release};
    retry(std::move(one.release), std::max(one.until, now + settings_.operation_timeout), std::move(then), now);
  }
}

/// Looks at the releases that are due.
void client::confirm(ms now) {
  auto ids = confirmations_.take(now);
  if (!ids.empty()) {
    const call_id c = ++last_;
    asking a{.what = asking::kind::confirm};
    a.lookup.ids = std::move(ids);
    a.until = now + settings_.operation_timeout;
    send(c, asks_.emplace(c, std::move(a)).first->second, now);
  }
  timers_.set(kConfirm, confirmations_.next());
}

/// Repeats it as long as the server may count it as held, and at least for the operation_timeout.
void client::give_back(const lease& l, protocol::request r, ms now) {
  const ms end = end_on_server(l);
  follow_up then{.what = follow_up::kind::give_back, .look = cancel_of(r, l.doubtful)};
  then.doubtful = l.doubtful;
  then.kept = r.keep > 0;
  then.lost = l.now == hold_phase::lost;
  retry(std::move(r), std::max(end, now + settings_.operation_timeout), std::move(then), now);
}

void client::drop(hold_id h, ms now) {
  look(now);
  discard(h, now);
}

void client::discard(hold_id h, ms now) {
  const auto it = holds_.find(h);
  if (it == holds_.end()) return;
  auto& l = it->second;
  if (l.now == hold_phase::releasing) {  // end_release() drops it
    l.dropped = true;
    return;
  }
  if (l.now == hold_phase::held) {
    if (!l.is_idle()) changed(h, l, hold_phase::releasing, now - l.heard);
    release_in_background(l, now);
    turns_.held(l.ask.lock, now);
  }
  if (l.now == hold_phase::lost && !l.given_up) release_in_background(l, now);
  timers_.clear({kHold, h});
  renewals_.over(l.ask.lock, h);
  const auto lock = l.ask.lock;
  holds_.erase(h);
  end_turn(lock, h, now);
}

}  // namespace dlock::engine
