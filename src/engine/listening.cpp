// The feeds of a client, and whether the notifications work.
#include <algorithm>

#include "engine/client.hpp"

namespace dlock::engine {

bool client::wants(part which) const noexcept {
  if (which == part::inbox) return wants_inbox_;
  return which == part::events && (foreign_ > 0 || subscriptions_ > 0 || !observers_.empty());
}

void client::works(part which) {
  if (health_of(which).works()) events_.emplace_back(notifications_changed{which, true});
}

void client::fails(part which, const std::string& why) {
  if (health_of(which).fails(why)) events_.emplace_back(notifications_changed{which, false, why});
}

void client::report(part which, const answer& a) {
  a.what == answer::kind::replied ? works(which) : fails(which, a.why);
}

notification_status client::notifications() const {
  notification_status out;
  for (const auto& each : health_) {
    if (each.now().now == notification_status::state::failing) return each.now();
    if (each.now().now == notification_status::state::working) out = each.now();
  }
  return out;
}

bool client::notifications_fail() const noexcept {
  return std::any_of(health_.begin(), health_.end(),
                     [](const auto& each) { return each.now().now == notification_status::state::failing; });
}

void client::opened(part which, ms now) {
  look(now);
  if (which == part::events && !wants(which)) return;  // its follower was stopped meanwhile
  works(which);
  open_.at(static_cast<std::size_t>(which)) = true;
  if (which == part::events) {
    heard_release({}, now);
    return missed_events(now);
  }
  std::vector<call_id> all;
  for (const auto& [_, c] : expected_) all.push_back(c);
  for (const auto c : all) {
    if (const auto it = acquisitions_.find(c); it != acquisitions_.end()) nudge(c, it->second, false, now);
  }
}

ms client::broke(part which, const std::string& why, ms now) {
  fails(which, why);
  open_.at(static_cast<std::size_t>(which)) = false;
  return now + health_of(which).next_pause();
}

void client::closed(part which) {
  health_of(which).not_needed();
  open_.at(static_cast<std::size_t>(which)) = false;
}

void client::stop_listening() {
  expected_.clear();
  foreign_ = subscriptions_ = 0;
  turn_events_.forget();
  for (auto& [_, a] : acquisitions_) {
    a.expected.clear();
    a.foreign = false;
  }
  wants_inbox_ = false;
  closed(part::inbox);
  closed(part::events);
}

}  // namespace dlock::engine
