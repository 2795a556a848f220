#include "engine/turn_events.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace dlock::engine {

void turn_events::begins(const std::string& lock, std::int64_t fence) {
  if (locks_.size() >= most && !locks_.contains(lock)) return;
  auto& s = locks_[lock];
  s.fence = fence;
  s.open = false;  // what still waits is of an earlier grant, and is told with this one
}

turn_events::all turn_events::turn(std::int64_t fence, all events) {
  const auto it = locks_.find(events.front().lock);
  if (it == locks_.end() || it->second.fence != fence) return {};
  auto& s = it->second;
  if (s.open) return events;
  std::move(events.begin(), events.end(), std::back_inserter(s.waiting));
  return {};
}

turn_events::all turn_events::heard(announcement a) {
  const auto it = locks_.find(a.lock);
  if (it == locks_.end() || a.token < it->second.fence) return {std::move(a)};
  auto& s = it->second;
  const bool begins = a.locked && a.token == s.fence;
  s.open = true;
  all out = std::exchange(s.waiting, {});
  out.insert(begins ? std::find_if(out.begin(), out.end(), [&](auto& e) { return e.token >= s.fence; }) : out.end(),
             std::move(a));
  if (!begins) locks_.erase(it);
  return out;
}

turn_events::all turn_events::heard_gap() {
  all out;
  for (auto& [_, s] : locks_) {
    s.open = true;
    std::move(s.waiting.begin(), s.waiting.end(), std::back_inserter(out));
    s.waiting.clear();
  }
  return out;
}

}  // namespace dlock::engine
