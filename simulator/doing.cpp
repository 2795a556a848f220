// What a process is doing, for the count of the faults that hit it.
#include <algorithm>

#include "simulator/acquisition.hpp"
#include "simulator/hold.hpp"
#include "simulator/process.hpp"
#include "simulator/world.hpp"

namespace dlock::simulator {

using protocol::operation;
using protocol::request;

state process::doing(const request& r) const {
  const auto* const h = find(r.id);
  switch (r.op) {
    case operation::try_:
      return state::trying;
    case operation::enqueue:
      return state::enqueuing;
    case operation::heartbeat:
      return state::beating;
    case operation::peek:
      return h != nullptr ? state::looking : state::peeking;
    case operation::renew:
      return state::renewing;
    case operation::release:
      return h != nullptr && h->now() == hold::phase::releasing ? state::releasing : state::giving_back;
    case operation::cancel:
      return state::undoing;
    case operation::amend:
      return state::amending;
    case operation::revoke:
    case operation::resize:
      return state::asking;
  }
  return state::waiting;
}

std::optional<state> process::doing(const std::string& id) const {
  for (const auto& [_, all] : on_their_way_) {
    for (const auto& r : *all) {
      if (r.id == id && r.op != operation::revoke && r.op != operation::resize) return doing(r);
    }
  }
  if (const auto* const h = find(id)) return h->now() == hold::phase::releasing ? state::resting : state::holding;
  if (const auto c = engine_->expects(id)) {
    const auto it = calls_.find(*c);
    return it == calls_.end() ? std::nullopt : it->second->idle();
  }
  return engine_->in_the_background() > 0 ? std::optional(state::undoing_soon) : std::nullopt;
}

bool process::is_on_its_way(const std::string& id) const {
  return std::any_of(on_their_way_.begin(), on_their_way_.end(), [&](const auto& command) {
    return std::any_of(command.second->begin(), command.second->end(), [&](const auto& r) { return r.id == id; });
  });
}

void process::hit(fault f, const std::string& lock) const {
  auto& seen = where_.seen;
  const auto same = [&](const std::string& other) { return lock.empty() || lock == other; };
  std::size_t background = 0;
  for (const auto& [_, all] : on_their_way_) {
    for (const auto& r : *all) {
      const auto s = doing(r);
      if (s == state::undoing || s == state::giving_back) ++background;
      const bool acquires = s <= state::peeking;
      if (same(r.lock) && (!acquires || engine_->expects(r.id))) seen.hit(f, s);
    }
  }
  for (const auto& [_, id] : reading_) {
    if (same(id)) seen.hit(f, state::reading);
  }
  for (const auto& [_, a] : calls_) {
    const auto s = a->idle();
    if (s && same(a->lock())) seen.hit(f, *s);
  }
  for (const auto& h : holds) {
    if (!same(h->ask().lock) || is_on_its_way(h->ask().id)) continue;
    seen.hit(f, h->now() == hold::phase::releasing ? state::resting : state::holding);
  }
  std::size_t pauses = 0;  // without those on their way
  for (const auto& [c, a] : askings_) {
    if (same(a.lock) && !engine_->asks(c)) ++pauses;
  }
  for (std::size_t i = reading_.size(); i < pauses; ++i) seen.hit(f, state::asking_soon);
  if (background < engine_->in_the_background()) seen.hit(f, state::undoing_soon);
}

}  // namespace dlock::simulator
