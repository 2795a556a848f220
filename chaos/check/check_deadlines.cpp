#include <algorithm>

#include "checks.hpp"

namespace dlock::chaos {

namespace {

constexpr ns kPromised = 100 * ns_per_ms;

/// How long a thread of its process waited for a processor, at most, in a call that was under way when this one was
/// late. It may have been the one with the mutex of the client.
ns starved_beside(const history& h, const call& late) {
  ns most = 0;
  for (const auto& c : h.calls) {
    const bool overlaps = c.at < *late.returned && c.returned.value_or(never) > late.at + *late.timeout;
    if (c.process == late.process && overlaps) most = std::max(most, c.starved);
  }
  return most;
}

}  // namespace

check_result check_deadlines(const analysis& a) {
  check_result r("deadlines");
  std::int64_t judged = 0, starved = 0, stopped = 0;
  ns worst = 0;
  for (const auto& c : a.h.calls) {
    if (!c.acquires() || !c.timeout || !c.returned || !c.took) continue;
    const ns late = *c.took - *c.timeout;
    if (a.faults.stopped(c.process, c.at, *c.returned)) {
      ++stopped;
      continue;
    }
    ++judged;
    starved += late > kPromised;
    ns own = late - c.starved;
    if (own > kPromised) own = late - starved_beside(a.h, c);
    worst = std::max(worst, own);
    if (own > kPromised)
      r.breaks("the call " + c.op + " of " + c.claims.front().lock + " by " + c.process + " with a time-out of " +
               std::to_string(*c.timeout / ns_per_ms) + " ms took " + std::to_string(*c.took / ns_per_ms) +
               " ms; its thread waited for a processor for " + std::to_string(c.starved / ns_per_ms) + " ms (" +
               a.h.at(c.where_returned) + ")");
  }
  r.detail = std::to_string(judged) + " calls with a time-out, at worst " + std::to_string(worst / ns_per_ms) +
             " ms late; " + std::to_string(starved - r.broken) + " later than 100 ms for want of a processor; " +
             std::to_string(stopped) + " not judged, because their process was stopped meanwhile";
  return r;
}

}  // namespace dlock::chaos
