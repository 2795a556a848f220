#include <algorithm>
#include <set>

#include "checks.hpp"

namespace dlock::chaos {
namespace {

/// Of one lock: who waits, by token. Whoever waits knows that the server has queued it.
struct waiting {
  std::set<std::pair<std::int64_t, std::size_t>> undisturbed, disturbed;
};

}  // namespace

// A call that comes when another one is known to be queued gets the larger token, whatever the two ask for: nobody
// passes the head of the queue. Only what happens to the one that waits can cost it its place. Calls for several locks
// do not say which one they are queued for: they are judged as those who come, not as those who wait.
check_result check_queue_order(const analysis& a) {
  check_result r("queue-order");
  std::int64_t judged = 0, excluded = 0, passed = 0;
  for (const auto& [name, lock] : a.locks) {
    std::vector<std::size_t> by_queued, by_return;
    for (const auto i : lock.holds) {
      const auto& c = a.h.calls[a.holds[i].call];
      if (c.op == "acquire" && c.queued) by_queued.push_back(i);
    }
    by_return = by_queued;  // as lock.holds is
    const auto queued = [&](std::size_t i) { return *a.h.calls[a.holds[i].call].queued; };
    std::stable_sort(by_queued.begin(), by_queued.end(), [&](auto x, auto y) { return queued(x) < queued(y); });
    auto by_call = lock.holds;
    std::stable_sort(by_call.begin(), by_call.end(),
                     [&](auto x, auto y) { return a.holds[x].asked < a.holds[y].asked; });

    waiting now;
    const auto place_of = [&](std::size_t i) -> auto& {
      const auto& one = a.holds[i];
      return a.faults.quiet_for(one.process, name, one.asked, one.from) ? now.undisturbed : now.disturbed;
    };
    std::size_t next_queued = 0, next_return = 0;
    for (const auto i : by_call) {
      const auto& comes = a.holds[i];
      for (; next_queued < by_queued.size() && queued(by_queued[next_queued]) < comes.asked; ++next_queued) {
        const auto w = by_queued[next_queued];
        place_of(w).emplace(a.holds[w].token, w);
      }
      for (; next_return < by_return.size() && a.holds[by_return[next_return]].from < comes.asked; ++next_return) {
        const auto w = by_return[next_return];
        place_of(w).erase({a.holds[w].token, w});
      }
      judged += static_cast<std::int64_t>(now.undisturbed.size());
      excluded += static_cast<std::int64_t>(now.disturbed.size());
      if (!now.disturbed.empty() && now.disturbed.rbegin()->first > comes.token) ++passed;
      if (now.undisturbed.empty() || now.undisturbed.rbegin()->first < comes.token) continue;
      const auto& waits = a.holds[now.undisturbed.rbegin()->second];
      r.breaks(a.describe(waits) + ", queued at " +
               std::to_string(a.seconds(queued(now.undisturbed.rbegin()->second))) +
               " s, was passed by one that was called after that: " + a.describe(comes));
    }
  }
  r.detail = std::to_string(judged) + " pairs judged, " + std::to_string(excluded) + " excluded for faults (" +
             std::to_string(passed) + " passed)";
  return r;
}

}  // namespace dlock::chaos
