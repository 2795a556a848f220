#include "engine/known_locks.hpp"

#include <algorithm>
#include <utility>

namespace dlock::engine {

using protocol::form;
using protocol::operation;

const known_locks::entry* known_locks::find(const std::string& lock) const {
  for (const auto* each : {&recent_, &older_}) {
    if (const auto it = each->find(lock); it != each->end()) return &it->second;
  }
  return nullptr;
}

known_locks::entry& known_locks::use(const std::string& lock) {
  if (const auto it = recent_.find(lock); it != recent_.end()) return it->second;
  auto before = older_.extract(lock);
  if (recent_.size() >= most / 2) older_ = std::exchange(recent_, {});
  return before ? recent_.insert(std::move(before)).position->second : recent_[lock];
}

void known_locks::saw(const std::string& lock, std::int64_t token) {
  if (token <= 0) return;
  auto& known = use(lock);
  known.floor = std::max(known.floor, token);
}

void known_locks::saw(const protocol::request& r, const protocol::reply& a) {
  auto& known = use(r.lock);
  known.floor = std::max(known.floor, a.fence);
  known.there = a.found && a.valid;
  const std::int64_t others = a.holders - (a.mine ? 1 : 0);
  const bool shared = others > 0 || a.queue > 0 || a.foreign_until;
  known.free = known.there && !shared && !a.mine;
  // If the express form was tried, and another one has answered, it was not enough.
  const bool missed = r.how == form::express && !a.calm;
  known.calm = a.calm || (known.calm && known.there && !shared && !missed);
}

std::int64_t known_locks::floor_of(const std::string& lock) const {
  const auto* known = find(lock);
  return known == nullptr ? 0 : known->floor;
}

form known_locks::form_of(const protocol::request& r) const {
  const auto* known = find(r.lock);
  const bool calm = known != nullptr && known->calm;
  switch (r.op) {
    case operation::try_:
    case operation::enqueue: {
      if (known == nullptr || !known->there) return form::whole;
      if (known->free) return calm ? form::express : form::brief;
      return r.op == operation::enqueue && r.what.exclusive ? form::brief : form::whole;
    }
    case operation::release:
      return calm ? form::express : r.what.exclusive ? form::brief : form::whole;
    case operation::renew:
      return calm ? form::express : form::whole;
    default:
      return form::whole;
  }
}

void known_locks::watched(const std::string& lock, protocol::observation seen) {
  use(lock).seen = std::move(seen);
}

protocol::observation known_locks::seen_of(const std::string& lock) const {
  const auto* known = find(lock);
  return known == nullptr ? protocol::observation{} : known->seen;
}

}  // namespace dlock::engine
