// Acquisitions, from their first request to their end.
#include <algorithm>

#include "engine/cancel.hpp"
#include "engine/client.hpp"

namespace dlock::engine {
namespace {

constexpr ms kLeavePatience = 400;  // how long a cancelled acquisition waits for the answer to its cancel

}  // namespace

call_id client::acquire(protocol::acquire_plan plan, bool tells_place, ms now) {
  look(now);
  const call_id c = ++last_;
  if (take_lingering(plan, c, now)) return c;
  plan.ask.client = settings_.id;
  if (plan.ask.observed) plan.seen = known_.seen_of(plan.ask.lock);
  auto steps = machine(plan, fresh_id_, jitter_);
  steps.serve(plan.deadline, now, false);
  const std::string lock = plan.ask.lock;
  const bool lingers = idle_.of(lock) && plan.queue && plan.ask.what.exclusive && plan.ask.cap == 0;
  if (!lingers) end_lingering(lock, now);
  auto& a = acquisitions_.emplace(c, acquisition{.plan = std::move(plan), .steps = std::move(steps)}).first->second;
  a.tells_place = tells_place;
  a.began = now;
  const auto& ask = a.plan.ask;
  if (!a.plan.queue && turns_.length(ask.lock) > 0 && is_known_taken(ask.lock, now)) {
    end_wait(c, a, machine::result::busy, now);  // it must not pass those who wait locally
  } else if (a.plan.queue && ask.cap == 0 && !closing_ && turns_.blocks(ask.lock, ask.what.exclusive)) {
    wait_for_turn(c, a, now);
  } else {
    (void)begin_turn(c, a, 0, now);
  }
  if (closing_) cancel(c, now);
  if (lingers) end_lingering(lock, now);  // in one command, if it can be
  return c;
}

void client::cancel(call_id c, ms now) {
  look(now);
  const auto it = acquisitions_.find(c);
  if (it == acquisitions_.end()) return;
  auto& a = it->second;
  if (a.leaving) return;
  if (a.waits) return end_wait(c, a, machine::result::cancelled, now);
  if (hand_over(c, a, machine::result::cancelled, "", now)) return;
  give_up(a);
  follow(c, a, a.steps.cancel(), now);
}

/// Does what the machine of the acquisition says.
void client::follow(call_id c, acquisition& a, machine::action todo, ms now) {
  for (;;) {
    if (a.request != 0) (void)withdraw(a.request);  // something else came than its answer
    const auto* const end = std::get_if<machine::done>(&todo);
    const bool cancelled = end != nullptr && end->what == machine::result::cancelled;
    const bool late =
        end != nullptr && (end->what == machine::result::timed_out || end->what == machine::result::no_answer);
    if (late && hand_over(c, a, end->what, end->why, now)) return;
    const bool undoes = undo(c, a, cancelled, now);
    if (end != nullptr) return finish(c, a, *end, undoes, now);
    if (auto* const s = std::get_if<machine::send>(&todo)) {
      expect(c, a);
      a.request = submit(std::move(s->r), {purpose::kind::acquisition, c}, now);
      return timers_.set({kAcquisition, c}, a.steps.give_up_at().value_or(never));
    }
    a.due = std::get<machine::wait>(todo).until;
    timers_.set({kAcquisition, c}, a.due);
    std::optional<machine::action> then;
    if (std::exchange(a.nudge, false)) then = a.steps.nudged(false, now);
    if (!then && std::exchange(a.foreign_nudge, false)) then = a.steps.nudged(true, now);
    if (!then) return;
    todo = *std::move(then);
  }
}

void client::acquisition_answered(call_id c, acquisition& a, const answer& r, ms now) {
  a.request = 0;
  if (r.what == answer::kind::refused) {
    auto e = end_of(c, a, machine::result::busy, now);
    e.refused = true;
    e.failure = r;
    e.in_doubt = r.in_doubt || a.steps.in_doubt();
    (void)a.steps.cancel();  // it may stand in the queue because of an earlier request
    (void)undo(c, a, false, now);
    forget(a);
    timers_.clear({kAcquisition, c});
    const auto lock = a.plan.ask.lock;
    acquisitions_.erase(c);
    events_.emplace_back(std::move(e));
    return end_turn(lock, c, now);
  }
  if (r.what != answer::kind::replied) {
    if (a.failure.why.empty()) events_.emplace_back(trouble{trouble::kind::no_answer, a.plan.ask.lock, r.why});
    a.failure = r;
    return follow(c, a, a.steps.unanswered(r.in_doubt, now), now);
  }
  a.failure = {};
  const bool foreign = r.reply.foreign_until.has_value();
  const bool queued = r.reply.place >= 0;
  if (queued) waits(a, foreign);
  turns_.answered(a.plan.ask.lock, c, queued);
  recall(a, r.reply, now);
  auto then = a.steps.answered(r.reply, now, is_open(foreign ? part::events : part::inbox));
  if (queued && !std::holds_alternative<machine::done>(then)) {
    waiting w{c, r.reply};
    w.last.queue += static_cast<std::int64_t>(turns_.length(a.plan.ask.lock));
    if (a.tells_place) events_.emplace_back(std::move(w));
    if (turns_.should_report_places(a.plan.ask.lock, now)) tell_places(a.plan.ask.lock, now);
  }
  const auto lock = a.plan.ask.lock;
  follow(c, a, std::move(then), now);
  if (queued) (void)start_next_turns(lock, 0, now);
}

/// The time of its timer has come. Or it is leaving the queue, and its cancel was answered.
void client::acquisition_due(call_id c, acquisition& a, ms now) {
  if (a.leaving) {
    events_.emplace_back(*std::move(a.leaving));
    timers_.clear({kAcquisition, c});
    acquisitions_.erase(c);
    return;
  }
  if (a.waits) return turn_is_late(c, a, now);
  if (a.request == 0) return follow(c, a, a.steps.look(now), now);
  give_up(a);
  follow(c, a, a.steps.give_up(now), now);
}

/// Stops waiting for its request. If the request was never sent, it is not in doubt.
void client::give_up(acquisition& a) {
  if (a.request != 0 && withdraw(a.request)) a.steps.not_sent();
}

acquire_ended client::end_of(call_id c, const acquisition& a, machine::result what, ms now) {
  return {.call = c, .what = what, .last = a.steps.last(), .waited = now - a.began, .row = a.plan.row};
}

void client::finish(call_id c, acquisition& a, const machine::done& d, bool undoes, ms now) {
  using result = machine::result;
  forget(a);
  if (a.plan.ask.observed) {
    known_.watched(a.plan.ask.lock, d.what == result::acquired ? protocol::observation{} : a.steps.seen());
  }
  auto e = end_of(c, a, d.what, now);
  e.failure = a.failure;
  e.missing = d.why;
  e.in_doubt = undoes && a.steps.to_undo().back().in_doubt;
  if (d.what == result::acquired) e.got = hold(a, d, now);
  if (undoes && d.what == result::cancelled) {
    a.leaving = std::move(e);
    const ms patient = now + kLeavePatience;
    timers_.set({kAcquisition, c}, std::min(patient, a.steps.give_up_at().value_or(patient)));
    return end_turn(a.plan.ask.lock, c, now);
  }
  events_.emplace_back(std::move(e));
  timers_.clear({kAcquisition, c});
  const auto lock = a.plan.ask.lock;
  acquisitions_.erase(c);
  end_turn(lock, c, now);
}

/// Undoes the acquisitions that it has given up since the last call. True if there were any.
bool client::undo(call_id c, acquisition& a, bool leaves, ms now) {
  const auto& all = a.steps.to_undo();
  const bool some = a.undone < all.size();
  while (a.undone < all.size()) {
    const auto& one = all[a.undone++];
    auto r = cancel_of(a.plan.ask, one.in_doubt);
    r.id = one.id;
    const ms until = now + std::max(r.life, r.delta);
    retry(std::move(r), until, {.what = leaves ? follow_up::kind::leave : follow_up::kind::nothing, .call = c}, now);
  }
  return some;
}

// --- notices --------------------------------------------------------------------------------------------------------

/// To be called before its first request is sent: the grant notice may come before the answer.
void client::expect(call_id c, acquisition& a) {
  if (a.expected == a.steps.id()) return;
  forget(a);
  a.expected = a.steps.id();
  expected_.insert_or_assign(a.expected, c);
}

void client::forget(acquisition& a) {
  expected_.erase(a.expected);
  a.expected.clear();
  if (std::exchange(a.foreign, false)) --foreign_;
}

/// It stands in the queue. `foreign`: behind mongo-dlock.
void client::waits(acquisition& a, bool foreign) {
  wants_inbox_ = true;
  if (!foreign || a.foreign || a.expected.empty()) return;
  a.foreign = true;
  ++foreign_;
}

void client::nudge(call_id c, acquisition& a, bool foreign, ms now) {
  if (a.leaving) return;
  if (a.request != 0) {  // follow() does it as soon as the acquisition waits again
    (foreign ? a.foreign_nudge : a.nudge) = true;
    return;
  }
  if (auto then = a.steps.nudged(foreign, now)) follow(c, a, *std::move(then), now);
}

void client::heard(const protocol::grant& g, ms now) {
  look(now);
  granted(g, now);
}

void client::granted(const protocol::grant& g, ms now) {
  const auto found = expected_.find(g.id);
  if (found == expected_.end()) return;
  const call_id c = found->second;
  auto& a = acquisitions_.at(c);
  if (a.plan.ask.lock != g.lock) return;
  if (auto then = a.steps.announced(g, now, now)) follow(c, a, *std::move(then), now);
}

void client::heard(const protocol::revocation& r, ms now) {
  look(now);
  if (const auto found = expected_.find(r.id); found != expected_.end()) {
    const call_id c = found->second;
    auto& a = acquisitions_.at(c);
    if (a.plan.ask.lock == r.lock) nudge(c, a, false, now);  // it does not know of its grant yet: it asks the server
  }
  for (auto& [h, l] : holds_) {
    if (l.now != hold_phase::held || l.ask.id != r.id || l.ask.lock != r.lock) continue;
    l.machine.notice(r.by, now);
    return l.is_idle() ? end_idle(h, now) : look_at(h, l, now);
  }
}

/// mongo-dlock has released this lock. Empty: it may have released any lock.
void client::heard_release(const std::string& lock, ms now) {
  if (foreign_ == 0) return;
  std::vector<call_id> all;
  for (const auto& [c, a] : acquisitions_) {
    if (a.foreign && (lock.empty() || a.plan.ask.lock == lock)) all.push_back(c);
  }
  for (const auto c : all) {
    if (const auto it = acquisitions_.find(c); it != acquisitions_.end()) nudge(c, it->second, true, now);
  }
}

}  // namespace dlock::engine
