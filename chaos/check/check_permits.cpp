#include <algorithm>
#include <unordered_map>

#include "checks.hpp"

namespace dlock::chaos {
namespace {

/// Who is inside at the resource; a semaphore's users are counted there without dlock's help.
struct inside {
  std::unordered_map<std::string, const access*> who;  // id -> its enter
  std::int64_t most = 0;
};

/// Until when the acquisition may be inside: the end of its belief. Whoever died before it could write of its hold has
/// none that we know of.
ns allowed_until(const analysis& a, const access& enter) {
  const auto it = a.by_id.find(enter.id);
  return it == a.by_id.end() ? 0 : a.holds[it->second.front()].last_belief();
}

}  // namespace

check_result check_permits(const analysis& a, const conflict_list& conflicts) {
  check_result r("permits");
  for (const auto& c : conflicts) {
    if (c.too_many && c.why == excuse::none)
      r.breaks("believed: " + a.describe(a.holds[c.newer]) + " came when too many had it, such as " +
               a.describe(a.holds[c.older]));
  }
  std::unordered_map<std::string, inside> places;
  std::int64_t enters = 0, overstayed = 0;
  for (const auto& x : a.h.accesses) {
    auto& p = places[x.lock];
    if (x.what == access_kind::leave) p.who.erase(x.id);
    if (x.what != access_kind::enter) continue;
    ++enters;
    p.who[x.id] = &x;
    const auto lock = a.locks.find(x.lock);
    if (lock == a.locks.end() || lock->second.cap == 0) continue;
    std::int64_t taken = 0, believed = 0;
    for (const auto& [id, enter] : p.who) {
      taken += enter->weight;
      const auto held = a.by_id.find(id);
      const bool excused = held == a.by_id.end() || excuse_for(a, a.holds[held->second.front()], x.at) != excuse::none;
      if (!excused && x.at < allowed_until(a, *enter)) believed += enter->weight;
    }
    p.most = std::max(p.most, believed);
    if (believed > lock->second.cap) {
      r.breaks(x.lock + ": " + std::to_string(believed) + " of " + std::to_string(lock->second.cap) +
               " inside, each believing, at " + a.h.at(x.where));
    } else if (taken > lock->second.cap) {
      ++overstayed;
    }
  }
  r.detail = std::to_string(enters) + " enters, " + std::to_string(overstayed) +
             " of them beside somebody who had stayed after its lease";
  return r;
}

}  // namespace dlock::chaos
