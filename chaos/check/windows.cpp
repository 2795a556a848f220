#include "windows.hpp"

#include <algorithm>
#include <set>

namespace dlock::chaos {
namespace {

constexpr ns kSettle = 15 * ns_per_s;

/// "w3.2" -> "w3": whom a fault aims at may be named without its incarnation.
std::string worker(const std::string& process) {
  return process.substr(0, process.find('.'));
}

struct window {
  fault_event begin;
  ns to = never;
};

std::vector<window> paired(const history& h) {
  auto events = h.faults;
  std::stable_sort(events.begin(), events.end(), [](auto& a, auto& b) { return a.at < b.at; });
  std::vector<window> out;
  std::map<std::string, std::vector<std::size_t>> open;
  for (const auto& e : events) {
    auto& same = open[e.key];
    if (e.begins) {
      same.push_back(out.size());
      out.push_back({e, never});
    } else if (!same.empty()) {
      out[same.back()].to = e.at;
      same.pop_back();
    } else {
      throw unusable("the fault " + e.key + " ends without having begun");
    }
  }
  return out;
}

}  // namespace

void intervals::sort() {
  std::sort(all_.begin(), all_.end(), [](auto& a, auto& b) { return a.from < b.from; });
  std::vector<interval> merged;
  for (const auto& i : all_) {
    if (!merged.empty() && i.from <= merged.back().to) {
      merged.back().to = std::max(merged.back().to, i.to);
    } else {
      merged.push_back(i);
    }
  }
  all_ = std::move(merged);
}

bool intervals::meets(ns from, ns to) const {
  const auto after = std::upper_bound(all_.begin(), all_.end(), to, [](ns t, auto& i) { return t < i.from; });
  return after != all_.begin() && std::prev(after)->to >= from;
}

windows::windows(const history& h) {
  std::set<std::string> workers, locks;
  for (const auto& c : h.calls) {
    workers.insert(worker(c.process));
    for (const auto& each : c.claims) {
      locks.insert(each.lock);
      // until its entries have ended, a killed process is still in the way
      auto& settle = settle_.emplace(each.lock, kSettle).first->second;
      settle = std::max(settle, std::max(c.ttl, 3 * h.config.wait_period) + 2 * ns_per_s);
    }
  }

  for (const auto& [begin, to] : paired(h)) {
    const interval when{begin.at, to};
    ++injections_[begin.cls];
    everything_.add(when);
    const bool of_lock = locks.contains(begin.target);
    if (of_lock) {
      of_lock_[begin.target].add(when);
    } else if (workers.contains(worker(begin.target))) {
      of_process_[worker(begin.target)].add(when);
    } else {
      global_.add(when);
    }
    if (begin.cls == "operator-edit") (of_lock ? edited_[begin.target] : edited_anything_).add(when);
    if (begin.cls == "server-clock") {
      const ns jump = begin.jump ? std::abs(*begin.jump) * ns_per_ms : never;
      if (!h.config.observed && jump > h.config.clock_skew) clock_.add(when);
      first_back_ = std::min(first_back_, begin.at);
      if (jump > h.config.grace) first_far_back_ = std::min(first_far_back_, begin.at);
    }
  }

  std::map<std::string, ns> frozen_since, stopped_since;
  auto events = h.processes;
  std::stable_sort(events.begin(), events.end(), [](auto& a, auto& b) { return a.at < b.at; });
  const auto note = [&](const std::string& who, interval when) {
    everything_.add(when);
    (workers.contains(worker(who)) ? of_process_[worker(who)] : global_).add(when);
  };
  const auto thaw = [&](const std::string& who, ns at) {
    const auto since = frozen_since.find(who);
    if (since == frozen_since.end()) return;
    frozen_[who].add({since->second, at});
    note(who, {since->second, at});
    frozen_since.erase(since);
  };
  for (const auto& e : events) {
    switch (e.what) {
      case process_news::frozen:
        frozen_since.emplace(e.who, e.at);
        break;
      case process_news::thawed:
        thaw(e.who, e.at);
        break;
      case process_news::stopped:
        stopped_since.emplace(e.who, e.at);
        break;
      case process_news::continued:
        if (const auto since = stopped_since.extract(e.who)) stopped_[e.who].add({since.mapped(), e.at});
        break;
      case process_news::killed:
        thaw(e.who, e.at);
        killed_.emplace(e.who, e.at);
        note(e.who, {e.at, e.at});
        break;
    }
  }
  while (!frozen_since.empty()) thaw(std::string(frozen_since.begin()->first), never);

  for (std::size_t i = 1; i < h.primaries.size(); ++i) {
    const auto& [at, member] = h.primaries[i];
    if (member == h.primaries[i - 1].second) continue;
    global_.add({at, at});
    everything_.add({at, at});
  }
  for (auto* one : {&everything_, &global_, &clock_, &edited_anything_}) one->sort();
  for (auto* map : {&frozen_, &stopped_, &of_process_, &of_lock_, &edited_}) {
    for (auto& [name, list] : *map) list.sort();
  }
}

bool windows::meets(const by_name& map, const std::string& name, ns from, ns to) {
  const auto it = map.find(name);
  return it != map.end() && it->second.meets(from, to);
}

bool windows::quiet_for(const std::string& process, const std::string& lock, ns from, ns to) const {
  const ns since = from - settle(lock);
  return !global_.meets(since, to) && !meets(of_process_, worker(process), since, to) &&
         !meets(of_lock_, lock, since, to);
}

ns windows::settle(const std::string& lock) const {
  const auto it = settle_.find(lock);
  return it == settle_.end() ? kSettle : it->second;
}

ns windows::killed(const std::string& process) const {
  const auto it = killed_.find(process);
  return it == killed_.end() ? never : it->second;
}

bool windows::edited(const std::string& lock, ns from, ns to) const {
  return edited_anything_.meets(from, to) || meets(edited_, lock, from, to);
}

bool windows::tokens_may_fall(const std::string& lock, ns until) const {
  return first_far_back_ <= until || (first_back_ <= until && edited(lock, 0, until));
}

}  // namespace dlock::chaos
