#include "verdict.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace dlock::chaos {
namespace {

/// Holds that ended by loss or with their process, and whose lock somebody else got afterwards.
std::int64_t take_overs(const analysis& a) {
  std::int64_t n = 0;
  for (const auto& [name, lock] : a.locks) {
    for (const auto i : lock.holds) {
      const auto& one = a.holds[i];
      if (!a.ended_by_loss(one) && one.died > one.release_called) continue;
      n += std::any_of(lock.holds.rbegin(), lock.holds.rend(), [&](auto k) { return a.holds[k].token > one.token; });
    }
  }
  return n;
}

std::int64_t changes_of_primary(const history& h) {
  std::int64_t n = 0;
  for (std::size_t i = 1; i < h.primaries.size(); ++i) n += h.primaries[i].second != h.primaries[i - 1].second;
  return n;
}

std::map<std::string, std::int64_t> count(const analysis& a, const wake_up_gaps& gaps) {
  std::map<std::string, std::int64_t> n;
  n["acquisitions"] = static_cast<std::int64_t>(a.holds.size());
  n["calls"] = static_cast<std::int64_t>(a.h.calls.size());
  n["unknowns"] = std::count_if(a.h.calls.begin(), a.h.calls.end(),
                                [](auto& c) { return c.acquires() && (!c.returned || c.in_doubt); });
  n["take_overs"] = take_overs(a);
  n["losses"] = std::count_if(a.holds.begin(), a.holds.end(), [&](auto& one) { return a.ended_by_loss(one); });
  n["longest_gap_ms"] = gaps.longest / ns_per_ms;
  n["gaps_judged"] = gaps.judged;
  n["puts_accepted"] = std::count_if(a.h.accesses.begin(), a.h.accesses.end(),
                                     [](auto& x) { return x.what == access_kind::put && x.ok; });
  n["stale_refused"] = std::count_if(a.h.accesses.begin(), a.h.accesses.end(), [](auto& x) { return !x.ok; });
  n["elections"] = changes_of_primary(a.h);
  n["torn_lines"] = a.h.torn;
  n["processes_killed"] =
      std::count_if(a.h.processes.begin(), a.h.processes.end(), [](auto& e) { return e.what == process_news::killed; });
  return n;
}

}  // namespace

bool verdict::ok() const {
  return std::all_of(checks.begin(), checks.end(), [](auto& c) { return c.ok(); });
}

verdict judge(const history& h) {
  const analysis a(h);
  conflict_list conflicts;
  for (const auto& [name, lock] : a.locks) {
    const auto more = find_conflicts(a, lock);
    conflicts.insert(conflicts.end(), more.begin(), more.end());
  }
  verdict v;
  wake_up_gaps gaps;
  v.checks.push_back(check_exclusion_at_resource(a));
  v.checks.push_back(check_lost_updates(a));
  v.checks.push_back(check_accounting(a));
  v.checks.push_back(check_overlap(a, conflicts));
  v.checks.push_back(check_permits(a, conflicts));
  v.checks.push_back(check_readers_writers(a, conflicts));
  v.checks.push_back(check_tokens_unique(a));
  v.checks.push_back(check_tokens_real_time(a));
  v.checks.push_back(check_queue_order(a));
  v.checks.push_back(check_lost_before_takeover(a));
  v.checks.push_back(check_wake_up_gap(a, gaps));
  v.checks.push_back(check_liveness(a));
  v.checks.push_back(check_deadlines(a));
  v.checks.push_back(check_fork(a));
  v.counts = count(a, gaps);
  for (const auto why : {excuse::none, excuse::operator_edit, excuse::server_clock}) v.overlaps[name(why)] = 0;
  for (const auto& c : conflicts) ++v.overlaps[name(c.why)];
  v.injections = a.faults.injections();
  v.ignored = h.ignored;
  return v;
}

std::string as_json(const verdict& v) {
  nlohmann::ordered_json out;
  out["checks"] = nlohmann::ordered_json::array();
  for (const auto& c : v.checks) {
    out["checks"].push_back(
        {{"name", c.name}, {"ok", c.ok()}, {"detail", c.detail}, {"broken", c.broken}, {"examples", c.examples}});
  }
  auto& counts = out["counts"];
  for (const auto& [name, n] : v.counts) counts[name] = n;
  counts["overlaps"] = v.overlaps;
  counts["injections"] = v.injections;
  counts["ignored_events"] = v.ignored;
  return out.dump(2) + "\n";
}

}  // namespace dlock::chaos
