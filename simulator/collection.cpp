#include "simulator/collection.hpp"

#include <optional>
#include <utility>

#include "protocol/plausible.hpp"
#include "reference/transition.hpp"

namespace dlock::simulator {

using protocol::ms;
using protocol::operation;
using protocol::request;

carried_out carry_out(const version& before, const request& r, ms now) {
  if (before && !before->is_lock) {
    protocol::reply a;
    const bool looks_for_more = protocol::targets_holder(r) || r.op == operation::resize;
    if (looks_for_more && r.op != operation::renew) return {before, a};  // its filter finds no document
    a.found = true;
    a.valid = false;
    a.now = now;
    return {before, a};
  }
  auto result = protocol::transition(before ? std::optional(before->what) : std::nullopt, r, now);
  const bool same = before ? result.after == before->what : !result.after;
  if (same) return {before, std::move(result.answer)};
  auto after = result.after ? std::make_shared<const stored>(stored{true, *std::move(result.after)}) : nullptr;
  return {std::move(after), std::move(result.answer)};
}

version collection::get(const std::string& lock) const {
  const auto it = all_.find(lock);
  return it == all_.end() ? nullptr : it->second;
}

void collection::put(const std::string& lock, version v) {
  if (v) {
    all_[lock] = std::move(v);
  } else {
    all_.erase(lock);
  }
}

std::vector<protocol::snapshot> collection::read(const protocol::lookup& l, ms now) const {
  std::vector<protocol::snapshot> seen;
  for (const auto& [id, v] : all_) {
    const bool wanted = l.id.empty() ? id > l.after && id.starts_with(l.prefix) : id == l.id;
    if (!wanted || static_cast<std::int64_t>(seen.size()) >= l.most) continue;
    if (!v->is_lock) {
      seen.push_back({.id = id, .now = now, .valid = false, .what = {}});
      continue;
    }
    const auto wrong = protocol::defect(v->what, now);
    seen.push_back({.id = id, .now = now, .valid = wrong.empty(), .defect = wrong, .what = v->what});
    protocol::drop_strange_tokens(seen.back().what, now);
  }
  return seen;
}

}  // namespace dlock::simulator
