#include "engine/idle_leases.hpp"

namespace dlock::engine {
namespace {

constexpr ms kRecalledAgain = 1000;

/// Forgets what is over, if there is much.
void forget(std::map<std::string, ms>& all, ms now) {
  if (all.size() >= idle_leases::most) std::erase_if(all, [&](const auto& each) { return each.second <= now; });
  if (all.size() >= idle_leases::most) all.erase(all.begin());
}

}  // namespace

bool idle_leases::may_begin(const std::string& lock, ms now) const {
  const auto it = recalled_.find(lock);
  return !leases_.contains(lock) && (it == recalled_.end() || it->second <= now);
}

void idle_leases::begins(const std::string& lock, number hold) {
  leases_.emplace(lock, hold);
  all_.insert(hold);
}

void idle_leases::ends(const std::string& lock, number hold) {
  const auto it = leases_.find(lock);
  if (it == leases_.end() || it->second != hold) return;
  leases_.erase(it);
  all_.erase(hold);
}

std::optional<idle_leases::number> idle_leases::of(const std::string& lock) const {
  const auto it = leases_.find(lock);
  return it == leases_.end() ? std::nullopt : std::optional(it->second);
}

std::optional<idle_leases::number> idle_leases::too_many() const {
  return all_.size() > most ? std::optional(*all_.begin()) : std::nullopt;
}

void idle_leases::recalled(const std::string& lock, ms until, ms now) {
  forget(recalled_, now);
  recalled_.insert_or_assign(lock, until);
}

bool idle_leases::recalls(const std::string& id, ms now) {
  const auto it = told_.find(id);
  if (it != told_.end() && now < it->second) return false;
  forget(told_, now);
  told_.insert_or_assign(id, now + kRecalledAgain);
  return true;
}

}  // namespace dlock::engine
