#include "protocol/lease_schedule.hpp"

#include <algorithm>
#include <limits>

namespace dlock::protocol {
namespace {
constexpr ms kNever = std::numeric_limits<ms>::max();
/// An heir renews this soon after it has learned of its grant, so that it has a full lease, which outlasts an election.
/// It does not renew at once, because many holders release within this time.
constexpr ms kFirstTerm = 25;
}  // namespace

ms lease_margin(ms delta) noexcept {
  return std::clamp<ms>(delta / 10, 20, 500);
}

ms valid_until(ms sent, ms delta) noexcept {
  return sent + delta - lease_margin(delta);
}

lease_schedule::lease_schedule(ms begin, ms first, ms delta, bool renews, ms now) noexcept
    : delta_(delta),
      renews_(renews),
      valid_until_(protocol::valid_until(begin, first)),
      next_renewal_(renews ? begin + first / 3 : kNever) {
  if (renews && first < delta) next_renewal_ = std::min(next_renewal_, now + kFirstTerm);
}

void lease_schedule::renewed(ms sent) noexcept {
  valid_until_ = std::max(valid_until_, protocol::valid_until(sent, delta_));
  if (renews_) next_renewal_ = sent + delta_ / 3;
}

void lease_schedule::unanswered(ms now) noexcept {
  if (renews_) next_renewal_ = now + std::clamp<ms>(delta_ / 20, 10, 500);
}

void lease_schedule::stop_renewing() noexcept {
  renews_ = false;
  next_renewal_ = kNever;
}

}  // namespace dlock::protocol
