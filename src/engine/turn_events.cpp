#include "engine/turn_events.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace dlock::engine {

namespace {

/// The grants of the server have thousands as tokens; the turns of each have those up to the next thousand.
std::int64_t grant_of(std::int64_t token) {
  return token - token % 1000;
}

}  // namespace

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
  return s.waiting.size() < most_waiting ? all{} : std::exchange(s.waiting, {});
}

turn_events::all turn_events::heard(announcement a) {
  const auto it = locks_.find(a.lock);
  if (it == locks_.end()) return {std::move(a)};
  auto& s = it->second;
  // Of earlier grants first. Those of this one come after its beginning, and before its end.
  const auto grant = grant_of(a.token);
  const auto later = [&](const announcement& e) { return grant_of(e.token) > grant; };
  const auto own = [&](const announcement& e) { return grant_of(e.token) == grant; };
  const auto rest = std::find_if(s.waiting.begin(), s.waiting.end(), later);
  all out(std::move_iterator(s.waiting.begin()), std::move_iterator(rest));
  s.waiting.erase(s.waiting.begin(), rest);
  const bool begins = a.locked && grant == s.fence;
  const bool over = !begins && grant >= s.fence;
  out.insert(a.locked ? std::find_if(out.begin(), out.end(), own) : out.end(), std::move(a));
  s.open = s.open || begins;
  if (over) locks_.erase(it);
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
