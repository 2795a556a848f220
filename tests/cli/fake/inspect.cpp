#include <utility>

#include "core.hpp"

// Looking at locks from outside.

namespace dlock {

namespace {

using detail::holder_entry;
using std::chrono::system_clock;

/// The server's clock, as it were.
system_clock::time_point wall(std::int64_t number) {
  const auto ago = boot_clock::now() - detail::time_of(number);
  return system_clock::now() - std::chrono::duration_cast<system_clock::duration>(ago);
}

lock_holder seen(const holder_entry& entry) {
  return {.who = entry.who,
          .mode = entry.mode,
          .permits = entry.permits,
          .token = entry.token,
          .since = wall(entry.since),
          .until = wall(entry.until),
          .expired = detail::time_of(entry.until) <= boot_clock::now(),
          .revoked = entry.revoked,
          .foreign = entry.foreign,
          .kept = entry.kept,
          .value = entry.value};
}

lock_state seen(const detail::runtime& client, const std::string& id, const detail::document& now) {
  lock_state out{.id = id, .permits = now.permits, .token = now.token, .at = system_clock::now()};
  for (const holder_entry& each : now.holders) {
    const bool over = detail::time_of(each.until) + client.options.clock_skew <= boot_clock::now();
    (over ? out.expired : out.holders).push_back(seen(each));
  }
  for (const detail::waiter_entry& each : now.waiters) {
    out.waiters.push_back({.who = each.who, .mode = each.mode, .permits = each.permits, .since = wall(each.since)});
  }
  return out;
}

}  // namespace

std::optional<lock_state> client::inspect(const std::string& id) const {
  core_->reach();
  const detail::document now = core_->read(id);
  if (!now.exists) return std::nullopt;
  return seen(*core_, id, now);
}

std::vector<lock_state> client::list(const std::string& prefix) const {
  core_->reach();
  std::vector<lock_state> out;
  for (const std::string& id : core_->ids()) {
    if (id.starts_with(prefix)) out.push_back(seen(*core_, id, core_->read(id)));
  }
  return out;
}

std::vector<lock_holder> client::revoke(const std::string& id, std::optional<std::int64_t> token, revocation how) {
  core_->reach();
  if (!core_->read(id).exists) return {};
  return core_->with(id, [&](detail::document& now) {
    std::vector<lock_holder> out;
    std::vector<holder_entry> kept;
    for (holder_entry& each : now.holders) {
      const bool meant = !each.foreign && (!token || *token == each.token);
      if (meant) {
        each.revoked = true;
        out.push_back(seen(each));
      }
      if (!meant || (how == revocation::when_released && !each.kept)) kept.push_back(each);
    }
    now.holders = std::move(kept);
    return out;
  });
}

}  // namespace dlock
