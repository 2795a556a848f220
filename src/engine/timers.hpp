#pragma once

#include <limits>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "protocol/document.hpp"

namespace dlock::engine {

using protocol::ms;

/// No time is set.
inline constexpr ms never = std::numeric_limits<ms>::max();

/// The times at which many things are due, each with its own key. All operations take logarithmic time.
template <typename Key>
class timers {
 public:
  /// Replaces the time that was set for the key. `never`: removes it.
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
  /// The earliest time; `never` if there is none.
  [[nodiscard]] ms next() const noexcept { return by_time_.empty() ? never : by_time_.begin()->first; }
  /// The first key whose time has come. The timer for it is removed.
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
