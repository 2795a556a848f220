#include "engine/confirmations.hpp"

#include <algorithm>

namespace dlock::engine {

confirmations::item confirmations::extract(table::iterator it) {
  by_time_.erase({it->second.due, it->first});
  item out = std::move(it->second.what);
  all_.erase(it);
  return out;
}

std::optional<confirmations::item> confirmations::add(item i, ms now) {
  std::optional<item> earlier;
  const auto lock = i.release.lock;
  if (const auto it = all_.find(lock); it != all_.end()) earlier = extract(it);
  by_time_.emplace(now + pause, lock);
  all_.emplace(lock, entry{std::move(i), now + pause});
  return earlier;
}

std::optional<confirmations::item> confirmations::saw(const protocol::request& r, const protocol::reply& a) {
  // A peek may show an old state, and what a command did not find may be there.
  if (protocol::only_reads(r) || !a.found || !a.valid) return std::nullopt;
  const auto it = all_.find(r.lock);
  if (it == all_.end() || a.fence < it->second.what.token) return std::nullopt;
  // Holders stand in the order of their tokens. So behind an earlier one, it may be there.
  const bool some = a.first && !a.foreign_until;
  if (some && a.first->fence < it->second.what.token) return std::nullopt;
  const bool is_there = some && a.first->fence == it->second.what.token;
  auto gone = extract(it);
  return is_there ? std::optional(std::move(gone)) : std::nullopt;
}

ms confirmations::next() const noexcept {
  if (!looking_.empty() || by_time_.empty()) return never;
  return closed_ ? 0 : by_time_.begin()->first;
}

std::vector<std::string> confirmations::take(ms now) {
  std::vector<std::string> out;
  if (next() > now) return out;
  // Those that are due soon go along.
  const ms until = now + pause / 2;
  while (!by_time_.empty() && out.size() < together && (closed_ || by_time_.begin()->first <= until)) {
    const auto lock = by_time_.begin()->second;
    const auto it = all_.find(lock);
    if (it->second.what.until <= now) {
      (void)extract(it);
      continue;
    }
    by_time_.erase(by_time_.begin());
    it->second.due = never;
    looking_.emplace_back(lock, it->second.what.release.id);
    out.push_back(lock);
  }
  return out;
}

std::vector<confirmations::item> confirmations::looked(const std::vector<protocol::snapshot>& seen) {
  std::vector<item> again;
  for (const auto& [lock, id] : std::exchange(looking_, {})) {
    const auto it = all_.find(lock);
    if (it == all_.end() || it->second.what.release.id != id) continue;  // it was over meanwhile
    auto one = extract(it);
    const auto gone = [&, &name = lock](const protocol::snapshot& s) {
      const auto& all = s.what.holders;
      return s.id == name && s.valid && s.what.fence >= one.token &&
             std::none_of(all.begin(), all.end(), [&](const auto& h) { return h.id == one.release.id; });
    };
    if (std::none_of(seen.begin(), seen.end(), gone)) again.push_back(std::move(one));
  }
  return again;
}

std::vector<confirmations::item> confirmations::unanswered(ms now) {
  std::vector<item> again;
  for (const auto& [lock, id] : std::exchange(looking_, {})) {
    const auto it = all_.find(lock);
    if (it == all_.end() || it->second.what.release.id != id) continue;
    if (closed_) {
      again.push_back(extract(it));
      continue;
    }
    it->second.due = now + pause;
    by_time_.emplace(it->second.due, lock);
  }
  return again;
}

}  // namespace dlock::engine
