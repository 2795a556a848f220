#include "simulator/rules.hpp"

#include <algorithm>

#include "simulator/hold.hpp"
#include "simulator/process.hpp"

namespace dlock::simulator {
namespace {

using protocol::claim;
using protocol::ms;

constexpr ms kWatch = 5;                                 // the watch thread of a running process is at most this late
constexpr ms kAllowed = 100;                             // after a deadline
constexpr ms kFresh = 100;                               // how old an answer may be on which a lease passes on
constexpr tick kTombstone = 29'000 * ticks_per_ms;       // a bit shorter than a tombstone stays
constexpr tick kForgotten = 100'000 * ticks_per_ms;      // after this time the clock is beyond all older tokens
constexpr std::int64_t kShared = std::int64_t{1} << 40;  // more than there are readers

std::string name(const hold& h) {
  return h.ask().id + " (token " + std::to_string(h.token()) + ", valid until " + std::to_string(h.valid_until()) +
         " by its own clock, which says " + std::to_string(h.in()->now()) + ")";
}

template <typename Entries>
bool has(const Entries& all, const std::string& id) {
  return std::any_of(all.begin(), all.end(), [&](const auto& e) { return e.id == id; });
}

std::int64_t weight(const claim& c) {
  return c.exclusive ? kShared : c.weight;
}

std::int64_t held(const protocol::document& d) {
  std::int64_t sum = 0;
  for (const auto& h : d.holders) sum += weight(h.what);
  return sum;
}

}  // namespace

bool rules::excused(const hold& h) const {
  const auto edit = edited_.find(h.ask().lock);
  if (edit != edited_.end() && events_.now() < edit->second) {
    ++seen_.excused_edit;
    return true;
  }
  if (!h.ask().observed && events_.now() < clock_until_) {
    ++seen_.excused_clock;
    return true;
  }
  return false;
}

/// After a resize, holders of before stay. So the most that there ever was is what may be held.
std::int64_t rules::room(const protocol::request& ask) const {
  if (ask.cap == 0) return kShared;
  const auto most = most_permits_.find(ask.lock);
  return most == most_permits_.end() ? ask.cap : std::max(ask.cap, most->second);
}

void rules::check_overlap(const hold& h) const {
  const auto& ask = h.ask();
  const auto all = live_.find(ask.lock);
  if (all == live_.end()) return;
  const auto most = room(ask);
  std::int64_t sum = 0;
  std::string who;
  for (const auto& o : all->second) {
    if (!o->believes()) continue;
    sum += weight(o->what());
    who += (who.empty() ? "" : ", ") + name(*o);
  }
  if (sum > most && !excused(h)) throw broken("overlap", ask.lock + " is held by " + who);
}

void rules::check_told(const hold& h) const {
  for (const auto& o : live_.at(h.ask().lock)) {
    const bool both = weight(o->what()) + weight(h.ask().what) <= room(h.ask());
    if (o.get() == &h || both || o->now() != hold::phase::held || o->in()->is_frozen()) continue;
    if (o->valid_until() + kWatch <= o->in()->now() && !excused(h)) {
      throw broken("told", name(*o) + " was not told that it lost " + h.ask().lock + ", which " + name(h) + " has");
    }
  }
}

void rules::check_passing_on(const hold& h) const {
  const auto& l = h.granted();
  const auto wrong = [&](const std::string& what) {
    throw broken("passing on", h.ask().lock + ", " + name(h) + ": " + what);
  };
  const ms now = h.in()->now();
  const auto confirmed = confirmed_.find(h.ask().id);
  if (confirmed == confirmed_.end()) wrong("no answer has said that it is ours");
  const bool lingered = now < l.begin + l.linger;
  if (!lingered && now - confirmed->second >= kFresh) wrong("the last answer is old");
  if (!lingered && l.turn > l.turns) wrong("it is turn number " + std::to_string(l.turn));
  if (l.token >= l.fence + protocol::token_step) wrong("its token is the server's to give");
  if (l.machine.valid_until() + protocol::lease_margin(l.ask.delta) - now < l.ask.delta / 2) wrong("it ends soon");
}

void rules::acquired(const std::shared_ptr<hold>& h) {
  if (h->granted().turn > 1) {
    check_passing_on(*h);
    released_.erase(h->ask().id);  // its lease had passed on
  }
  const auto& lock = h->ask().lock;
  auto& all = live_[lock];
  std::erase_if(all, [](const auto& o) { return o->now() == hold::phase::released; });  // their processes were killed
  all.push_back(h);
  check_overlap(*h);
  check_told(*h);
  const auto gone = deleted_.find(lock);
  const bool forgotten = gone != deleted_.end() && events_.now() < gone->second;
  auto& exclusive = highest_exclusive_[lock];
  auto& highest = highest_[lock];
  const bool is_new = tokens_[lock].insert(h->token()).second;
  if (!is_new && !forgotten) throw broken("tokens", "the token of " + name(*h) + " on " + lock + " was given before");
  const auto above = h->ask().what.exclusive ? highest : exclusive;
  if (h->token() <= above && !forgotten && !excused(*h)) {
    throw broken("tokens", "the token of " + name(*h) + " on " + lock + " is not above " + std::to_string(above));
  }
  highest = std::max(highest, h->token());
  if (h->ask().what.exclusive) exclusive = std::max(exclusive, h->token());
}

void rules::extended(const std::shared_ptr<hold>& h) {
  check_overlap(*h);
}

void rules::ended(const std::shared_ptr<hold>& h) {
  std::erase(live_[h->ask().lock], h);
  values_.erase(h->ask().id);
}

void rules::undone(const protocol::request& cancel, tick sent) {
  if (!cancel.observed) undone_[cancel.id] = sent + kTombstone;
}

void rules::released(const std::shared_ptr<hold>& h) {
  released_[h->ask().id] = {h->granted().fence, h->in(), h->ask().observed};
}

void rules::nothing_kept(const std::string& lock, const version& v) const {
  if (!v || !v->is_lock) return;
  const auto edit = edited_.find(lock);
  if (edit != edited_.end() && events_.now() < edit->second) return;  // it may have brought an old version back
  for (const auto& h : v->what.holders) {
    const auto it = released_.find(h.id);
    if (it == released_.end() || it->second.token != h.fence) continue;  // another token: a late copy has acquired it
    // It could not be released while it was no lock, and with observed expiry it ends only when somebody wants it.
    if (edit != edited_.end() && it->second.observed) continue;
    const auto by = it->second.by.lock();
    if (by && by->is_alive() && !by->is_closed())
      throw broken("released", h.id + ", which was released, still holds " + lock);
  }
}

void rules::published(const std::shared_ptr<hold>& h, std::int64_t number) {
  auto& last = values_[h->ask().id];
  last = {h, std::max(last.number, number)};
}

void rules::call_ended(const std::string& who, const std::string& doing, ms late) const {
  if (late > kAllowed) throw broken("deadline", doing + " of " + who + " ended " + std::to_string(late) + " ms late");
}

void rules::leader_told(const std::string& who, const std::string& lock, std::int64_t token,
                        std::int64_t before) const {
  const auto gone = deleted_.find(lock);
  const bool forgotten = gone != deleted_.end() && events_.now() < gone->second;
  if (token >= before || forgotten || is_clock_odd()) return;
  throw broken("leader", who + " was told of the leader of " + lock + " with token " + std::to_string(token) +
                             " after the one with " + std::to_string(before));
}

void rules::leader_known(const std::string& who, const std::string& lock, std::int64_t told, std::int64_t right) {
  if (told == right) return;
  throw broken("leader", who + " still takes token " + std::to_string(told) + " for the leader's of " + lock +
                             ", which is " + std::to_string(right));
}

void rules::nobody_acts(const process& p, const std::string& lock) {
  throw broken("turns", "a call of " + p.name() + " waits for " + lock + ", and nobody acts for it");
}

void rules::lingers_too_long(const process& p) {
  throw broken("lingering", p.name() + " keeps a lease that nobody uses for too long");
}

void rules::names_another_hold(const hold& h) {
  throw broken("owner", "the owner of " + name(h) + " on " + h.ask().lock + " names another hold");
}

void rules::passed(const process& p, const std::string& lock) {
  throw broken("turns", "a call of " + p.name() + " got " + lock + " before an earlier one");
}

void rules::edited(const std::string& lock, tick longest_lease) {
  edited_[lock] = events_.now() + longest_lease;
}

void rules::deleted(const std::string& lock) {
  deleted_[lock] = events_.now() + kForgotten;
}

void rules::clock_jumped(tick until) {
  clock_until_ = std::max(clock_until_, until);
}

void rules::check_document(const std::string& lock, const protocol::document& before, const protocol::document& after) {
  const auto wrong = [&](const std::string& what) { throw broken("document", lock + ": " + what); };
  if (after.fence < before.fence) wrong("its token went back");
  if (after.rev != before.rev + 1) wrong("its revision is " + std::to_string(after.rev));
  bool admits = false;
  for (const auto& h : after.holders) {
    const bool is_new = !has(before.holders, h.id) && !h.is_kept();
    admits = admits || is_new;
    if (is_new && (h.fence <= before.fence || h.fence > after.fence))
      wrong(h.id + " has token " + std::to_string(h.fence));
    if (has(after.waiters, h.id)) wrong(h.id + " holds and waits");
  }
  const bool resized = after.resized != before.resized;  // holders stay, though there are fewer permits now
  const bool resized_before = before.cap > 0 && held(before) > before.cap;
  if (held(after) > (after.cap > 0 ? after.cap : kShared) && (admits || !(resized || resized_before))) {
    wrong("there are holders of " + std::to_string(held(after)));
  }
  for (const auto& g : after.gone) {
    if (has(after.holders, g.id) || has(after.waiters, g.id)) wrong(g.id + ", which was given up, is there");
  }
}

void rules::changed(const replica_set::change& c) {
  if (!c.after || !c.after->is_lock || c.after == c.before) return;
  const auto& after = c.after->what;
  const auto& first = c.requests.front();
  const auto& lock = first.lock;
  auto& most = most_permits_[lock];
  most = std::max(most, after.cap);
  check_document(lock, c.before ? c.before->what : protocol::document{}, after);
  if (!c.before || !c.before->is_lock) return;
  auto before = c.before->what;
  const auto gone = deleted_.find(lock);
  const bool forgotten = gone != deleted_.end() && events_.now() < gone->second;
  if (before.cap != after.cap && resized_.contains(first.id) && !forgotten) resized_again_.insert(c.after);
  // A waiter that has expired has no place in the queue any more. It may have joined again at the end.
  std::erase_if(before.waiters, [&](const auto& w) {
    const auto& over = first.expire;
    return before.observed ? std::find(over.begin(), over.end(), protocol::pulse{w.id, w.beat}) != over.end()
                           : w.until + first.skew <= c.now;
  });
  // Does somebody wait who was ahead of an admitted waiter?
  bool somebody_waits = false;
  for (const auto& w : before.waiters) {
    if (has(after.waiters, w.id)) {
      somebody_waits = true;
    } else if (somebody_waits && has(after.holders, w.id)) {
      throw broken("order", w.id + " got " + lock + " before those who came earlier");
    }
  }
  // Those who are new here come after all others, in the order of their requests.
  std::vector<std::string> joined;
  for (const auto& r : c.requests) {
    if (has(before.holders, r.id) || has(before.waiters, r.id)) continue;
    if (has(after.waiters, r.id)) {
      somebody_waits = true;
      joined.push_back(r.id);
    } else if (somebody_waits && has(after.holders, r.id)) {
      throw broken("order", r.id + " got " + lock + " although others wait");
    }
  }
  std::size_t next = 0;  // the queue keeps the order of arrival
  for (const auto& w : after.waiters) {
    if (!has(before.waiters, w.id)) continue;
    while (before.waiters[next].id != w.id) {
      if (++next == before.waiters.size()) throw broken("order", w.id + " changed its place in " + lock);
    }
  }
  for (std::size_t i = 0; i < joined.size(); ++i) {
    if (after.waiters[after.waiters.size() - joined.size() + i].id == joined[i]) continue;
    throw broken("order", joined[i] + " does not begin at the end of the queue of " + lock);
  }
}

void rules::committed(const std::string& lock, const version& v) const {
  if (!v || !v->is_lock) return;
  if (resized_again_.contains(v)) {
    throw broken("permits", "a late copy of a resize that was answered changed " + lock + " again");
  }
  const auto edit = edited_.find(lock);
  if (edit != edited_.end() && events_.now() < edit->second) return;
  const auto check = [&](const std::string& id) {
    const auto gone = undone_.find(id);
    if (gone == undone_.end() || events_.now() >= gone->second || events_.now() < clock_until_ + kTombstone) return;
    const auto deleted = deleted_.find(lock);  // the tombstone was deleted, too
    if (deleted != deleted_.end() && deleted->second - kForgotten >= gone->second - kTombstone) return;
    throw broken("ghost", id + ", which was undone, is in " + lock + " again");
  };
  for (const auto& w : v->what.waiters) check(w.id);
  for (const auto& h : v->what.holders) {
    check(h.id);
    const auto last = values_.find(h.id);
    if (last == values_.end() || h.seq >= last->second.number || !last->second.by->believes()) continue;
    if (excused(*last->second.by))
      continue;  // its lease was over by a clock that was set, and a late copy got the lock again
    throw broken("value", h.id + " published number " + std::to_string(last->second.number) + " on " + lock +
                              ", and number " + std::to_string(h.seq) + " is there again");
  }
}

ms rules::longest_wait(const version& v, ms now, ms skew, ms look) {
  constexpr ms kMessages = 1000;
  ms wait = look + kMessages;
  if (!v || !v->is_lock) return wait;
  const auto& d = v->what;
  // With observed expiry, a span counts from the moment at which the entry was first seen.
  const auto rest = [&](ms span, ms until) {
    return d.observed ? span + span / 50 : std::max<ms>(until - now, 0) + skew;
  };
  ms held = 0;
  for (const auto& h : d.holders) held = std::max(held, rest(h.span, h.until));
  for (const auto& w : d.waiters) {
    held = std::max(held, rest(w.span, 0));
    wait += w.term + (d.observed ? w.term / 50 : skew) + look;
  }
  return wait + held;
}

void rules::not_healed(const std::string& what) {
  throw broken("healing", what);
}

void rules::nothing_left(const process& p) const {
  if (p.kept() != 0) throw broken("growth", p.name() + " keeps " + std::to_string(p.kept()) + " things for nobody");
}

void rules::nothing_left(const std::string& lock, const version& v, ms now) const {
  constexpr ms kLong = 60'000;
  if (!v || !v->is_lock) return;
  const auto old = [&](const auto& e) { return e.until + kLong < now; };
  const auto& d = v->what;
  // With observed expiry, entries of the dead are removed only when somebody has waited for the lock.
  const bool kept = d.observed ? d.gone.size() > static_cast<std::size_t>(protocol::tombstones)
                               : std::any_of(d.holders.begin(), d.holders.end(), old) ||
                                     std::any_of(d.waiters.begin(), d.waiters.end(), old) ||
                                     std::any_of(d.gone.begin(), d.gone.end(), old);
  if (kept) throw broken("growth", lock + " keeps what ended a minute ago");
}

}  // namespace dlock::simulator
