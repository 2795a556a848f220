#include "engine/request_queue.hpp"

#include <algorithm>

#include "engine/timers.hpp"

namespace dlock::engine {
namespace {

constexpr int kOnTheirWay = 2;  // so many commands for one lock may be on their way
constexpr ms kPatience = 100;

}  // namespace

void request_queue::add(number n, protocol::request r, ms now) {
  if (!protocol::can_go_together(r)) {
    alone_[n].push_back({n, std::move(r)});
    added_to_.emplace(n, n);
    ready_.push_back({.alone = n, .lock = {}});
    return;
  }
  const auto [it, is_new] = locks_.try_emplace(r.lock);
  if (is_new) it->second.era = ++eras_;
  if (it->second.on_their_way == 0) it->second.last = now;
  waits_.emplace(n, r.lock);
  it->second.waiting.push_back({n, std::move(r)});
  fill(it);
}

bool request_queue::add_to(number release, number n, const protocol::request& r) {
  const auto it = alone_.find(release);
  const auto others = locks_.find(r.lock);
  if (it == alone_.end()) return false;
  if (others != locks_.end() && !others->second.waiting.empty()) return false;
  if (!protocol::can_pass(it->second.front().r, r)) return false;
  it->second.push_back({n, r});
  added_to_.emplace(n, release);
  return true;
}

bool request_queue::is_with(number release, number n) const {
  const auto it = added_to_.find(n);
  return it != added_to_.end() && it->second == release && n != release;
}

bool request_queue::withdraw(number n) {
  if (const auto to = added_to_.extract(n)) {
    const auto it = alone_.find(to.mapped());
    std::erase_if(it->second, [n](const item& i) { return i.n == n; });
    if (it->second.empty()) alone_.erase(it);
    return true;
  }
  const auto waits = waits_.find(n);
  if (waits == waits_.end()) return false;
  const auto it = locks_.find(waits->second);
  waits_.erase(waits);
  std::erase_if(it->second.waiting, [n](const item& i) { return i.n == n; });
  fill(it);
  return true;
}

/// Gives a lock a turn, if it may have one. Also sets the time after which the lock does not wait any longer for the
/// commands that are on their way.
void request_queue::fill(groups::iterator it) {
  auto& [lock, g] = *it;
  if (g.on_their_way < kOnTheirWay && !g.waiting.empty()) {  // one turn at a time: it may take all requests
    ++g.on_their_way;
    ready_.push_back({.alone = {}, .lock = lock, .era = g.era});
  }
  if (g.gives_up) gives_up_.erase({*g.gives_up, lock});
  g.gives_up.reset();
  if (g.waiting.empty() || g.on_their_way < kOnTheirWay) return;
  g.gives_up = g.last + kPatience;
  gives_up_.emplace(*g.gives_up, lock);
}

/// One of the commands of this lock is over.
void request_queue::over(groups::iterator it) {
  auto& g = it->second;
  --g.on_their_way;
  fill(it);
  if (g.on_their_way == 0 && g.waiting.empty()) locks_.erase(it);
}

/// Takes out the first request that waits, and those that go together with it.
std::vector<request_queue::item> request_queue::together(group& g) {
  std::vector<const protocol::request*> asked;
  for (const auto& i : g.waiting) asked.push_back(&i.r);
  const auto chosen = protocol::next_batch(asked);
  std::vector<item> out;
  std::vector<bool> goes(g.waiting.size(), false);
  for (const auto i : chosen) goes[i] = true;
  for (const auto i : chosen) out.push_back(std::move(g.waiting[i]));
  std::deque<item> stays;
  for (std::size_t i = 0; i < g.waiting.size(); ++i) {
    if (!goes[i]) stays.push_back(std::move(g.waiting[i]));
  }
  g.waiting.swap(stays);
  return out;
}

std::optional<request_queue::command> request_queue::take(ms now) {
  while (!ready_.empty()) {
    const place next = std::move(ready_.front());
    ready_.pop_front();
    if (next.alone) {
      auto found = alone_.extract(*next.alone);
      if (!found) continue;  // withdrawn
      command c{.ticket = ++tickets_, .all = {}};
      c.all = std::move(found.mapped());
      for (const auto& i : c.all) added_to_.erase(i.n);
      return c;
    }
    const auto it = locks_.find(next.lock);
    if (it == locks_.end() || it->second.era != next.era) continue;
    if (it->second.waiting.empty()) {  // they went with an earlier command, or were withdrawn
      over(it);
      continue;
    }
    command c{.ticket = ++tickets_, .all = together(it->second)};
    for (const auto& i : c.all) waits_.erase(i.n);
    sent_.emplace(c.ticket, of{next.lock, next.era});
    it->second.last = now;
    fill(it);
    return c;
  }
  return std::nullopt;
}

void request_queue::returned(number ticket) {
  const auto found = sent_.extract(ticket);
  if (!found) return;
  const auto it = locks_.find(found.mapped().lock);
  if (it != locks_.end() && it->second.era == found.mapped().era) over(it);
}

ms request_queue::next() const noexcept {
  return gives_up_.empty() ? never : gives_up_.begin()->first;
}

void request_queue::look(ms now) {
  while (next() <= now) {
    const auto it = locks_.find(gives_up_.begin()->second);
    auto& g = it->second;
    g.era = ++eras_;
    g.on_their_way = 0;
    g.last = now;
    fill(it);
  }
}

}  // namespace dlock::engine
