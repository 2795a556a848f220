// Inspecting, listing and revoking locks from outside; the servers.
#include <dlock/inspect.hpp>

#include <algorithm>

#include <dlock/client.hpp>
#include <dlock/error.hpp>

#include "client/validate.hpp"
#include "runtime/errors.hpp"
#include "runtime/runtime.hpp"
#include "util/clock.hpp"
#include "util/text.hpp"

namespace dlock {
namespace {

using protocol::ms;

lock_mode mode_of(const protocol::claim& what, std::int64_t cap) {
  if (what.exclusive) return lock_mode::exclusive;
  return cap > 0 ? lock_mode::permits : lock_mode::shared;
}

std::int64_t permits_of(const protocol::claim& what, std::int64_t cap) {
  return what.exclusive || cap == 0 ? 0 : what.weight;
}

lock_holder shown(const protocol::holder& h, const protocol::snapshot& s) {
  return {.who = h.who,
          .mode = mode_of(h.what, s.what.cap),
          .permits = permits_of(h.what, s.what.cap),
          .token = h.fence,
          .since = system_time(h.since),
          .until = system_time(h.until),
          .expired = !s.what.observed && h.until <= s.now,
          .revoked = h.revoked,
          .foreign = false,
          .kept = h.is_kept(),
          .lingering = protocol::lingers(h.id),
          .value = h.value};
}

/// True if mongo-dlock holds the lock. Then our entries in the document do not count any more.
bool is_foreign(const protocol::document& d) {
  return d.ct != d.mine && d.lockd != protocol::lockd_flag::no;
}

lock_state shown(const protocol::snapshot& s, ms skew) {
  const auto& d = s.what;
  lock_state out{.id = s.id,
                 .permits = d.cap,
                 .token = d.fence,
                 .holders = {},
                 .waiters = {},
                 .at = system_time(s.now),
                 .expiry = d.observed ? expiry::observed : expiry::server_clock,
                 .expired = {}};
  if (is_foreign(d)) {
    const ms until = d.et.value_or(0);
    lock_holder theirs;
    theirs.since = system_time(d.ct.value_or(0));
    theirs.until = system_time(until);
    theirs.expired = until <= s.now;
    theirs.foreign = true;
    (until + skew > s.now ? out.holders : out.expired).push_back(std::move(theirs));
  } else {
    for (const auto& h : d.holders) {
      const bool over = !d.observed && h.until + skew <= s.now;  // the next client would decide the same
      (over ? out.expired : out.holders).push_back(shown(h, s));
    }
  }
  for (const auto& w : d.waiters) {
    if (!d.observed && w.until + skew <= s.now) continue;  // it gave up, or died
    out.waiters.push_back({.who = w.who,
                           .mode = mode_of(w.what, d.cap),
                           .permits = permits_of(w.what, d.cap),
                           .since = system_time(w.since),
                           .value = w.value});
  }
  return out;
}

std::optional<protocol::snapshot> see(detail::runtime& core, const std::string& id, const std::string& doing) {
  auto seen = core.read({.id = checked_id(id)}, doing);
  if (seen.empty()) return std::nullopt;
  if (!seen.front().valid) {
    detail::fail_not_a_lock(doing, core.options(), id, seen.front().defect);
  }
  return std::move(seen.front());
}

/// The holder with this owner, if nobody has taken the lock off it.
const protocol::holder* holder_of(const protocol::document& d, const std::string& owner) {
  if (is_foreign(d)) return nullptr;
  const std::string id = owner.substr(0, owner.find('+'));  // each turn has another owner
  const auto found = std::find_if(d.holders.begin(), d.holders.end(), [&](const auto& h) { return h.id == id; });
  return found == d.holders.end() || found->revoked ? nullptr : &*found;
}

}  // namespace

const char* to_string(lock_mode value) noexcept {
  switch (value) {
    case lock_mode::exclusive:
      return "exclusive";
    case lock_mode::shared:
      return "shared";
    case lock_mode::permits:
      return "permits";
  }
  return "unknown";
}

const char* to_string(member_state value) noexcept {
  switch (value) {
    case member_state::primary:
      return "primary";
    case member_state::secondary:
      return "secondary";
    case member_state::arbiter:
      return "arbiter";
    case member_state::mongos:
      return "mongos";
    case member_state::standalone:
      return "standalone";
    case member_state::other:
      return "other";
    case member_state::unknown:
      break;
  }
  return "unknown";
}

std::vector<member_info> client::members() const {
  return core().members();
}

std::optional<lock_state> client::inspect(const std::string& id) const {
  const auto seen = see(core(), id, "cannot inspect lock " + in_quotes(id));
  if (!seen) return std::nullopt;
  return shown(*seen, options().clock_skew.count());
}

std::vector<lock_state> client::list(const std::string& prefix) const {
  if (!prefix.empty()) (void)checked_id(prefix);
  const auto within = options().operation_timeout.count();
  auto seen = core().read({.id = {}, .prefix = prefix, .ids = {}, .within = within}, "cannot list locks");
  std::vector<lock_state> out;
  out.reserve(seen.size());
  for (auto& s : seen) {
    if (s.valid && !s.id.empty()) out.push_back(shown(s, options().clock_skew.count()));
    s = {};  // there may be many: none is in memory twice for long
  }
  return out;
}

std::vector<lock_holder> client::revoke(const std::string& id, std::optional<std::int64_t> token, revocation how) {
  const std::string doing = "cannot revoke lock " + in_quotes(id);
  const auto seen = see(core(), id, doing);
  std::vector<lock_holder> out;
  if (!seen || is_foreign(seen->what)) return out;
  for (const auto& h : seen->what.holders) {
    if (token && h.fence / protocol::token_step != *token / protocol::token_step) continue;
    if (!core().revoke(*seen, h, how == revocation::at_once)) continue;
    out.push_back(shown(h, *seen));
    out.back().revoked = true;
  }
  return out;
}

/// Sends an amend in the place of the owner, with the number after the last one, and with the claim that the holder
/// has. If somebody else sends one at the same time, only one of the two counts. A hold of this client does this by
/// itself: it knows whether the turn of this owner is over.
bool client::set_note(const std::string& id, const std::string& owner, std::string note) {
  const std::string doing = "cannot set the note of lock " + in_quotes(id);
  note = checked_note("note", std::move(note));
  (void)checked_id(id);
  core().check_usable(doing);
  if (const auto own = core().hold_of(id, owner)) {
    return core().amend(id, *own, std::nullopt, std::move(note), false, doing) == detail::runtime::amended::done;
  }
  const ms until = core().now() + options().operation_timeout.count();
  for (bool first = true;; first = false) {
    const auto seen = see(core(), id, doing);
    const auto* h = seen ? holder_of(seen->what, owner) : nullptr;
    if (h == nullptr) return false;
    if (!first && h->value == note) return true;  // at first, only a write proves that the owner still holds the lock
    auto r = core().blank_request(id);
    r.op = protocol::operation::amend;
    r.id = h->id;
    r.what = h->what;
    r.delta = h->delta;
    r.observed = seen->what.observed;
    r.skew = std::max(r.skew, protocol::skew_of(seen->what));
    r.value = note;
    r.seq = h->seq + 1;
    const auto told = core().ask(r, doing, until);
    if (!told.mine || told.mine->revoked) return false;
    if (told.mine->seq == r.seq && told.mine->value == note) return true;
    if (core().now() >= until) {
      throw error(errc::unavailable, doing + ": others change it all the time; try again", {.retryable = true});
    }
  }
}

}  // namespace dlock
