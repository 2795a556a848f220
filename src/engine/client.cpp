// What all calls share: requests and their answers, the requests of the background, the timers.
#include "engine/client.hpp"

#include <algorithm>

#include "engine/cancel.hpp"

namespace dlock::engine {
namespace {

constexpr ms kObserved = 3'600'000;  // with observed expiry: how long what gives an entry up is repeated

}  // namespace

client::client(settings s, std::function<std::string()> fresh_id, std::function<double()> jitter)
    : settings_(std::move(s)),
      fresh_id_(std::move(fresh_id)),
      jitter_(std::move(jitter)),
      retries_(settings_.background_limit) {}

void client::close(ms now) {
  look(now);
  closing_ = true;
  for (auto& [h, l] : holds_) {
    l.machine.stop_renewing();
    look_at(h, l, now);
  }
  for (const auto& [c, _] : observers_) timers_.clear({kObserver, c});
  observers_.clear();
  std::vector<call_id> all;
  for (const auto& [c, _] : acquisitions_) all.push_back(c);
  for (const auto c : all) cancel(c, now);
  all.clear();
  for (const auto& [c, _] : asks_) all.push_back(c);
  for (const auto c : all) {
    auto& a = asks_.at(c);
    if (a.what == asking::kind::confirm) continue;  // it goes on
    const bool sent = !a.only_reads() && a.request != 0 && !withdraw(a.request);
    end(c, a, {.what = ask_ended::result::closed, .in_doubt = a.in_doubt || sent}, now);
  }
  retries_.close();
  pump(now);
  confirmations_.close();
  confirm(now);
}

// --- requests -------------------------------------------------------------------------------------------------------

/// `release`: if it can, it goes in the command of that request.
client::number client::submit(protocol::request r, purpose who, ms now, number release) {
  const number n = ++last_;
  r.client = settings_.id;
  requests_.emplace(n, on_its_way{r, who});
  if (release == 0 || !queue_.add_to(release, n, r)) queue_.add(n, std::move(r), now);
  rearm();
  return n;
}

/// Nobody waits for the answer any more. True: the request was not sent, and never will be.
bool client::withdraw(number& n) {
  const number which = std::exchange(n, 0);
  if (queue_.withdraw(which)) {
    requests_.erase(which);
    rearm();
    return true;
  }
  if (const auto it = requests_.find(which); it != requests_.end()) it->second.who = {};
  return false;
}

std::optional<client::outgoing> client::next_request(ms now) {
  look(now);
  // Requests and lookups take turns: many requests must not delay a lookup.
  lookup_next_ = !lookup_next_;
  if (lookup_next_ || queue_.ready() == 0) {
    if (auto out = next_lookup()) return out;
  }
  while (auto c = queue_.take(now)) {
    outgoing out{.ticket = ++last_, .all = {}};
    std::vector<number> numbers;
    for (auto& i : c->all) {
      auto& w = requests_.at(i.n);
      if (w.who.what == purpose::kind::retry && retries_.begin(w.who.of, now) == nullptr) {
        const auto who = w.who.of;
        requests_.erase(i.n);
        retry_over(who, {}, now);  // its time was over before its turn came
        pump(now);                 // now there is room for another one
        continue;
      }
      i.r.floor = std::max(i.r.floor, known_.floor_of(i.r.lock));
      out.all.push_back(std::move(i.r));
      numbers.push_back(i.n);
    }
    rearm();
    if (numbers.size() > 1) in_full(out, numbers);
    if (!numbers.empty()) {
      sent_.emplace(out.ticket, command{c->ticket, std::move(numbers)});
      return out;
    }
    queue_.returned(c->ticket);
  }
  return next_lookup();
}

/// What goes together in one command has no other form.
void client::in_full(outgoing& out, const std::vector<number>& numbers) {
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    out.all[i].how = requests_.at(numbers[i]).r.how = protocol::form::whole;
  }
}

std::optional<client::outgoing> client::next_lookup() {
  while (!lookups_.empty()) {
    const auto it = asks_.find(lookups_.front());
    lookups_.pop_front();
    if (it == asks_.end()) continue;
    const auto ticket = ++last_;
    reading_.emplace(ticket, it->first);
    return outgoing{.ticket = ticket, .all = {}, .lookup = it->second.lookup};
  }
  return std::nullopt;
}

