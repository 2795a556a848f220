#pragma once

#include <limits>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "protocol/document.hpp"

namespace dlock::engine {

using protocol::ms;

/// "No time brings it".
inline constexpr ms never = std::numeric_limits<ms>::max();

/// When each of many things is due, by a key of its own. All in logarithmic time.
template <typename Key>
class timers {
 public:
  /// Replaces the time that was set for it; `never`: none.
  void set(const Key& key, ms at) {
    clear(key);
    if (at == never) return;
    by_time_.emplace(at, key);
    times_.emplace(key, at);
  }
  void clear(const Key& key) {
    const auto it = times_.find(key);
    if (it == times_.end()) return;
    by_time_.erase({it->second, key});
    times_.erase(it);
  }
  /// The time of the first; `never` if there is none.
  [[nodiscard]] ms next() const noexcept { return by_time_.empty() ? never : by_time_.begin()->first; }
  /// The first one whose time has come. It is set no more.
  [[nodiscard]] std::optional<Key> take(ms now) {
    if (next() > now) return std::nullopt;
    const Key key = by_time_.begin()->second;
    clear(key);
    return key;
  }
  [[nodiscard]] std::size_t size() const noexcept { return times_.size(); }

 private:
  std::set<std::pair<ms, Key>> by_time_;
  std::map<Key, ms> times_;
};

}  // namespace dlock::engine
