#include "protocol/acquire.hpp"

#include <algorithm>

#include "protocol/plausible.hpp"

namespace dlock::protocol {
namespace {

constexpr ms kFirstPause = 50;         // between two polls; doubles up to longest_pause()
constexpr ms kRetryPause = 50;         // after no answer; doubles up to kLongestRetry
constexpr ms kLongestRetry = 1000;     // the longest pause after no answer
constexpr ms kOvertime = 80;           // after the deadline: how long to wait for the answer to the last poll
constexpr int kSlowAnswers = 2;        // how often to renew a grant whose answer took half of the lease
constexpr ms kEnough = 250;            // what must be left of the first term of an heir
constexpr ms kShortestTurn = 5;        // no hand-off is shorter
constexpr ms kPatientRetry = 2000;     // the longest turn of a waiter that got no answer
constexpr ms kOutage = 15'000;         // an entry must survive it: an election of 12 s (the worst case) and a retry
constexpr ms kRecall = 1000;           // a try waits for so long for a lease that perhaps nobody uses
constexpr ms kLateAnswer = 1000;       // an answer that is later than this says that the server may be silent
constexpr std::int64_t kWatchful = 3;  // how many waiters at the head of the queue poll when a lease ends

}  // namespace

acquire_machine::acquire_machine(acquire_plan plan, std::function<std::string()> fresh_id,
                                 std::function<double()> jitter)
    : plan_(std::move(plan)), fresh_id_(std::move(fresh_id)), jitter_(std::move(jitter)) {}

acquire_machine::action acquire_machine::start(ms now) {
  started_ = started_.value_or(now);
  return start_afresh(now);
}

/// "No such entry" means: begin again with a new id. The old id is never appended again: a delayed command with that id
/// would leave a ghost in the queue.
acquire_machine::action acquire_machine::start_afresh(ms now) {
  if (doubt_) undo_.push_back({id_, true});
  id_ = fresh_id_();
  if (plan_.linger > 0) id_ += linger_mark;
  queued_ = held_ = doubt_ = false;
  queued_at_ = 0;
  requests_ = 0;
  grant_.reset();
  overdue_.reset();
  pause_ = kFirstPause;
  return ask(plan_.queue ? operation::enqueue : operation::try_, now);
}

acquire_machine::action acquire_machine::ask(operation op, ms now) {
  sent_ = now;
  in_flight_ = true;
  ++requests_;
  peeks_ = op == operation::peek;
  if (plan_.deadline && now >= *plan_.deadline) last_look_ = true;
  request r = plan_.ask;
  r.op = op;
  r.id = id_;
  if (r.observed) r.expire = plan_.seen.over(now, id_);
  return send{std::move(r)};
}

acquire_machine::action acquire_machine::answered(const reply& r, ms now, bool pushed) {
  contact_ = true;
  silent_ = in_flight_ = false;
  last_ = r;
  if (r.instead) {  // the store sent a heartbeat in place of the peek, so our entry was moved
    no_peeks_ = true;
    peeks_ = false;
  }
  if (peeks_ && !is_queued_as_before(r, now)) return ask(operation::heartbeat, now);
  if (!r.found) return start_afresh(now);  // removed by the TTL index, or deleted by mongo-dlock's unlock
  if (!r.valid) return finish(r.other_expiry ? result::other_expiry : result::not_a_lock);
  if (plan_.ask.observed) plan_.seen.saw(r.signs, now);
  if (r.mine && r.mine->revoked) {  // revoked before this client knew of the grant
    undo_.push_back({id_, doubt_});
    doubt_ = false;
    return start_afresh(now);
  }
  if (r.mine) return granted(now);
  if (r.place >= 0) return queued(now, pushed);
  if (r.dead || queued_ || held_) return start_afresh(now);
  const bool in_use = r.holders + r.queue > 0;
  if ((in_use && r.cap != plan_.ask.cap) || (plan_.ask.cap > 0 && plan_.ask.what.weight > plan_.ask.cap)) {
    return finish(result::other_capacity);
  }
  if (const auto again = until_recalled(r, now)) return wait{*again};
  return finish(result::busy);
}

/// A try: perhaps nobody uses the lock, and its holder gives it up when it is told that somebody wants it.
std::optional<ms> acquire_machine::until_recalled(const reply& r, ms now) {
  if (!r.first || r.first->lingering.empty() || r.first->client == plan_.ask.client) return std::nullopt;
  const ms again = now + recall_pause_;
  recall_pause_ *= 2;
  const bool late = again > *started_ + kRecall || (plan_.deadline && again >= *plan_.deadline);
  return late ? std::nullopt : std::optional(again);
}

/// Every request that finds its own entry among the holders also renews it. So the lease counts from the time at which
/// this request was sent.
acquire_machine::action acquire_machine::granted(ms now) {
  held_ = true;
  if (!is_token(last_.mine->fence, last_.now)) {  // somebody edited the entry: no server gave this token
    last_.defect = strange_holder;
    return finish(result::not_a_lock);
  }
  const ms left = sent_ + plan_.ask.delta - now;
  const bool late = plan_.deadline && now >= *plan_.deadline;
  if (left < plan_.ask.delta / 2 && !late && slow_answers_++ < kSlowAnswers) return ask(operation::heartbeat, now);
  if (left <= 2 * (plan_.ask.delta / 10)) {
    doubt_ = true;  // too little of the lease is left, but on the server the lock is still held for us
    return finish(result::no_answer);
  }
  return done{result::acquired, sent_, plan_.ask.delta, last_.mine->fence, last_.mine->since};
}

acquire_machine::action acquire_machine::queued(ms now, bool pushed) {
  queued_ = true;
  if (peeks_) {
    peeked_ = sent_;
    peeked_server_ = last_.now;
  } else {
    asked_ = sent_;
    asked_server_ = last_.now;
    overdue_.reset();
  }
  // The grant notice does not count in two cases. First: the server was asked after the notice came, and did not
  // confirm it. Second: the notice is from an earlier time in the queue. The entry was granted and has expired, and a
  // late copy of a request has queued it again.
  queued_at_ = std::max(queued_at_, last_.fence);
  if (grant_ && (sent_ > heard_ || grant_->fence <= queued_at_)) grant_.reset();
  if (grant_) {
    if (auto d = by_announcement(now)) return *d;
    if (!plan_.deadline || now < *plan_.deadline) return ask(operation::heartbeat, now);
  }
  if (plan_.deadline && (last_look_ || now >= *plan_.deadline)) return finish(result::timed_out);
  if (pushed) pause_ = longest_pause();
  return pause(now);
}

/// Until the next poll.
acquire_machine::action acquire_machine::pause(ms now) {
  pause_ = std::clamp(pause_, turn_of(last_.place), longest_pause());
  ms next = now + static_cast<ms>(static_cast<double>(pause_) * (0.75 + 0.25 * jitter_()));
  pause_ = std::min(pause_ * 2, longest_pause());
  if (const auto end = next_end(now); end && last_.place < kWatchful) next = std::min(next, *end);
  if (overdue_) next = std::min(next, *overdue_ + turn_of(last_.place));
  if (plan_.deadline) next = std::min(next, *plan_.deadline);
  return wait{std::max(next, now)};
}

/// When the next lease ends, if it is not renewed before.
std::optional<ms> acquire_machine::next_end(ms now) const {
  if (plan_.ask.observed) {
    const auto over = plan_.seen.next(id_);
    return over ? std::optional(std::max(*over, now + kFirstPause)) : std::nullopt;
  }
  std::optional<ms> first;
  for (const auto& end : {last_.next_end, last_.foreign_until}) {
    if (end) first = std::min(first.value_or(*end), *end);
  }
  return first ? std::optional(std::max(now, now + *first + plan_.ask.skew - last_.now) + 1) : std::nullopt;
}

/// The turn of a waiter at that place cannot come sooner than this, even if the leases are short. If a crowd polled
/// more often, the server would be busy with these polls alone.
ms acquire_machine::turn_of(std::int64_t place) const {
  return std::min(kShortestTurn * place, longest_pause());
}

/// The first term of an heir may be as short as the smaller of the two. The heir has to send a command before it ends.
ms acquire_machine::longest_pause() const {
  return std::max<ms>(std::min(plan_.wait_period, plan_.ask.delta) * 9 / 10, kFirstPause);
}

acquire_machine::action acquire_machine::unanswered(bool in_doubt, ms now) {
  doubt_ = doubt_ || in_doubt;
  silent_ = true;
  in_flight_ = false;
  if (auto limit = give_up_at(); limit && now + kRetryPause >= *limit) return finish(not_acquired());
  const ms turn = queued_ ? std::min(turn_of(last_.place), kPatientRetry) : 0;
  pause_ = std::max(std::clamp(pause_ * 2, kRetryPause, kLongestRetry), turn);
  ms next = now + static_cast<ms>(static_cast<double>(pause_) * (0.5 + 0.5 * jitter_()));
  if (auto limit = give_up_at()) next = std::min(next, *limit - kRetryPause);
  return wait{std::max(next, now)};
}

acquire_machine::action acquire_machine::look(ms now) {
  if (queued_ || held_) return ask(may_peek(now) ? operation::peek : operation::heartbeat, now);
  return ask(plan_.queue ? operation::enqueue : operation::try_, now);
}

/// Far back in the queue, a waiter only has to stay in it. It can poll without changing the document (a change costs
/// the server as much as a release). But what a peek shows proves nothing, and a peek does not extend the entry.
bool acquire_machine::may_peek(ms now) const {
  const bool at_head = last_.place < kWatchful || last_.foreign_until;
  const bool late = plan_.deadline && now >= *plan_.deadline;
  const bool in_time = now + longest_pause() + kOutage <= asked_ + plan_.ask.life;
  return in_time && !at_head && !late && !grant_ && !no_peeks_ && !plan_.ask.observed;
}

/// True in two cases: the waiter is still in the queue, and a heartbeat would admit nobody; or a heartbeat would, but
/// the waiters before it will send one sooner, unless they are dead. In all other cases a heartbeat has to find out.
bool acquire_machine::is_queued_as_before(const reply& r, ms now) {
  if (r.place < 0 || !r.next_end || !r.head_until || r.foreign_until) return false;
  if (std::min(*r.next_end, *r.head_until) + plan_.ask.skew > r.now) {
    overdue_.reset();
    return true;
  }
  overdue_ = overdue_.value_or(now);
  return now < *overdue_ + turn_of(r.place);
}

/// The lease of an heir that has not sent a command of its own (docs/adr/0008-hand-off.md has the argument). The server
/// counts this lease from `since`, and `since` is not before the server's time in the answer to the request that was
/// sent at asked_. That request may be long ago, and the server's clock may run faster than ours. So the last peek is
/// the closer time to count from, but `since` may be before the peek. With observed expiry, others count from the
/// moment at which they see the grant, and that is after the request. There, no time of a server is used.
std::optional<acquire_machine::done> acquire_machine::by_announcement(ms now) const {
  const ms term = std::min(plan_.ask.term, plan_.ask.delta);
  const ms since = plan_.ask.observed ? 0 : grant_->since - asked_server_;
  ms begin = std::min(heard_, asked_ + since);
  if (peeked_ > asked_) begin = std::min(begin, peeked_ + grant_->since - peeked_server_);
  if (!plan_.renews || doubt_ || begin + term - now < std::max(term / 2, kEnough)) return std::nullopt;
  return done{result::acquired, begin, term, grant_->fence, grant_->since, true};
}

std::optional<acquire_machine::action> acquire_machine::announced(const grant& g, ms heard, ms now) {
  if (g.id != id_ || grant_) return std::nullopt;  // the acquisition was given up, or this is not the first notice
  if (queued_ && g.fence <= queued_at_) return std::nullopt;  // the notice is from an earlier time in the queue
  grant_ = g;
  heard_ = heard;
  if (!queued_) return std::nullopt;  // the answer that says "queued" has to come first
  if (auto d = by_announcement(now)) return *d;
  if (in_flight_) return std::nullopt;
  return ask(operation::heartbeat, now);
}

std::optional<acquire_machine::action> acquire_machine::nudged(bool foreign, ms now) {
  if (!queued_ || in_flight_ || (foreign ? !last_.foreign_until : last_.place >= kWatchful)) return std::nullopt;
  return ask(operation::heartbeat, now);
}

acquire_machine::action acquire_machine::give_up(ms now) {
  doubt_ = doubt_ || (in_flight_ && !peeks_);
  // An answer that is only a little late says nothing new about the server: the last answer still counts.
  if (now - sent_ > kLateAnswer || held_) silent_ = true;
  return finish(not_acquired());
}

acquire_machine::action acquire_machine::cancel() {
  doubt_ = doubt_ || (in_flight_ && !peeks_);
  return finish(result::cancelled);
}

void acquire_machine::serve(std::optional<ms> deadline, ms began, bool contact) {
  plan_.deadline = deadline;
  started_ = began;
  contact_ = contact;
  last_look_ = false;
}

acquire_machine::action acquire_machine::go_on(ms now) {
  if (!undo_.empty() && undo_.back().id == id_) undo_.pop_back();
  in_flight_ = false;  // nobody waits for that answer any more
  return is_queued(now) ? pause(now) : look(now);
}

bool acquire_machine::is_queued(ms now) const {
  const bool overdue = in_flight_ && now - sent_ > kLateAnswer;
  return queued_ && !held_ && !silent_ && !overdue && last_.place >= 0;
}

std::optional<ms> acquire_machine::give_up_at() const {
  if (plan_.deadline) return *plan_.deadline + kOvertime;
  if (!contact_ && started_) return *started_ + plan_.patience;
  return std::nullopt;
}

/// timed_out: the last answer said that others hold the lock. If the last answer was "no entry", or a grant that still
/// has to be confirmed, that is not known: no_answer.
acquire_machine::result acquire_machine::not_acquired() const {
  return contact_ && !silent_ && last_.place >= 0 ? result::timed_out : result::no_answer;
}

const char* acquire_machine::missing() const {
  if (!contact_) return "still waiting for its first answer";
  if (!held_) return "the last request was not answered";
  return in_flight_ || silent_ ? "it was granted, but the server has not confirmed that it still is"
                               : "it was granted, but the answer came when most of the lease had passed";
}

acquire_machine::action acquire_machine::finish(result what) {
  const bool nothing_there = what == result::busy || what == result::not_a_lock || what == result::other_capacity ||
                             what == result::other_expiry;
  if (requests_ > 0 && (doubt_ || held_ || !nothing_there)) undo_.push_back({id_, doubt_});
  return done{.what = what, .why = what == result::no_answer ? missing() : ""};
}

}  // namespace dlock::protocol