void client::answered(std::uint64_t ticket, std::vector<answer> answers, ms now) {
  const auto found = sent_.extract(ticket);
  if (!found) return;
  const auto numbers = std::move(found.mapped().all);
  if (found.mapped().ticket != 0) queue_.returned(found.mapped().ticket);
  rearm();
  const auto replied = [](const answer& a) { return a.what != answer::kind::no_answer; };
  if (std::any_of(answers.begin(), answers.end(), replied)) server_answers(now);
  for (std::size_t i = 0; i < numbers.size() && i < answers.size(); ++i) {
    auto what = requests_.extract(numbers[i]);
    if (what) one_answered(std::move(what.mapped()), answers[i], numbers[i], now);
  }
  look(now);
}

void client::one_answered(on_its_way what, const answer& a, number n, ms now) {
  if (a.what == answer::kind::replied) {
    announce(what.r, a.reply, now);
    known_.saw(what.r, a.reply);
    if (!a.early) {
      if (auto again = confirmations_.saw(what.r, a.reply)) release_again({*std::move(again)}, now);
    }
  }
  const auto mine = [n](auto& all, std::uint64_t c) {
    const auto it = all.find(c);
    return it != all.end() && it->second.request == n ? &it->second : nullptr;
  };
  switch (what.who.what) {
    case purpose::kind::nobody:
      return;
    case purpose::kind::acquisition:
      if (auto* it = mine(acquisitions_, what.who.of)) acquisition_answered(what.who.of, *it, a, now);
      return;
    case purpose::kind::renewal:
      if (const auto it = holds_.find(what.who.of); it != holds_.end()) {
        renewed(it->first, it->second, a, what.r.op, what.sent, now);
      }
      return;
    case purpose::kind::release:
      if (auto* it = mine(releases_, what.who.of)) release_answered(what.who.of, *it, a, now);
      return;
    case purpose::kind::ask:
      if (auto* it = mine(asks_, what.who.of)) ask_answered(what.who.of, *it, a, {}, now);
      return;
    case purpose::kind::retry:
      return retry_answered(what.who.of, a, now);
  }
}

void client::cannot_send(const std::string& why, ms now) {
  while (auto out = next_request(now)) {
    answer none;
    none.why = why;
    if (out->lookup) {
      lookup_answer nothing_seen;
      nothing_seen.why = why;
      answered(out->ticket, std::move(nothing_seen), now);
      continue;
    }
    const auto numbers = sent_.at(out->ticket).all;
    for (const auto n : numbers) {
      const auto& who = requests_.at(n).who;
      if (who.what != purpose::kind::retry) continue;
      const auto then = follow_ups_.find(who.of);
      if (then->second.what == follow_up::kind::confirm) continue;  // its lock was said to be free: it is tried again
      retries_.drop(who.of);  // on the server, the entry that it was about will expire
      announcements_.not_freed(then->second.look.id);
      follow_ups_.erase(then);
      requests_.at(n).who = {};
    }
    pump(now);
    answered(out->ticket, std::vector<answer>(numbers.size(), none), now);
  }
}

// --- what an answer also says ---------------------------------------------------------------------------------------

void client::announce(const protocol::request& r, const protocol::reply& a, ms now) {
  // This comes first: an heir of this client publishes its own grant as soon as it knows of it.
  if (r.op == protocol::operation::release && a.found) {
    if (auto free = announcements_.freed(r.id)) publish_all({*std::move(free)}, now);
  }
  for (const auto& h : a.heirs) {
    protocol::grant g{r.lock, h.id, h.fence, h.since};
    if (h.client == settings_.id) {
      granted(g, now);
    } else if (settings_.has_channel && announcements_.should_notify(r, a, h, now)) {
      outbox_.tell({h.client, std::move(g)});
    }
  }
}

void client::publish_all(std::vector<protocol::announcement> all, ms now) {
  if (!settings_.has_channel) return;
  for (auto& a : all) outbox_.publish(std::move(a), now);
  rearm();
}

std::optional<outbox::batch> client::next_publication(ms now) {
  auto batch = outbox_.take(now);
  rearm();
  return batch;
}

void client::published(bool there, bool in_doubt, ms now) {
  outbox_.sent(there, in_doubt, now);
  rearm();
}

void client::cannot_publish(ms now) {
  outbox_.postpone(now);
  rearm();
}

void client::hurry(ms now) {
  outbox_.hurry(now);
  rearm();
}

// --- the background -------------------------------------------------------------------------------------------------

void client::server_answers(ms now) {
  answered_ = now;
  if (!retries_.is_silent()) return;
  retries_.server_answers();
  pump(now);
}

/// Repeats `r` in the background until it is answered, or until `until`. At that time, the entry that it is about has
/// expired on the server. With observed expiry it has not: it ends only when somebody wants the lock.
void client::retry(protocol::request r, ms until, follow_up then, ms now) {
  if (r.observed) until = std::max(until, now + kObserved);
  follow_ups_.emplace(retries_.add(std::move(r), until, now), std::move(then));
  pump(now);
}

