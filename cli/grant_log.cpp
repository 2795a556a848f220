#include "grant_log.hpp"

#include <algorithm>

namespace dlock::cli {

std::deque<seen_grant>& grant_log::grants_of(const std::string& id) {
  const auto found = by_id_.find(id);
  if (found != by_id_.end()) {
    locks_.splice(locks_.begin(), locks_, found->second);
    return locks_.front().grants;
  }
  if (locks_.size() == most_locks) {
    by_id_.erase(locks_.back().id);
    locks_.pop_back();
  }
  locks_.push_front({.id = id, .grants = {}});
  by_id_.emplace(id, locks_.begin());
  return locks_.front().grants;
}

void grant_log::add(const dlock::lock_event& event) {
  using kind = dlock::lock_event::kind;
  if (event.what == kind::gap) return;
  std::deque<seen_grant>& grants = grants_of(event.id);
  // From the back: mongo-dlock's grants all have the token 0. An event may overtake the one before.
  const auto known =
      std::find_if(grants.rbegin(), grants.rend(), [&](const seen_grant& each) { return each.token == event.token; });
  const bool is_known = known != grants.rend() && (event.token != 0 || event.what == kind::unlocked);
  if (!is_known) {
    if (event.what == kind::unlocked && !event.held) return;  // when did it begin?
    grants.push_back({.token = event.token, .who = event.who, .at = event.at, .waited = {}, .held = {}});
    if (event.what == kind::unlocked) grants.back().at -= *event.held;
    if (grants.size() > most_grants) grants.pop_front();
  }
  seen_grant& one = is_known ? *known : grants.back();
  if (event.what == kind::locked) {
    if (event.waited) {  // else a leader publishes another value, or it is of an older version
      one.at = event.at;
      one.waited = event.waited;
    }
    return;
  }
  if (one.held) return;
  // Older versions do not tell how long they held the lock.
  const auto between = std::chrono::duration_cast<std::chrono::milliseconds>(event.at - one.at);
  one.held = event.held ? *event.held : std::max(between, std::chrono::milliseconds(0));
  one.lost = event.lost;
}

std::vector<seen_grant> grant_log::of(const std::string& id) const {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return {};
  const std::deque<seen_grant>& grants = found->second->grants;
  return {grants.rbegin(), grants.rend()};
}

}  // namespace dlock::cli
