// Observers of elections.
#include "engine/client.hpp"

namespace dlock::engine {

call_id client::observe(std::string election, ms period, ms now) {
  look(now);
  const call_id c = ++last_;
  if (closing_) return c;
  observer o{.election = std::move(election), .steps = observe_machine(period, settings_.skew, now)};
  look_at(c, observers_.emplace(c, std::move(o)).first->second, now);
  return c;
}

void client::stop_observing(call_id c) {
  timers_.clear({kObserver, c});
  observers_.erase(c);
}

void client::look_at(call_id c, observer& o, ms now) {
  if (o.steps.look(now)) {
    (void)begin({.what = asking::kind::observe, .lookup = {.id = o.election}, .observer = c}, now);
  }
  timers_.set({kObserver, c}, o.steps.next());
}

/// The read for this observer is over.
void client::observed(call_id c, const ask_ended& e, ms now) {
  const auto it = observers_.find(c);
  if (it == observers_.end()) return;
  auto& [_, o] = *it;
  if (e.what != ask_ended::result::answered) {
    events_.emplace_back(trouble{trouble::kind::no_leader_seen, o.election, e.failure.why});
    o.steps.not_seen(now);
  } else if (o.steps.seen(e.seen, now)) {
    events_.emplace_back(leader_changed{c, o.steps.leader()});
  }
  look_at(c, o, now);
}

void client::leader_told(call_id c, bool told, ms now) {
  look(now);
  const auto it = observers_.find(c);
  if (it == observers_.end()) return;
  told ? it->second.steps.told(now) : it->second.steps.not_told(now);
  look_at(c, it->second, now);
}

void client::heard(const protocol::announcement& a, ms now) {
  look(now);
  if (!a.locked) heard_release(a.lock, now);
  nudge_observers(a.lock, now);
  if (subscriptions_ == 0) return;
  for (auto& each : turn_events_.heard(a)) events_.emplace_back(subscriber_event{std::move(each)});
}

void client::heard_gap(ms now) {
  missed_events(now);
  if (subscriptions_ == 0) return;
  events_.emplace_back(subscriber_event{});
  for (auto& each : turn_events_.heard_gap()) events_.emplace_back(subscriber_event{std::move(each)});
}

void client::subscribed(int more) {
  subscriptions_ += more;
  if (subscriptions_ == 0) turn_events_.forget();
}

void client::missed_events(ms now) {
  look(now);
  nudge_observers({}, now);
}

/// Empty: of all elections.
void client::nudge_observers(const std::string& election, ms now) {
  for (auto& [c, o] : observers_) {
    if (!election.empty() && o.election != election) continue;
    o.steps.nudge(now);
    look_at(c, o, now);
  }
}

}  // namespace dlock::engine
