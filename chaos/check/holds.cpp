#include "holds.hpp"

#include <algorithm>
#include <cstdio>

namespace dlock::chaos {

analysis::analysis(const history& from) : h(from), faults(from) {
  find_holds();
  find_ends();
  find_beliefs();
  for (auto& [name, lock] : locks) {
    std::stable_sort(lock.holds.begin(), lock.holds.end(),
                     [&](auto a, auto b) { return holds[a].from < holds[b].from; });
    std::stable_sort(lock.calls.begin(), lock.calls.end(),
                     [&](auto a, auto b) { return h.calls[a].at < h.calls[b].at; });
  }
}

void analysis::find_holds() {
  for (std::size_t i = 0; i < h.calls.size(); ++i) {
    const auto& c = h.calls[i];
    for (const auto& each : c.claims) {
      auto& lock = locks[each.lock];
      lock.cap = std::max(lock.cap, each.cap);
      if (c.acquires()) lock.calls.push_back(i);
    }
    for (const auto& g : c.got) {
      hold one;
      one.call = i;
      one.what = *std::find_if(c.claims.begin(), c.claims.end(), [&](auto& each) { return each.lock == g.lock; });
      one.id = g.id;
      one.token = g.token;
      one.process = c.process;
      one.asked = c.at;
      one.from = *c.returned;
      one.until = g.until;
      one.died = faults.killed(c.process);
      one.where = c.where_returned;
      by_id[g.id].push_back(holds.size());
      locks[g.lock].holds.push_back(holds.size());
      holds.push_back(std::move(one));
    }
  }
}

void analysis::find_ends() {
  const auto each_of = [&](const std::string& id, auto&& what) {
    const auto it = by_id.find(id);
    if (it == by_id.end()) return;
    for (const auto i : it->second) what(holds[i]);
  };
  for (const auto& c : h.calls) {
    for (const auto& id : c.ids) {
      each_of(id, [&](hold& one) {
        if (c.op == "release" && c.at < one.release_called) {
          one.release_called = c.at;
          one.release_returned = c.returned.value_or(never);
          if (c.returned && c.what == "released") one.released = *c.returned;
        } else if (c.op == "downgrade") {
          one.downgraded = std::min(one.downgraded, c.at);
        }
      });
    }
  }
  for (const auto& e : h.lease_events) {
    if (e.what != lease_news::lost) continue;
    // several locks that were acquired together are lost together
    each_of(e.id, [&](hold& told) {
      for (const auto& g : h.calls[told.call].got) {
        each_of(g.id, [&](hold& one) {
          if (one.call != told.call || e.at >= one.lost) return;
          one.lost = e.at;
          one.where_lost = e.where;
        });
      }
    });
  }
}

void analysis::find_beliefs() {
  std::vector<std::vector<std::pair<ns, ns>>> told(holds.size());  // when, until when
  for (std::size_t i = 0; i < holds.size(); ++i) told[i].emplace_back(holds[i].from, holds[i].until);
  for (const auto& e : h.lease_events) {
    if (e.what != lease_news::held) continue;
    const auto it = by_id.find(e.id);
    if (it == by_id.end()) {
      if (faults.killed(e.process) != never) continue;  // before it could write that it had it
      throw unusable(h.at(e.where) + ": holds " + e.id + ", which nobody acquired");
    }
    for (const auto i : it->second) told[i].emplace_back(std::max(e.at, holds[i].from), e.until);
  }
  for (std::size_t i = 0; i < holds.size(); ++i) {
    auto& one = holds[i];
    const ns end = std::min({one.release_called, one.lost, one.died});
    std::stable_sort(told[i].begin(), told[i].end(), [](auto& a, auto& b) { return a.first < b.first; });
    for (std::size_t k = 0; k < told[i].size(); ++k) {
      const auto [at, until] = told[i][k];
      if (at >= end) break;
      one.until = until;
      const ns next = k + 1 < told[i].size() ? told[i][k + 1].first : never;
      const ns to = std::min({until, next, end});
      if (to <= at) continue;
      if (!one.believed.empty() && one.believed.back().to == at) {
        one.believed.back().to = to;
      } else {
        one.believed.push_back({at, to});
      }
    }
  }
}

std::string analysis::describe(const hold& one) const {
  char when[64];
  std::snprintf(when, sizeof when, "%.3f to %.3f s", seconds(one.from), seconds(one.last_belief()));
  const std::string mode = one.what.cap > 0 ? std::to_string(one.what.weight) + " of " + std::to_string(one.what.cap)
                           : one.what.exclusive ? "alone"
                                                : "shared";
  return one.what.lock + " " + mode + " by " + one.process + ", token " + std::to_string(one.token) + ", " + when +
         " (" + h.at(one.where) + ")";
}

}  // namespace dlock::chaos
