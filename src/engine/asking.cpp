// Single commands that belong neither to an acquisition nor to a release.
#include <algorithm>

#include "engine/cancel.hpp"
#include "engine/client.hpp"

namespace dlock::engine {

call_id client::ask(protocol::request r, std::optional<ms> until, ms now) {
  return begin({.what = asking::kind::plain, .r = std::move(r), .until = until.value_or(0)}, now);
}

call_id client::read(protocol::lookup l, ms now, std::optional<ms> until) {
  return begin({.what = asking::kind::lookup, .lookup = std::move(l), .until = until.value_or(0)}, now);
}

call_id client::amend(hold_id h, std::optional<protocol::claim> what, std::optional<std::string> value, ms now,
                      bool tells) {
  look(now);
  const auto it = holds_.find(h);
  if (it == holds_.end() || !it->second.held(now)) {
    const bool lost = it != holds_.end() && it->second.now == hold_phase::lost;
    ask_ended e{.call = ++last_, .what = ask_ended::result::answered};
    e.change = lost ? ask_ended::amended::lost : ask_ended::amended::not_held;
    const call_id c = e.call;
    events_.emplace_back(std::move(e));
    return c;
  }
  auto& l = it->second;
  asking a{.what = asking::kind::amend, .r = l.ask, .hold = h, .publishes = value.has_value(), .tells = tells};
  if (what) l.claims = *what;
  if (value) l.value = *std::move(value);
  a.r.op = protocol::operation::amend;
  a.r.what = l.claims;
  a.r.value = l.value;
  a.r.seq = ++l.amendments;
  if (what && !what->exclusive) {
    l.may_be_shared = true;
    end_turn(a.r.lock, h, now);
  }
  return begin(std::move(a), now);
}

call_id client::revoke(const std::string& lock, const protocol::holder& h, bool observed, bool at_once, ms now,
                       ms skew) {
  protocol::request r;
  r.op = protocol::operation::revoke;
  r.lock = lock;
  r.id = h.id;
  r.who = settings_.who;
  r.skew = std::max(settings_.skew, skew);
  r.observed = observed;
  asking a{.what = asking::kind::revoke, .r = std::move(r), .holder = h};
  a.at_once = at_once;
  return begin(std::move(a), now);
}

call_id client::begin(asking a, ms now) {
  look(now);
  const call_id c = ++last_;
  if (closing_) {
    events_.emplace_back(ask_ended{.call = c, .what = ask_ended::result::closed});
    return c;
  }
  if (a.until == 0) a.until = now + settings_.operation_timeout;
  a.failure.why = "still waiting for the answer";
  send(c, asks_.emplace(c, std::move(a)).first->second, now);
  return c;
}

void client::send(call_id c, asking& a, ms now) {
  if (a.only_reads()) {
    lookups_.push_back(c);
  } else {
    a.request = submit(a.r, {purpose::kind::ask, c}, now);
  }
  timers_.set({kAsk, c}, a.until);
}

void client::answered(std::uint64_t ticket, lookup_answer a, ms now) {
  const auto found = reading_.extract(ticket);
  if (a.what != answer::kind::no_answer) server_answers(now);
  const auto it = found ? asks_.find(found.mapped()) : asks_.end();
  if (it != asks_.end()) {
    auto seen = std::move(a.seen);
    ask_answered(it->first, it->second, std::move(a), std::move(seen), now);
  }
  look(now);
}

void client::ask_answered(call_id c, asking& a, answer told, std::vector<protocol::snapshot> seen, ms now) {
  using result = ask_ended::result;
  a.request = 0;
  a.in_doubt = a.in_doubt || told.in_doubt;
  ask_ended e{.told = std::move(told.reply), .seen = std::move(seen), .in_doubt = a.in_doubt};
  if (a.what == asking::kind::confirm) {
    const bool unanswered = told.what == answer::kind::no_answer;
    timers_.clear({kAsk, c});
    asks_.erase(c);
    // If the server refuses such reads, nothing was seen, and all are released again.
    release_again(unanswered ? confirmations_.unanswered(now) : confirmations_.looked(e.seen), now);
    return confirm(now);
  }
  if (told.what != answer::kind::replied) {
    a.failure = std::move(told);
    if (a.failure.what != answer::kind::refused && now + a.pause.peek() < a.until) {
      return timers_.set({kAsk, c}, now + a.pause.next());
    }
    return end(c, a, std::move(e), now);
  }
  e.what = e.told.valid || e.told.other_expiry ? result::answered : result::not_a_lock;
  if (e.what == result::answered && a.what == asking::kind::amend) {
    const auto change = amended(a, e.told, now);
    if (!change) {
      a.failure = {};
      a.failure.why = "another process changes it all the time";
      if (now + a.pause.peek() < a.until) return timers_.set({kAsk, c}, now + a.pause.next());
      e.what = result::failed;
      return end(c, a, std::move(e), now);
    }
    e.change = *change;
  }
  if (e.what == result::answered && a.what == asking::kind::revoke && e.told.found) {
    const auto& h = a.holder;
    const protocol::revocation notice{a.r.lock, h.id, settings_.who};
    const bool mine = h.client == settings_.id;
    if (!mine && settings_.has_channel) outbox_.tell({h.client, notice});
    // A kept entry has no owner, so there is nobody to wait for. Any other holder gets a tombstone: a request of its
    // own that is still on its way must not bring it back.
    const bool kept = h.is_kept();
    if (a.at_once || kept) {
      a.what = asking::kind::take_off;
      a.r = cancel_of(std::move(a.r), !kept);
      a.in_doubt = true;
      a.pause = backoff(500);
      a.until = now + settings_.operation_timeout;
      send(c, a, now);
      if (mine) heard(notice, now);
      return;
    }
    end(c, a, std::move(e), now);
    if (mine) heard(notice, now);
    return;
  }
  if (e.what == result::answered && a.what == asking::kind::take_off) {
    const auto& h = a.holder;
    if (protocol::is_token(h.fence, e.told.now)) {
      protocol::announcement free{a.r.lock, false, h.fence, h.who, e.told.now};
      if (h.since > 0 && h.since <= e.told.now) free.held = e.told.now - h.since;
      free.lost = !h.is_kept();
      publish_all({std::move(free)}, now);
    }
    e.told.found = true;
  }
  end(c, a, std::move(e), now);
}

/// An amend of this hold that publishes a value is under way.
bool client::publishes(hold_id h) const {
  return std::any_of(asks_.begin(), asks_.end(),
                     [h](const auto& each) { return each.second.hold == h && each.second.publishes; });
}

/// Nothing: the entry does not show it, because another process was faster. It has to be sent again, with a higher
/// number.
std::optional<ask_ended::amended> client::amended(asking& a, const protocol::reply& told, ms now) {
  using amended = ask_ended::amended;
  const auto it = holds_.find(a.hold);
  if (it == holds_.end()) return amended::not_held;
  auto& l = it->second;
  if (!l.held(now)) {
    look_at(it->first, l, now);  // it is over, but look() has not found that yet
    return l.now == hold_phase::lost ? amended::lost : amended::not_held;
  }
  if (!told.mine || told.mine->revoked) {
    lose(it->first, l, loss::gone, now);
    return amended::lost;
  }
  const auto& mine = *told.mine;
  if (mine.seq < a.r.seq || mine.seq >= protocol::token_limit) return amended::edited;
  const auto shows = [&](const protocol::claim& what, const std::string& value) {
    return mine.what == what && mine.value == value;
  };
  // If a later amend of this lease came after this one, this one is done, too.
  if (!shows(a.r.what, a.r.value) && !shows(l.claims, l.value)) {
    // What another process has published stays, unless an amend of ours publishes something now, or has since.
    if (mine.seq >= l.amendments && !publishes(a.hold)) l.value = mine.value;
    a.r.what = l.claims;
    a.r.value = l.value;
    a.r.seq = l.amendments = std::max(l.amendments, mine.seq) + 1;
    return std::nullopt;
  }
  l.amendments = std::max(l.amendments, mine.seq);
  if (a.tells && a.r.what.exclusive) publish_all({announcement_of(l, settings_.who, true, now)}, now);
  return amended::done;
}

/// Its pause is over, or its time is over.
void client::ask_due(call_id c, asking& a, ms now) {
  if (a.what == asking::kind::confirm) return ask_answered(c, a, {}, {}, now);
  if (a.request == 0 && now < a.until) return send(c, a, now);
  const bool sent = a.request != 0 && !a.only_reads() && !withdraw(a.request);
  end(c, a, {.in_doubt = a.in_doubt || sent}, now);
}

void client::end(call_id c, asking& a, ask_ended e, ms now) {
  e.call = c;
  if (e.what == ask_ended::result::failed || e.what == ask_ended::result::closed) {
    e.failure = std::move(a.failure);
    // A smaller claim goes with each later amend of this lease. So it may still come true.
    if (a.what == asking::kind::amend && !a.publishes) e.in_doubt = true;
  }
  timers_.clear({kAsk, c});
  const auto ended = std::move(asks_.extract(c).mapped());
  if (ended.what == asking::kind::observe) return observed(ended.observer, e, now);
  events_.emplace_back(std::move(e));
}

}  // namespace dlock::engine
