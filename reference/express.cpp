#include "protocol/plausible.hpp"
#include "reference/transition.hpp"

namespace dlock::protocol {
namespace {

/// A lock of ours that nobody waits for, without tombstones, with room below the end of tokens.
bool is_quiet(const document& d, const request& r, ms now) {
  if (d.observed || !d.et || !d.ct || d.ct != d.mine || !defect(d, now).empty()) return false;
  if (d.fence >= end_of_tokens(now - 10'000) || d.rev >= token_limit - 992) return false;
  return d.waiters.empty() && d.gone.empty() && (d.cap > 0) == (r.cap > 0);
}

bool fits(const document& d, const request& r, ms now) {
  if (!is_quiet(d, r, now)) return false;
  if (r.op == operation::try_ || r.op == operation::enqueue) {
    return d.holders.empty() && d.cap == r.cap && d.fence >= r.floor;
  }
  if (d.holders.size() != 1 || d.holders.front().id != r.id) return false;
  return r.op == operation::release || (d.holders.front().until > now && !d.holders.front().revoked);
}

void renew(document& d, const request& r, ms now) {
  auto& h = d.holders.front();
  h.until = std::max(h.until, now + r.delta);
  h.delta = r.delta;
  h.announced = true;
  d.et = h.until + r.skew;
}

void take(document& d, const request& r, ms now) {
  d.fence = std::max(d.fence - d.fence % token_step + token_step, now * token_step);
  d.holders = {{.id = r.id,
                .what = r.what,
                .delta = r.delta,
                .since = now,
                .until = now + r.delta,
                .fence = d.fence,
                .who = r.who,
                .client = r.client,
                .value = r.value}};
  if (r.what.exclusive) d.holders.front().what.weight = 0;
  d.lockd = lockd_flag::one;
  d.et = now + r.delta + r.skew;
}

}  // namespace

std::optional<transition_result> express(const std::optional<document>& before, const request& r, ms now) {
  if (!before || !fits(*before, r, now)) return std::nullopt;
  document d = *before;
  ++d.rev;
  if (r.op == operation::renew) {
    renew(d, r, now);
  } else {
    d.waiters.clear();
    d.gone.clear();
    d.holders.clear();
    d.lockd = lockd_flag::absent;
    d.et = now;
    if (r.op != operation::release) take(d, r, now);
    d.ct = d.mine = now;
  }
  reply a{.found = true, .now = now, .rev = d.rev, .fence = d.fence, .cap = d.cap, .resized = d.resized, .calm = true};
  if (!d.holders.empty()) {
    a.mine = d.holders.front();
    a.holders = 1;
    a.first = {a.mine->who, a.mine->fence, a.mine->until};
    a.next_end = a.mine->until;
    drop_strange_tokens(a);
  }
  return transition_result{std::move(d), std::move(a)};
}

}  // namespace dlock::protocol
