#include "protocol/transition.hpp"

#include <algorithm>

namespace dlock::protocol {
namespace {

/// The instant up to which entries have ended for others.
struct cutoff {
  ms at;
  template <typename Entry>
  [[nodiscard]] bool ended(const Entry& e) const {
    return e.until <= at;
  }
};

template <typename Entry>
void purge(std::vector<Entry>& entries, cutoff cut) {
  std::erase_if(entries, [&](const Entry& e) { return cut.ended(e); });
}

template <typename Entry>
auto find(std::vector<Entry>& entries, const std::string& id) {
  return std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.id == id; });
}

template <typename Entry>
bool contains(const std::vector<Entry>& entries, const std::string& id) {
  return std::any_of(entries.begin(), entries.end(), [&](const Entry& e) { return e.id == id; });
}

bool fits(const std::vector<holder>& holders, const claim& what, std::int64_t cap) {
  if (what.exclusive) return holders.empty();
  std::int64_t taken = 0;
  for (const auto& h : holders) {
    if (h.what.exclusive) return false;
    taken += h.what.weight;
  }
  return cap == 0 || taken + what.weight <= cap;
}

std::int64_t next_token(std::int64_t last, std::int64_t floor, ms now) {
  const auto highest = std::max(last, floor);
  return std::max(highest - highest % token_step + token_step, now * token_step);
}

/// Times never run backwards: `now` may be stale. A revoked lease does not get longer.
void move(holder& h, const request& r, ms now) {
  if (h.revoked) return;
  h.until = std::max(h.until, now + r.delta);
  h.delta = r.delta;
  h.announced = true;
}

void move(waiter& w, const request& r, ms now) {
  w.seen = std::max(w.seen, now);
  w.until = std::max(w.until, w.seen + r.life);
}

holder admitted(const waiter& w, const request& r, ms now, std::int64_t fence) {
  holder h{w.id, w.what, w.delta, std::max(now, w.seen), 0, fence, w.who, w.client, w.id == r.id, false, w.value};
  h.until = h.since + (h.announced ? w.delta : w.term);
  return h;
}

bool is_foreign(const document& d) {
  return d.ct != d.mine;
}

ms last_end(const std::vector<holder>& holders) {
  return std::max_element(holders.begin(), holders.end(), [](auto& a, auto& b) { return a.until < b.until; })->until;
}

reply answer(const document& d, const request& r, ms now) {
  reply a;
  a.found = true;
  a.now = now;
  a.rev = d.rev;
  a.fence = d.fence;
  a.cap = d.cap;
  a.holders = static_cast<std::int64_t>(d.holders.size());
  if (!d.holders.empty()) a.first = {d.holders[0].who, d.holders[0].fence, d.holders[0].until};
  for (const auto& h : d.holders) {
    if (h.id == r.id && !a.mine) a.mine = h;
    if (!h.announced) a.heirs.push_back({h.id, h.client, h.fence, h.since, h.until});
    a.next_end = std::min(a.next_end.value_or(h.until), h.until);
  }
  const auto me = std::find_if(d.waiters.begin(), d.waiters.end(), [&](auto& w) { return w.id == r.id; });
  if (me != d.waiters.end()) a.place = me - d.waiters.begin();
  a.dead = contains(d.gone, r.id);
  a.queue = static_cast<std::int64_t>(d.waiters.size());
  if (is_foreign(d)) a.foreign_until = d.et;
  return a;
}

/// Touches nobody else, purges nothing, admits nobody.
void renew(document& d, holder& mine, const request& r, ms now) {
  move(mine, r, now);
  d.et = last_end(d.holders) + r.skew;
  ++d.rev;
}

/// Never more than it has: that would have to wait for the others.
void amend(holder& h, const request& r, std::int64_t cap, ms now) {
  move(h, r, now);
  const bool fits = cap == 0 || r.what.weight <= cap;
  const bool less = (h.what.exclusive && fits) || (!r.what.exclusive && r.what.weight <= h.what.weight);
  if (h.revoked || !less) return;
  h.what = r.what;
  h.value = r.value;
}

