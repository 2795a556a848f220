#include <algorithm>
#include <unordered_map>

#include "checks.hpp"

namespace dlock::chaos {

check_result check_tokens_unique(const analysis& a) {
  check_result r("tokens-unique");
  std::int64_t seen = 0, excused = 0;
  for (const auto& [name, lock] : a.locks) {
    std::unordered_map<std::int64_t, const hold*> of;
    for (const auto i : lock.holds) {
      const auto& one = a.holds[i];
      const auto [it, is_new] = of.emplace(one.token, &one);
      ++seen;
      if (is_new) continue;
      if (a.faults.tokens_may_fall(name, one.from)) {
        ++excused;
      } else {
        r.breaks(a.describe(*it->second) + " and " + a.describe(one));
      }
    }
  }
  for (const auto& [id, holds] : a.by_id) {
    if (holds.size() > 1)
      r.breaks("one acquisition, returned twice: " + a.describe(a.holds[holds[0]]) + " and " +
               a.describe(a.holds[holds[1]]));
  }
  // Also of those who died before they could say what they had.
  std::unordered_map<std::string, std::unordered_map<std::int64_t, const access*>> at_resource;
  for (const auto& x : a.h.accesses) {
    const auto [it, is_new] = at_resource[x.lock].emplace(x.token, &x);
    if (!is_new && it->second->id != x.id && !a.faults.tokens_may_fall(x.lock, x.at)) {
      r.breaks(x.lock + ": token " + std::to_string(x.token) + " of two acquisitions, " + it->second->id + " (" +
               a.h.at(it->second->where) + ") and " + x.id + " (" + a.h.at(x.where) + ")");
    }
  }
  r.detail = std::to_string(seen) + " tokens, " + std::to_string(excused) + " excused after a clock that went back";
  return r;
}

check_result check_tokens_real_time(const analysis& a) {
  check_result r("tokens-real-time");
  std::int64_t judged = 0, excused = 0;
  for (const auto& [name, lock] : a.locks) {
    auto by_call = lock.holds;
    std::stable_sort(by_call.begin(), by_call.end(),
                     [&](auto x, auto y) { return a.holds[x].asked < a.holds[y].asked; });
    const hold* highest = nullptr;  // of those that had returned
    std::size_t next = 0;           // in lock.holds, which is in the order of the returns
    for (const auto i : by_call) {
      const auto& one = a.holds[i];
      for (; next < lock.holds.size() && a.holds[lock.holds[next]].from < one.asked; ++next) {
        const auto& returned = a.holds[lock.holds[next]];
        if (highest == nullptr || returned.token > highest->token) highest = &returned;
      }
      if (highest == nullptr) continue;
      ++judged;
      if (one.token > highest->token) continue;
      if (a.faults.tokens_may_fall(name, one.from)) {
        ++excused;
      } else {
        r.breaks(a.describe(*highest) + " was returned before this was asked for: " + a.describe(one));
      }
    }
    for (const auto& f : a.h.finals) {
      if (f.lock != name || !f.ok) continue;
      for (const auto i : lock.holds) {
        const auto& one = a.holds[i];
        if (one.from <= f.at && one.token > f.token && !a.faults.tokens_may_fall(name, f.at)) {
          r.breaks("the last one of " + name + ", token " + std::to_string(f.token) + " (" + a.h.at(f.where) +
                   "), came after " + a.describe(one));
        }
      }
    }
  }
  r.detail = std::to_string(judged) + " judged, " + std::to_string(excused) + " excused after a clock that went back";
  return r;
}

}  // namespace dlock::chaos
