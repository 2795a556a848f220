#include "simulator/collection.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "protocol/express.hpp"
#include "protocol/plausible.hpp"
#include "protocol/short_form.hpp"
#include "reference/transition.hpp"

namespace dlock::simulator {

using protocol::ms;
using protocol::operation;
using protocol::request;

namespace {

version changed(const version& before, std::optional<protocol::document> after) {
  const bool same = before ? after == before->what : !after;
  if (same) return before;
  return after ? std::make_shared<const stored>(stored{true, *std::move(after)}) : nullptr;
}

}  // namespace

carried_out carry_out(const version& before, const request& r, ms now) {
  const auto form = protocol::form_of(r);
  if (form == protocol::form::express) {
    auto result = before && before->is_lock ? protocol::express(before->what, r, now) : std::nullopt;
    if (!result) return {before, {}};
    return {changed(before, std::move(result->after)), std::move(result->answer)};
  }
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
  if (form == protocol::form::brief && result.answer.found && result.answer.valid) {
    result.answer.calm = protocol::is_calm(*result.after, r);
  }
  return {changed(before, std::move(result.after)), std::move(result.answer)};
}

all_carried_out carry_out(const version& before, const protocol::batch& all, ms now) {
  if (before && !before->is_lock) {
    all_carried_out out{before, {}};
    for (const auto& r : all) out.answers.push_back(carry_out(before, r, now).answer);
    return out;
  }
  auto result = protocol::transition(before ? std::optional(before->what) : std::nullopt, all, now);
  return {changed(before, std::move(result.after)), std::move(result.answers)};
}

namespace {

bool short_form_is_enough(const version& before, const request& r, ms now) {
  if (!before || !before->is_lock) return false;
  const auto& d = before->what;
  if (d.observed || d.ct != d.mine || !d.et || !protocol::defect(d, now).empty()) return false;
  const auto ended = [&](const auto& e) { return e.until <= now - r.skew; };
  const auto any_ended = [&](const auto& entries) { return std::any_of(entries.begin(), entries.end(), ended); };
  if (any_ended(d.holders) || any_ended(d.waiters) || any_ended(d.gone)) return false;
  const auto has = [&](const auto& entries) {
    return std::any_of(entries.begin(), entries.end(), [&](const auto& e) { return e.id == r.id; });
  };
  if (has(d.gone) || has(d.waiters)) return false;
  if (r.op == operation::release) {
    return d.holders.size() == 1 && has(d.holders) && (d.waiters.empty() || d.waiters[0].what.exclusive);
  }
  if (d.cap != r.cap) return false;
  if (d.holders.empty() && d.waiters.empty()) return true;
  const bool is_exclusive =
      std::any_of(d.holders.begin(), d.holders.end(), [](const auto& h) { return h.what.exclusive; });
  return r.op == operation::enqueue && r.what.exclusive && is_exclusive && !has(d.holders);
}

}  // namespace

bool is_enough(const version& before, const request& r, ms now) {
  switch (protocol::form_of(r)) {
    case protocol::form::express:
      return carry_out(before, r, now).answer.found;
    case protocol::form::brief:
      return short_form_is_enough(before, r, now);
    case protocol::form::whole:
      break;
  }
  return true;
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
    const bool named = std::find(l.ids.begin(), l.ids.end(), id) != l.ids.end();
    const bool wanted = !l.ids.empty() ? named : l.id.empty() ? id.starts_with(l.prefix) : id == l.id;
    if (!wanted) continue;
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