/// What the operation itself does, before the head of the queue is looked at.
void apply(document& d, const request& r, ms now, bool foreign_live) {
  const auto held = find(d.holders, r.id);
  const auto queued = find(d.waiters, r.id);
  const bool is_holder = held != d.holders.end();
  const bool is_waiter = queued != d.waiters.end();
  switch (r.op) {
    case operation::try_:
    case operation::enqueue: {
      if (is_holder) move(*held, r, now);
      if (is_waiter && r.op == operation::enqueue) move(*queued, r, now);
      if (is_holder || is_waiter) return;
      const bool in_use = !d.holders.empty() || !d.waiters.empty();
      if (contains(d.gone, r.id) || (in_use && d.cap != r.cap) || (r.cap > 0 && r.what.weight > r.cap)) return;
      d.cap = r.cap;
      const waiter w{r.id,     r.what, r.delta, std::min(r.term, r.delta), now, now + r.life, r.who,
                     r.client, now,    r.value};
      if (r.op == operation::enqueue) {
        d.waiters.push_back(w);
      } else if (!foreign_live && d.waiters.empty() && fits(d.holders, r.what, d.cap)) {
        d.fence = next_token(d.fence, r.floor, now);
        d.holders.push_back(admitted(w, r, now, d.fence));
      }
      return;
    }
    case operation::heartbeat:
      if (is_holder) move(*held, r, now);
      if (is_waiter) move(*queued, r, now);
      return;
    case operation::release:
      if (is_holder && r.keep > 0 && !held->revoked && held->since + r.keep > now) {
        held->until = held->since + r.keep;
        held->announced = true;
        held->id += "/kept";  // nobody's any more: a renewal that is still on its way must not find it
      } else if (is_holder) {
        d.holders.erase(held);
      }
      return;
    case operation::cancel:
      std::erase_if(d.holders, [&](auto& h) { return h.id == r.id; });
      std::erase_if(d.waiters, [&](auto& w) { return w.id == r.id; });
      if (r.tomb > 0 && !contains(d.gone, r.id)) d.gone.push_back({r.id, now + r.tomb});
      return;
    case operation::amend:
      if (is_holder) amend(*held, r, d.cap, now);
      return;
    case operation::revoke:
      if (is_holder) held->revoked = held->announced = true;
      return;
    case operation::resize:
      d.cap = r.cap;
      std::erase_if(d.waiters, [&](auto& w) { return r.cap > 0 && w.what.weight > r.cap; });
      return;
    case operation::renew:
      return;
  }
}

}  // namespace

bool creates(const request& r) noexcept {
  return r.op == operation::try_ || r.op == operation::enqueue || (r.op == operation::cancel && r.tomb > 0);
}

bool speaks_of_a_holder(const request& r) noexcept {
  switch (r.op) {
    case operation::renew:
    case operation::release:
    case operation::amend:
    case operation::revoke:
      return true;
    default:
      return false;
  }
}

transition_result transition(const std::optional<document>& before, const request& r, ms now) {
  transition_result not_found{before, reply{}};
  if (!before && !creates(r)) return not_found;
  document d = before.value_or(document{});
  const cutoff cut{now - r.skew};

  if (r.op == operation::resize && d.cap == 0) return not_found;
  if (speaks_of_a_holder(r)) {
    const auto mine = find(d.holders, r.id);
    if (is_foreign(d) || mine == d.holders.end()) return not_found;
    if (r.op == operation::renew) {
      if (cut.ended(*mine) || mine->revoked) return not_found;
      renew(d, *mine, r, now);
      return {d, answer(d, r, now)};
    }
  }

  // mongo-dlock took the lock: whatever of ours stood there is over, even if its own lease ended since.
  const bool foreign_live = is_foreign(d) && d.et && *d.et > cut.at;
  if (is_foreign(d)) d.holders.clear();
  purge(d.holders, cut);
  purge(d.waiters, cut);
  purge(d.gone, cut);

  apply(d, r, now, foreign_live);
  while (!foreign_live && !d.waiters.empty() && fits(d.holders, d.waiters.front().what, d.cap)) {
    d.fence = next_token(d.fence, r.floor, now);
    d.holders.push_back(admitted(d.waiters.front(), r, now, d.fence));
    d.waiters.erase(d.waiters.begin());
  }

  ++d.rev;
  if (!foreign_live) {
    d.ct = d.mine = now;
    d.lockd = d.holders.empty() ? lockd_flag::absent : lockd_flag::one;
    d.et = d.holders.empty() ? now : last_end(d.holders) + r.skew;
  }
  return {d, answer(d, r, now)};
}

}  // namespace dlock::protocol