/// Submits the requests of the background that are due, as long as there is room.
void client::pump(ms now) {
  while (const auto n = retries_.take(now)) {
    (void)submit(retries_.request_of(*n), {purpose::kind::retry, *n}, now);
  }
  timers_.set(kRetry, retries_.next().value_or(never));
}

void client::retry_answered(number n, const answer& a, ms now) {
  if (retries_.ended(n, a.what != answer::kind::no_answer, answered_, now)) retry_over(n, a, now);
  pump(now);
}

void client::retry_over(number n, const answer& a, ms now) {
  const auto found = follow_ups_.extract(n);
  if (!found) return;
  const auto& then = found.mapped();
  if (then.what == follow_up::kind::leave) {
    const auto it = acquisitions_.find(then.call);
    if (it != acquisitions_.end()) acquisition_due(it->first, it->second, now);
  }
  if (then.what == follow_up::kind::confirm && a.what != answer::kind::replied) {
    events_.emplace_back(trouble{trouble::kind::unconfirmed, then.look.lock, a.why});
  }
  if (then.what != follow_up::kind::give_back) return;
  const bool replied = a.what == answer::kind::replied;
  if (replied && !then.lost) {
    if (auto free = announcements_.freed(then.look.id)) publish_all({*std::move(free)}, now);
  }
  announcements_.not_freed(then.look.id);
  // The same as after a release that was answered in time. But if there was no answer, the entry may have to be kept.
  const bool unheard = !replied && then.doubtful && !then.kept;
  if (unheard || (replied && (then.doubtful || !a.reply.found))) {
    retry(then.look, now + std::max(then.look.life, then.look.delta), {}, now);
  }
}

// --- time -----------------------------------------------------------------------------------------------------------

void client::look(ms now) {
  while (const auto k = timers_.take(now)) fire(*k, now);
}

void client::fire(const key& k, ms now) {
  if (k == kRetry) return pump(now);
  if (k == kConfirm) return confirm(now);
  if (k == kOutbox) return;  // the driver asks publication_is_due()
  if (k == kQueue) {
    queue_.look(now);
    return rearm();
  }
  switch (k.first) {
    case kAcquisition:
      return acquisition_due(k.second, acquisitions_.at(k.second), now);
    case kAsk:
      return ask_due(k.second, asks_.at(k.second), now);
    case kHold: {
      auto& l = holds_.at(k.second);
      return l.is_idle() && l.now == hold_phase::lost ? discard(k.second, now) : look_at(k.second, l, now);
    }
    case kObserver:
      return look_at(k.second, observers_.at(k.second), now);
    case kRelease: {
      auto& r = releases_.at(k.second);
      if (r.request == 0) return follow(k.second, r, r.steps.look(), now);
      (void)withdraw(r.request);
      return follow(k.second, r, r.steps.give_up(), now);
    }
    default:
      return;
  }
}

const client::lease* client::find(hold_id h) const {
  const auto it = holds_.find(h);
  return it == holds_.end() ? nullptr : &it->second;
}

ms client::ends_by(call_id c) const {
  if (const auto it = acquisitions_.find(c); it != acquisitions_.end()) {
    return it->second.contact && !it->second.plan.deadline ? never : it->second.steps.give_up_at().value_or(never);
  }
  if (const auto it = releases_.find(c); it != releases_.end()) return it->second.steps.until();
  if (const auto it = asks_.find(c); it != asks_.end()) return it->second.until;
  return never;
}

std::optional<call_id> client::expects(const std::string& id) const {
  const auto it = expected_.find(id);
  return it == expected_.end() ? std::nullopt : std::optional(it->second);
}

std::optional<protocol::operation> client::asks(call_id c) const {
  const auto op_of = [this](number n) {
    const auto it = requests_.find(n);
    return it == requests_.end() ? std::nullopt : std::optional(it->second.r.op);
  };
  if (const auto it = acquisitions_.find(c); it != acquisitions_.end()) return op_of(it->second.request);
  if (const auto it = releases_.find(c); it != releases_.end()) return op_of(it->second.request);
  if (const auto it = asks_.find(c); it != asks_.end()) return op_of(it->second.request);
  return std::nullopt;
}

std::size_t client::size() const noexcept {
  return acquisitions_.size() + releases_.size() + asks_.size() + holds_.size() + observers_.size() + expected_.size() +
         requests_.size() + follow_ups_.size() + retries_.size() + queue_.size() + renewals_.size() + lookups_.size() +
         reading_.size() + sent_.size() + announcements_.to_free() + turns_.size() + confirmations_.size() +
         turn_events_.size() + idle_.size();
}

}  // namespace dlock::engine
