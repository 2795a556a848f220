#include "lock_changes.hpp"

#include <algorithm>
#include <utility>

#include "lock_json.hpp"

namespace dlock::cli {

namespace {

/// Whether nothing but the time of the look differs.
bool is_same(const dlock::lock_state& before, dlock::lock_state& now) {
  const auto at = std::exchange(now.at, before.at);
  const bool same = before == now;
  now.at = at;
  return same;
}

}  // namespace

lock_changes known_locks::replace(std::vector<dlock::lock_state> now) {
  lock_changes out;
  std::vector<entry> entries;
  entries.reserve(now.size());
  at_.reset();
  auto old = entries_.begin();
  for (dlock::lock_state& each : now) {
    at_ = at_ ? std::max(*at_, each.at) : each.at;
    const bool again = !entries.empty() && entries.back().lock.id == each.id;  // removed and made while it was read
    if (again) continue;
    for (; old != entries_.end() && old->lock.id < each.id; ++old) out.gone.push_back(id_json(old->lock.id));
    if (old != entries_.end() && old->lock.id == each.id && is_same(old->lock, each)) {
      entries.push_back(std::move(*old++));
      continue;
    }
    if (old != entries_.end() && old->lock.id == each.id) ++old;
    std::string text = lock_line(each);
    out.locks.push_back(text);
    entries.push_back({std::move(each), std::move(text)});
  }
  for (; old != entries_.end(); ++old) out.gone.push_back(id_json(old->lock.id));
  entries_ = std::move(entries);
  return out;
}

lock_changes known_locks::replace(const std::string& id, std::optional<dlock::lock_state> now) {
  lock_changes out;
  const auto place = std::lower_bound(entries_.begin(), entries_.end(), id,
                                      [](const entry& each, const std::string& than) { return each.lock.id < than; });
  const bool is_known = place != entries_.end() && place->lock.id == id;
  if (!now) {
    if (!is_known) return out;
    out.gone.push_back(id_json(id));
    entries_.erase(place);
    return out;
  }
  at_ = at_ ? std::max(*at_, now->at) : now->at;
  if (is_known && is_same(place->lock, *now)) return out;
  std::string text = lock_line(*now);
  out.locks.push_back(text);
  if (is_known) {
    *place = {std::move(*now), std::move(text)};
  } else {
    entries_.insert(place, {std::move(*now), std::move(text)});
  }
  return out;
}

lock_changes known_locks::all() const {
  lock_changes out;
  out.locks.reserve(entries_.size());
  for (const entry& each : entries_) out.locks.push_back(each.text);
  return out;
}

std::optional<std::chrono::system_clock::time_point> known_locks::at() const {
  return at_;
}

}  // namespace dlock::cli
