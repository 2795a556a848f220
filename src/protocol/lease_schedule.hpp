#pragma once

#include "protocol/document.hpp"

namespace dlock::protocol {

/// How long before its end on the server a lease is given up by its holder: room to be told and to stop.
[[nodiscard]] ms lease_margin(ms delta) noexcept;

/// Until when a lease is surely valid, on the local clock, after a request that was *sent* at `sent` has set it.
[[nodiscard]] ms valid_until(ms sent, ms delta) noexcept;

/// When a held lease is to be renewed, and when it is over. Local times in milliseconds; no clock of its own.
class lease_schedule {
 public:
  /// A lease that began at `begin` and lasts for `first`, of which its holder learns `now`; renewed, for `delta`.
  lease_schedule(ms begin, ms first, ms delta, bool renews, ms now) noexcept;

  [[nodiscard]] ms valid_until() const noexcept { return valid_until_; }
  /// The time of the next renewal; after valid_until() if there is none.
  [[nodiscard]] ms next_renewal() const noexcept { return next_renewal_; }

  /// A renewal that was sent then succeeded.
  void renewed(ms sent) noexcept;
  /// A renewal got no answer: again soon, while the lease lasts.
  void unanswered(ms now) noexcept;
  void stop_renewing() noexcept;

 private:
  ms delta_;
  bool renews_;
  ms valid_until_;
  ms next_renewal_;
};

}  // namespace dlock::protocol
