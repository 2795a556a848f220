#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "checks.hpp"

namespace dlock::chaos {
namespace {

/// Of one lock: who waits, by token. Whoever waits knows that the server has queued it.
struct waiting {
  std::set<std::pair<std::int64_t, std::size_t>> undisturbed, disturbed;
  std::map<std::string, std::set<std::pair<std::int64_t, std::size_t>>> local;  // by process
};

/// Threads of one process take turns: only the first of them stands in the queue of the server. So if another thread of
/// its process asked for the lock alone before the call knew its place, that place may have been a local one. And if a
/// call ends in vain, the next one of its process may have its place.
class turns {
 public:
  turns(const analysis& a, const std::string& name, const lock_view& lock) : a_(a) {
    std::map<std::size_t, ns> ends;
    for (const auto i : lock.holds) {
      const auto& one = a.holds[i];
      ends.emplace(one.call, one.release_called == never ? one.last_belief() : one.release_returned);
    }
    for (const auto i : lock.calls) {  // in the order of their beginning
      const auto& c = a.h.calls[i];
      const bool alone =
          std::any_of(c.claims.begin(), c.claims.end(), [&](auto& o) { return o.lock == name && o.exclusive; });
      if (!alone) continue;
      auto& all = by_process_[c.process];
      auto next = all.empty() ? begun{} : all.back();
      next.at = c.at;
      const auto end = ends.find(i);
      const std::pair of_this{std::max(c.returned.value_or(never), end == ends.end() ? 0 : end->second), i};
      if (of_this > next.latest) {
        next.second = std::exchange(next.latest, of_this);
      } else {
        next.second = std::max(next.second, of_this);
      }
      all.push_back(next);
      if (c.what != "acquired") in_vain_[c.process].emplace_back(c.at, c.returned.value_or(never));
    }
  }

  /// When the place was asked for with which it may have been granted the lock.
  [[nodiscard]] ns asked_for_place(const hold& one) const {
    ns asked = one.asked;
    const auto found = in_vain_.find(one.process);
    if (!one.what.exclusive || found == in_vain_.end()) return asked;
    const auto& all = found->second;
    for (auto it = std::lower_bound(all.begin(), all.end(), std::pair(asked, ns{0})); it != all.begin();) {
      --it;
      if (it->second >= asked) asked = it->first;
    }
    return asked;
  }

  [[nodiscard]] bool may_be_local(const hold& waits) const {
    const auto& c = a_.h.calls[waits.call];
    const auto found = by_process_.find(waits.process);
    if (found == by_process_.end()) return false;
    const auto& all = found->second;
    auto it = std::upper_bound(all.begin(), all.end(), *c.queued, [](ns t, const begun& b) { return t < b.at; });
    if (it == all.begin()) return false;
    --it;
    return (it->latest.second == waits.call ? it->second : it->latest).first >= c.at;
  }

 private:
  struct begun {
    ns at = 0;
    std::pair<ns, std::size_t> latest{-1, 0}, second{-1, 0};  // the ends of those that began until then, and which
  };
  const analysis& a_;
  std::map<std::string, std::vector<begun>> by_process_;
  std::map<std::string, std::vector<std::pair<ns, ns>>> in_vain_;  // in the order of their beginning
};

}  // namespace

// A call that comes when another one is known to be queued gets the larger token, whatever the two ask for: nobody
// passes the head of the queue. Only what happens to the one that waits can cost it its place. Calls for several locks
// do not say which one they are queued for: they are judged as those who come, not as those who wait. A call
// that may have waited for its turn locally is judged only against calls of its own process, and not at all if it wants
// to share: its request is on its way then, and that of another thread may be faster. A later turn of a grant, inside a
// process, may pass others, so it is judged only against calls of its own process. A call that comes counts from when
// its place was asked for, except against those of its own process.
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
    const turns local(a, name, lock);

    // `own`: against calls of its own process that may have waited for their turn; else against those on the server.
    const auto sweep = [&](bool own) {
      const auto asked = [&](std::size_t i) { return own ? a.holds[i].asked : local.asked_for_place(a.holds[i]); };
      std::vector<std::pair<ns, std::size_t>> by_call;
      for (const auto i : lock.holds) by_call.emplace_back(asked(i), i);
      std::sort(by_call.begin(), by_call.end());
      waiting now;
      const auto place_of = [&](std::size_t i) -> auto& {
        const auto& one = a.holds[i];
        if (!a.faults.quiet_for(one.process, name, one.asked, one.from)) return now.disturbed;
        if (!local.may_be_local(one)) return now.undisturbed;
        return one.what.exclusive ? now.local[one.process] : now.disturbed;
      };
      std::size_t next_queued = 0, next_return = 0;
      for (const auto& [at, i] : by_call) {
        const auto& comes = a.holds[i];
        for (; next_queued < by_queued.size() && queued(by_queued[next_queued]) < at; ++next_queued) {
          const auto w = by_queued[next_queued];
          place_of(w).emplace(a.holds[w].token, w);
        }
        for (; next_return < by_return.size() && a.holds[by_return[next_return]].from < at; ++next_return) {
          const auto w = by_return[next_return];
          place_of(w).erase({a.holds[w].token, w});
        }
        const auto judge = [&](const auto& ahead) {
          judged += static_cast<std::int64_t>(ahead.size());
          if (ahead.empty() || ahead.rbegin()->first < comes.token) return;
          const auto& waits = a.holds[ahead.rbegin()->second];
          r.breaks(a.describe(waits) + ", queued at " + std::to_string(a.seconds(queued(ahead.rbegin()->second))) +
                   " s, was passed by one that was called after that: " + a.describe(comes));
        };
        const bool is_turn = comes.id.find('+') != std::string::npos;
        if (own) {
          judge(now.local[comes.process]);
        } else {
          if (!is_turn) judge(now.undisturbed);
          excluded += static_cast<std::int64_t>(now.disturbed.size());
          if (!now.disturbed.empty() && now.disturbed.rbegin()->first > comes.token) ++passed;
        }
      }
    };
    sweep(false);
    sweep(true);
  }
  r.detail = std::to_string(judged) + " pairs judged, " + std::to_string(excluded) + " excluded for faults (" +
             std::to_string(passed) + " passed)";
  return r;
}

}  // namespace dlock::chaos
