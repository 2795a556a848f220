#pragma once

#include <array>
#include <mutex>
#include <string>

#include <dlock/events.hpp>
#include <dlock/options.hpp>

#include "protocol/answer.hpp"

namespace dlock {

/// Whether the notifications work. It logs a change once, even if the change is reported often.
class health {
 public:
  enum class part { inbox, events, outbox };

  explicit health(log_callback log) : log_(std::move(log)) {}

  void works(part which);
  void fails(part which, const std::string& why);
  /// Reports the result of an attempt.
  void report(part which, const answer& a) {
    if (a.what == answer::kind::replied) return works(which);
    fails(which, a.why);
  }
  /// The part is not in use any more.
  void rests(part which);

  [[nodiscard]] notification_status now() const;

 private:
  void set(part which, notification_status s);

  log_callback log_;
  mutable std::mutex guard_;
  std::array<notification_status, 3> parts_;
};

}  // namespace dlock
