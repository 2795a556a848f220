#pragma once

#include "protocol/document.hpp"

namespace dlock::protocol {

/// How long before its end on the server a holder gives up its lease. In this time it can be told and can stop.
[[nodiscard]] ms lease_margin(ms delta) noexcept;

/// The local time until which a lease is certainly valid, if it was set by a request that was *sent* at `sent`.
[[nodiscard]] ms valid_until(ms sent, ms delta) noexcept;

/// When a lease has to be renewed, and when it is over. Local times in milliseconds. It has no clock of its own.
class lease_schedule {
 public:
  /// A lease that began at `begin` and lasts for `first`. The holder learns of it at `now`. A renewal makes it last for
  /// `delta`.
  lease_schedule(ms begin, ms first, ms delta, bool renews, ms now) noexcept;

  [[nodiscard]] ms valid_until() const noexcept { return valid_until_; }
  /// The time of the next renewal. If there is none, this is after valid_until().
  [[nodiscard]] ms next_renewal() const noexcept { return next_renewal_; }
  /// The next renewal can be sent now if that saves a command. From then on it is due together with the other one.
  [[nodiscard]] bool is_due_soon(ms now) const noexcept { return renews_ && next_renewal_ <= now + delta_ / 6; }

  /// A renewal that was sent at `sent` has succeeded.
  void renewed(ms sent) noexcept;
  /// A renewal got no answer: renew again soon, while the lease lasts.
  void unanswered(ms now) noexcept;
  void stop_renewing() noexcept;
  /// It is renewed at `now`.
  void renew_at(ms now) noexcept {
    if (renews_) next_renewal_ = now;
  }

 private:
  ms delta_;
  bool renews_;
  ms valid_until_;
  ms next_renewal_;
};

}  // namespace dlock::protocol
