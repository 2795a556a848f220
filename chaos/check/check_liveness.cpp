#include <set>

#include "checks.hpp"

namespace dlock::chaos {

namespace {

/// It was cancelled at the end, when all had been well for long, and nobody had any of its locks meanwhile.
bool waited_in_vain(const analysis& a, const call& c) {
  if (!c.acquires() || c.what != "cancelled" || !c.returned || !a.h.healed) return false;
  const ns since = std::max(c.at, *a.h.healed);
  const ns dead_entries = std::max(c.ttl, 3 * a.h.config.wait_period) + a.h.config.clock_skew + 2 * ns_per_s;
  if (*c.returned - since < dead_entries) return false;
  for (const auto& claim : c.claims) {
    for (const auto i : a.locks.at(claim.lock).holds) {
      const auto& one = a.holds[i];
      const ns end = one.released != never ? one.released : std::max(one.until, one.last_belief());
      if (one.from <= *c.returned && end >= since) return false;
    }
  }
  return true;
}

}  // namespace

check_result check_liveness(const analysis& a) {
  check_result r("liveness");
  std::int64_t returned = 0, unknown = 0;
  for (const auto& c : a.h.calls) {
    if (c.returned) {
      ++returned;
      if (waited_in_vain(a, c))
        r.breaks("nobody had it, and still the call " + c.op + " of " + c.claims.front().lock + " by " + c.process +
                 " waited until it was cancelled (" + a.h.at(c.where) + ")");
    } else if (a.faults.killed(c.process) != never) {
      ++unknown;
    } else {
      r.breaks("no return of the call " + c.op + (c.claims.empty() ? "" : " of " + c.claims.front().lock) + " by " +
               c.process + " (" + a.h.at(c.where) + ")");
    }
  }
  std::set<std::string> acquired;
  for (const auto& f : a.h.finals) {
    if (f.ok && a.h.healed && f.at >= *a.h.healed) acquired.insert(f.lock);
    if (!f.ok) r.breaks(f.lock + " could not be acquired after all was healed (" + a.h.at(f.where) + ")");
  }
  for (const auto& [name, lock] : a.locks) {
    if (!acquired.contains(name)) r.breaks(name + " was not acquired once more after all was healed");
  }
  r.detail = std::to_string(returned) + " calls returned, " + std::to_string(unknown) + " of killed processes, " +
             std::to_string(acquired.size()) + " of " + std::to_string(a.locks.size()) + " locks acquired at the end";
  return r;
}

check_result check_fork(const analysis& a) {
  check_result r("fork");
  std::map<std::string, std::vector<const lease_event*>> forked;
  std::map<std::string, std::size_t> children;
  std::int64_t heard = 0;
  for (const auto& e : a.h.lease_events) {
    if (e.what == lease_news::forked) forked[e.id].push_back(&e);
    if (e.what != lease_news::child) continue;
    ++children[e.id];
    ++heard;
    for (const auto& [name, said] : e.answers) {
      if (said != "forked")
        r.breaks("a child's " + name + " of its parent's " + e.id + " answered " + said + " (" + a.h.at(e.where) + ")");
    }
  }
  for (const auto& [id, forks] : forked) {
    const auto* e = forks.front();
    if (children[id] < forks.size() && a.faults.killed(e->process) == never)
      r.breaks("nothing was heard of a child that " + e->process + " forked (" + a.h.at(e->where) + ")");
    const auto it = a.by_id.find(id);
    if (it == a.by_id.end()) continue;
    const auto& one = a.holds[it->second.front()];
    if (one.lost != never && one.lost >= e->at && a.faults.quiet(one.what.lock, e->at, one.lost))
      r.breaks("lost after it forked (" + a.h.at(e->where) + "), without any fault: " + a.describe(one));
  }
  r.detail = std::to_string(forked.size()) + " holds forked with, " + std::to_string(heard) + " children heard of";
  return r;
}

}  // namespace dlock::chaos
