#include "reference/transition.hpp"

#include <algorithm>

#include "protocol/plausible.hpp"

namespace dlock::protocol {
namespace {

/// Entries whose `until` is at or before this time have expired for everybody but their owner.
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

/// The sum of what is held. It is carried along while more waiters are admitted.
struct holdings {
  explicit holdings(const std::vector<holder>& holders) {
    for (const auto& h : holders) add(h.what);
  }
  void add(const claim& what) {
    anybody = true;
    exclusive = exclusive || what.exclusive;
    weight += what.weight;
  }
  [[nodiscard]] bool leave_room_for(const claim& what, std::int64_t cap) const {
    if (what.exclusive) return !anybody;
    return !exclusive && (cap == 0 || weight + what.weight <= cap);
  }

  bool anybody = false;
  bool exclusive = false;
  std::int64_t weight = 0;
};

std::int64_t next_token(std::int64_t last, std::int64_t floor, ms now) {
  const auto highest = std::max(last, floor);
  return std::max(highest - highest % token_step + token_step, now * token_step);
}

/// With observed expiry: the new beat shows that the owner has sent a command.
template <typename Entry>
void beat(Entry& e, const document& d, ms span) {
  if (!d.observed) return;
  e.beat = d.rev + 1;
  e.span = span;
}

/// Times never go back: `now` may be stale. A revoked lease is not extended.
void move(holder& h, const document& d, const request& r, ms now) {
  if (h.revoked) return;
  h.until = std::max(h.until, now + r.delta);
  h.delta = r.delta;
  h.announced = true;
  beat(h, d, r.delta);
}

void move(waiter& w, const document& d, const request& r, ms now) {
  w.seen = std::max(w.seen, now);
  w.until = std::max(w.until, w.seen + r.life);
  beat(w, d, r.life);
}

holder admitted(const waiter& w, const document& d, bool asks, ms now) {
  holder h{w.id, w.what, w.delta, std::max(now, w.seen), 0, d.fence, w.who, w.client, asks, false, w.value, 0, 0, 0};
  const ms lease = h.announced ? w.delta : w.term;
  h.until = h.since + lease;
  beat(h, d, lease);
  return h;
}

bool is_foreign(const document& d) {
  return d.ct != d.mine;
}

ms last_end(const std::vector<holder>& holders) {
  return std::max_element(holders.begin(), holders.end(), [](auto& a, auto& b) { return a.until < b.until; })->until;
}

/// All holders, and the waiters just before `place`.
std::vector<sign> signs(const document& d, std::int64_t place) {
  std::vector<sign> out;
  for (const auto& h : d.holders) out.push_back({h.id, h.beat, h.span});
  const auto first = static_cast<std::size_t>(std::max<std::int64_t>(0, place - watched_waiters));
  for (auto i = first; i < std::min(d.waiters.size(), first + watched_waiters); ++i)
    out.push_back({d.waiters[i].id, d.waiters[i].beat, d.waiters[i].span});
  return out;
}

reply not_a_lock(const std::string& wrong, ms now) {
  return {.found = true, .valid = false, .defect = wrong, .now = now};
}

reply of_other_expiry(ms now) {
  return {.found = true, .valid = false, .other_expiry = true, .now = now};
}

reply answer(const document& d, const request& r, ms now) {
  if (const auto wrong = defect(d, now); !wrong.empty()) return not_a_lock(wrong, now);  // no token or rev is left
  reply a;
  a.found = true;
  a.now = now;
  a.rev = d.rev;
  a.fence = d.fence;
  a.cap = d.cap;
  a.resized = d.resized;
  a.holders = static_cast<std::int64_t>(d.holders.size());
  if (!d.holders.empty()) {
    const auto& h = d.holders[0];
    a.first = {h.who, h.fence, h.until};
    if (lingers(h.id)) a.first->lingering = h.id, a.first->client = h.client;
  }
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
  if (d.observed && watches(r)) a.signs = signs(d, a.place);
  drop_strange_tokens(a);
  return a;
}

/// Nothing is changed. A document that is not yet a lock, or that has the other kind of expiry, does not become a lock
/// of this kind. A holder that mongo-dlock evicted does not count as a holder, and nobody notifies it as an heir.
reply peek(const document& d, const request& r, ms now) {
  const bool is_lock = d.et || d.observed;
  const bool other = is_lock && d.observed != r.observed;
  if (const auto wrong = defect(d, now); !wrong.empty()) return not_a_lock(wrong, now);
  if (!is_lock || other) return {.found = true, .valid = false, .other_expiry = other, .now = now};
  document seen = d;
  if (is_foreign(d)) seen.holders.clear();
  reply a = answer(seen, r, now);
  if (!d.waiters.empty()) a.head_until = d.waiters.front().until;
  return a;
}

/// Changes no other entry, purges nothing, admits nobody.
void renew(document& d, holder& mine, const request& r, ms now) {
  move(mine, d, r, now);
  if (!d.observed) d.et = last_end(d.holders) + r.skew;
  ++d.rev;
}

/// The new claim must not be larger than the old one: a larger claim would have to wait for the others.
void amend(holder& h, const document& d, const request& r, ms now) {
  move(h, d, r, now);
  const bool fits = d.cap == 0 || r.what.weight <= d.cap;
  const bool less = (h.what.exclusive && fits) || (!r.what.exclusive && r.what.weight <= h.what.weight);
  if (h.revoked || !less || r.seq <= h.seq) return;
  h.seq = r.seq;
  h.what = r.what;
  h.value = r.value;
}

/// What the operation itself does, before waiters are admitted.
void apply(document& d, const request& r, ms now, bool foreign_live) {
  const auto held = find(d.holders, r.id);
  const auto queued = find(d.waiters, r.id);
  const bool is_holder = held != d.holders.end();
  const bool is_waiter = queued != d.waiters.end();
  switch (r.op) {
    case operation::try_:
    case operation::enqueue: {
      if (is_holder) move(*held, d, r, now);
      if (is_waiter && r.op == operation::enqueue) move(*queued, d, r, now);
      if (is_holder || is_waiter) return;
      const bool in_use = !d.holders.empty() || !d.waiters.empty();
      if (contains(d.gone, r.id) || (in_use && d.cap != r.cap) || (r.cap > 0 && r.what.weight > r.cap)) return;
      d.cap = r.cap;
      waiter w{r.id, r.what, r.delta, std::min(r.term, r.delta), now, now + r.life, r.who, r.client, now, r.value};
      beat(w, d, r.life);
      if (r.op == operation::enqueue) {
        d.waiters.push_back(w);
      } else if (!foreign_live && d.waiters.empty() && holdings(d.holders).leave_room_for(r.what, d.cap)) {
        d.fence = next_token(d.fence, r.floor, now);
        d.holders.push_back(admitted(w, d, true, now));
      }
      return;
    }
    case operation::heartbeat:
      if (is_holder) move(*held, d, r, now);
      if (is_waiter) move(*queued, d, r, now);
      return;
    case operation::release:
      if (is_holder && r.keep > 0 && !held->revoked && (d.observed || held->since + r.keep > now)) {
        held->until = (d.observed ? now : held->since) + r.keep;
        beat(*held, d, r.keep);
        held->announced = true;
        held->id += "/kept";  // nobody owns it now: a renewal that is still on its way must not find it
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
      if (is_holder) amend(*held, d, r, now);
      return;
    case operation::revoke:
      if (is_holder) held->revoked = held->announced = true;
      return;
    case operation::resize:
      if (d.resized == r.resized) d.cap = r.cap;
      std::erase_if(d.waiters, [&](auto& w) { return d.cap > 0 && w.what.weight > d.cap; });
      return;
    case operation::renew:
    case operation::peek:
      return;
  }
}

/// Removes expired entries. Returns whether mongo-dlock holds the lock.
bool begin(document& d, cutoff cut) {
  // If mongo-dlock has taken the lock, our holders are over, even if its own lease has ended since.
  const bool foreign_live = is_foreign(d) && d.et && *d.et > cut.at;
  if (is_foreign(d)) d.holders.clear();
  purge(d.holders, cut);
  purge(d.waiters, cut);
  purge(d.gone, cut);
  return foreign_live;
}

/// The head of the queue is admitted as long as it fits. `asks(id)`: whether the command is (also) from this
/// acquisition.
template <typename Asks>
void finish(document& d, const request& r, ms now, bool foreign_live, std::int64_t cap_before, Asks asks) {
  holdings taken(d.holders);
  auto head = d.waiters.begin();
  for (; !foreign_live && head != d.waiters.end() && taken.leave_room_for(head->what, d.cap); ++head) {
    taken.add(head->what);
    d.fence = next_token(d.fence, r.floor, now);
    d.holders.push_back(admitted(*head, d, asks(head->id), now));
  }
  d.waiters.erase(d.waiters.begin(), head);
  ++d.rev;
  if (d.cap != cap_before) d.resized = d.rev;
  if (d.observed && d.gone.size() > tombstones) d.gone.erase(d.gone.begin(), d.gone.end() - tombstones);
  if (foreign_live || d.observed) return;
  d.ct = d.mine = now;
  d.lockd = d.holders.empty() ? lockd_flag::absent : lockd_flag::one;
  d.et = d.holders.empty() ? now : last_end(d.holders) + r.skew;
}

/// Whether the query of a command that targets a holder finds the document.
bool finds_holder(const document& d, const request& r, cutoff cut) {
  const auto mine = std::find_if(d.holders.begin(), d.holders.end(), [&](const holder& h) { return h.id == r.id; });
  if (is_foreign(d) || mine == d.holders.end()) return false;
  return r.op != operation::renew || !((!r.observed && cut.ended(*mine)) || mine->revoked);
}

/// Whether the lock has another kind of expiry than the request. A lock that is not in use may become one with observed
/// expiry. The other direction is not needed.
bool is_of_other_expiry(const document& d, const request& r) {
  if (d.observed == r.observed) return false;
  return d.observed || is_foreign(d) || !d.holders.empty() || !d.waiters.empty();
}

/// With observed expiry, no clock says what has expired. Others have watched the entries, and an entry with a new beat
/// stays. dlock never writes an entry without a beat.
bool begin_observed(document& d, const request& r) {
  const auto over = [&](const auto& e) {
    return e.beat <= 0 ||
           (watches(r) && std::find(r.expire.begin(), r.expire.end(), pulse{e.id, e.beat}) != r.expire.end());
  };
  d.observed = true;
  d.lockd = lockd_flag::absent;
  d.ct = d.et = d.mine = std::nullopt;
  std::erase_if(d.holders, over);
  std::erase_if(d.waiters, over);
  return false;
}

/// Renewals, each as if it were alone. Only the first answer names heirs, and none says a place in the queue.
batch_result renew_all(const document& before, const batch& requests, ms now) {
  batch_result out{before, std::vector<reply>(requests.size())};
  document d = before;
  const auto wrong = defect(d, now);
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto& r = requests[i];
    if (!d.observed && finds_holder(d, r, {now - r.skew})) found.push_back(i);
  }
  if (found.empty()) return out;
  if (!wrong.empty()) {
    for (const auto i : found) out.answers[i] = not_a_lock(wrong, now);
    return out;
  }
  for (const auto i : found) move(*find(d.holders, requests[i].id), d, requests[i], now);
  d.et = last_end(d.holders) + requests.front().skew;
  ++d.rev;
  for (const auto i : found) {
    auto& a = out.answers[i] = answer(d, requests[i], now);
    a.place = -1;
    a.dead = false;
    if (i != found.front()) a.heirs.clear();
  }
  out.after = std::move(d);
  return out;
}

}  // namespace

bool is_calm(const document& d, const request& r) {
  const bool mine = d.holders.size() == 1 && d.holders.front().id == r.id;
  return d.waiters.empty() && d.gone.empty() && (d.holders.empty() || mine);
}

transition_result transition(const std::optional<document>& before, const request& r, ms now) {
  transition_result not_found{before, reply{}};
  if (!before && !creates(r)) return not_found;
  document d = before.value_or(document{});
  const cutoff cut{now - r.skew};

  if (only_reads(r)) return {before, peek(d, r, now)};
  if (r.op == operation::resize && d.cap == 0) return not_found;
  if (const auto wrong = defect(d, now); !wrong.empty()) {
    const bool finds = !targets_holder(r) || (d.observed == r.observed && finds_holder(d, r, cut));
    return finds ? transition_result{before, not_a_lock(wrong, now)} : not_found;
  }
  if (is_of_other_expiry(d, r)) {
    if (targets_holder(r)) return not_found;
    return {before, of_other_expiry(now)};
  }
  if (targets_holder(r)) {
    if (!finds_holder(d, r, cut)) return not_found;
    if (r.op == operation::renew) {
      renew(d, *find(d.holders, r.id), r, now);
      return {d, answer(d, r, now)};
    }
  }

  const bool foreign_live = r.observed ? begin_observed(d, r) : begin(d, cut);
  apply(d, r, now, foreign_live);
  const auto cap_before = before ? before->cap : 0;
  finish(d, r, now, foreign_live, cap_before, [&](const std::string& id) { return id == r.id; });
  return {d, answer(d, r, now)};
}

batch_result transition(const std::optional<document>& before, const batch& requests, ms now) {
  if (before && requests.front().op == operation::renew) return renew_all(*before, requests, now);
  batch_result out{before, std::vector<reply>(requests.size())};
  const auto comes = [](const request& r) { return r.op == operation::enqueue; };
  if (!before && std::none_of(requests.begin(), requests.end(), comes)) return out;
  document d = before.value_or(document{});
  const auto wrong = defect(d, now);
  if (!wrong.empty() || d.observed) {
    for (std::size_t i = 0; i < requests.size(); ++i) {
      if (comes(requests[i])) out.answers[i] = wrong.empty() ? of_other_expiry(now) : not_a_lock(wrong, now);
    }
    return out;
  }
  request common = requests.front();
  for (const auto& r : requests) common.floor = std::max(common.floor, r.floor);

  std::vector<bool> found;
  for (const auto& r : requests) found.push_back(comes(r) || (!is_foreign(d) && contains(d.holders, r.id)));
  const bool foreign_live = begin(d, {now - common.skew});
  for (const auto& r : requests) {
    if (!comes(r)) std::erase_if(d.holders, [&](auto& h) { return h.id == r.id; });
  }
  for (const auto& r : requests) {
    if (comes(r)) apply(d, r, now, foreign_live);
  }
  finish(d, common, now, foreign_live, before ? before->cap : 0, [&](const std::string& id) {
    return std::any_of(requests.begin(), requests.end(), [&](auto& r) { return comes(r) && r.id == id; });
  });
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (found[i]) out.answers[i] = answer(d, requests[i], now);
  }
  out.after = std::move(d);
  return out;
}

}  // namespace dlock::protocol
