// Calls of this client that wait for one lock take turns: only one of them asks the server.
#include <algorithm>
#include <utility>

#include "engine/client.hpp"

namespace dlock::engine {
namespace {

constexpr ms kOvertime = 80;  // after a deadline: how long to wait for an answer that is on its way

/// Whether a call with plan `b` can go on with the entry of one with plan `a`.
bool is_alike(const protocol::acquire_plan& a, const protocol::acquire_plan& b) {
  const auto& x = a.ask;
  const auto& y = b.ask;
  return x.what == y.what && x.cap == y.cap && x.delta == y.delta && x.life == y.life && x.term == y.term &&
         x.skew == y.skew && x.value == y.value && x.who == y.who && x.observed == y.observed && a.queue && b.queue &&
         a.renews == b.renews && a.wait_period == b.wait_period && a.linger == b.linger;
}

}  // namespace

void client::wait_for_turn(call_id c, acquisition& a, ms now) {
  const auto& lock = a.plan.ask.lock;
  a.waits = true;
  turns_.waits(lock, c, a.plan.ask.what.exclusive);
  timers_.set({kAcquisition, c}, a.plan.deadline ? std::max(*a.plan.deadline, now) : now + a.plan.patience);
  // Without an answer it has no place yet: a `try` that asks the server may still come first.
  if (a.tells_place && is_known_taken(lock, now)) {
    auto ahead = ahead_of(lock, now);
    const auto here = static_cast<std::int64_t>(turns_.length(lock));
    ahead.place = ahead.queue + here - 1;
    ahead.queue += here;
    events_.emplace_back(waiting{c, std::move(ahead)});
  }
}

/// It asks the server now. `release`: if possible, in the command of that request. True: it does.
bool client::begin_turn(call_id c, acquisition& a, number release, ms now) {
  if (std::exchange(a.waits, false)) a.steps.serve(a.plan.deadline, a.began, a.contact || answered_ >= a.began);
  if (a.plan.queue && a.plan.ask.what.exclusive) turns_.acts(a.plan.ask.lock, c, false);
  auto first = std::get<machine::send>(a.steps.start(now)).r;
  first.how = known_.form_of(first);
  expect(c, a);
  a.request = submit(std::move(first), {purpose::kind::acquisition, c}, now, release);
  timers_.set({kAcquisition, c}, a.steps.give_up_at().value_or(never));
  return release != 0 && queue_.is_with(release, a.request);
}

/// Somebody acts no longer, or has got its place. All whose turn has come ask the server; the first of them, if
/// possible, in the command of the request `release`. True: it does.
bool client::start_next_turns(const std::string& lock, number release, ms now) {
  bool with = false;
  while (!closing_) {
    const auto c = turns_.next(lock);
    if (!c) break;
    with = begin_turn(*c, acquisitions_.at(*c), std::exchange(release, 0), now) || with;
  }
  return with;
}

void client::end_turn(const std::string& lock, std::uint64_t who, ms now) {
  turns_.end_turn(lock, who);
  (void)start_next_turns(lock, 0, now);
}

/// The acquisition of this client that stands in the queue of the lock, or is about to.
const acquisition* client::acting_for(const std::string& lock) const {
  for (const auto& [who, _] : turns_.acting(lock)) {
    if (const auto it = acquisitions_.find(who); it != acquisitions_.end()) return &it->second;
  }
  return nullptr;
}

bool client::has_turn(const std::string& lock, ms now) const {
  const auto acting = turns_.acting(lock);
  return std::any_of(acting.begin(), acting.end(), [&](const auto& each) {
    const auto* l = find(each.first);
    return l != nullptr && l->held(now);
  });
}

/// Others hold the lock: that is this client itself, now or a moment ago, or the server has said so.
bool client::is_known_taken(const std::string& lock, ms now) const {
  const auto* a = acting_for(lock);
  return has_turn(lock, now) || turns_.was_held(lock, now) || (a != nullptr && a->steps.is_queued(now));
}

/// A call that waits for its turn: its deadline has come; or without a deadline, the server must have answered by now.
void client::turn_is_late(call_id c, acquisition& a, ms now) {
  using result = machine::result;
  const auto& lock = a.plan.ask.lock;
  if (a.plan.deadline) {
    if (is_known_taken(lock, now)) return end_wait(c, a, result::timed_out, now);
    if (now < *a.plan.deadline + kOvertime) return timers_.set({kAcquisition, c}, *a.plan.deadline + kOvertime);
    return end_wait(c, a, result::no_answer, now);
  }
  const auto* acts = acting_for(lock);
  a.contact = has_turn(lock, now) || answered_ >= a.began || (acts != nullptr && !acts->steps.waits_for_answer());
  if (!a.contact) end_wait(c, a, result::no_answer, now);
}

/// A call ends that waits for its turn. It has sent nothing, so nothing is in doubt.
void client::end_wait(call_id c, acquisition& a, machine::result what, ms now) {
  const auto lock = a.plan.ask.lock;
  auto e = end_of(c, a, what, now);
  e.last = ahead_of(lock, now);
  if (what == machine::result::no_answer) {
    const auto* acts = acting_for(lock);
    if (acts != nullptr) e.failure = acts->failure;
    e.missing = acts != nullptr ? "the call ahead of it waits for an answer" : "the lease ahead of it has ended";
  }
  events_.emplace_back(std::move(e));
  timers_.clear({kAcquisition, c});
  turns_.leaves(lock, c);
  acquisitions_.erase(c);
  (void)start_next_turns(lock, 0, now);
}

/// The call ends without the lock. If another call waits behind it that wants the same, that one keeps the place in the
/// queue. False: there is none.
bool client::hand_over(call_id c, acquisition& a, machine::result what, const char* why, ms now) {
  const auto lock = a.plan.ask.lock;
  const auto next = turns_.first(lock);
  const auto acting = turns_.acting(lock);
  const auto mine = acting.find(c);
  if (closing_ || !next || mine == acting.end()) return false;
  auto& heir = acquisitions_.at(*next);
  if (!is_alike(a.plan, heir.plan)) return false;
  const bool contact = heir.contact || answered_ >= heir.began;
  auto e = end_of(c, a, what, now);
  e.failure = std::move(a.failure);
  e.missing = why;
  heir.waits = false;
  heir.steps = std::move(a.steps);
  heir.steps.serve(heir.plan.deadline, heir.began, contact);
  heir.undone = a.undone;
  heir.nudge = a.nudge;
  heir.foreign_nudge = a.foreign_nudge;
  heir.foreign = std::exchange(a.foreign, false);
  heir.request = std::exchange(a.request, 0);
  if (heir.request != 0) requests_.at(heir.request).who.of = *next;
  heir.expected = std::exchange(a.expected, {});
  if (!heir.expected.empty()) expected_.insert_or_assign(heir.expected, *next);
  turns_.leaves(lock, *next);
  turns_.end_turn(lock, c);
  turns_.acts(lock, *next, mine->second);
  const ms due = std::min(a.due, heir.plan.deadline.value_or(never));
  events_.emplace_back(std::move(e));
  timers_.clear({kAcquisition, c});
  acquisitions_.erase(c);
  if (what != machine::result::cancelled) {
    follow(*next, heir, heir.steps.go_on(now), now);
  } else {
    heir.due = due;
    timers_.set({kAcquisition, *next}, heir.request != 0 ? heir.steps.give_up_at().value_or(never) : due);
  }
  (void)start_next_turns(lock, 0, now);
  return true;
}

// --- places ---------------------------------------------------------------------------------------------------------

/// What is known of the lock for which calls wait locally. Its `queue` is the number of waiters on the server.
protocol::reply client::ahead_of(const std::string& lock, ms now) const {
  if (const auto* a = acting_for(lock)) return a->steps.last();
  protocol::reply r;
  for (const auto& [who, _] : turns_.acting(lock)) {
    const auto* l = find(who);
    if (l == nullptr) continue;
    r.found = true;
    r.now = l->since + now - l->begin;
    r.holders = 1;
    r.queue = l->queue;
    r.first = protocol::holder_summary{l->ask.who, l->token, r.now + l->machine.valid_until() - now};
  }
  return r;
}

/// An answer has come for the one that stands in the queue.
void client::tell_places(const std::string& lock, ms now) {
  const auto all = turns_.waiting(lock);
  auto ahead = ahead_of(lock, now);
  ahead.place = ahead.queue;
  ahead.queue += static_cast<std::int64_t>(all.size());
  for (const auto c : all) {
    if (acquisitions_.at(c).tells_place) events_.emplace_back(waiting{c, ahead});
    ++ahead.place;
  }
}

// --- for tests ------------------------------------------------------------------------------------------------------

bool client::waits_locally(call_id c) const {
  const auto it = acquisitions_.find(c);
  return it != acquisitions_.end() && it->second.waits;
}

bool client::is_served(call_id c, ms now) const {
  if (!waits_locally(c)) return true;
  const auto& lock = acquisitions_.at(c).plan.ask.lock;
  const auto asks = std::any_of(acquisitions_.begin(), acquisitions_.end(), [&](const auto& each) {
    const auto& a = each.second;
    return a.plan.ask.lock == lock && a.plan.queue && !a.waits && !a.leaving;
  });
  return asks || std::any_of(holds_.begin(), holds_.end(), [&](const auto& each) {
           return each.second.ask.lock == lock && each.second.is_exclusive() && each.second.held(now);
         });
}

}  // namespace dlock::engine
