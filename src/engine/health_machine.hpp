#pragma once

#include <string>

#include <dlock/events.hpp>

#include "engine/backoff.hpp"

namespace dlock::engine {

/// What a client needs the notification channel for: its inbox, the events for everybody, and to send both.
enum class part { inbox, events, outbox };

/// Whether one part of the notifications works, as a state machine without I/O, clock or threads. It says when a change
/// is worth a line in the log, and how long to wait before the next try.
///
/// | state         | event      | next                                                     |
/// |---------------|------------|----------------------------------------------------------|
/// | idle          | works      | working                                                  |
/// | idle, working | fails      | failing: log it                                          |
/// | failing       | fails      | failing: the newest reason counts, and the pause doubles |
/// | failing       | works      | working: log it; the next pause is the shortest again    |
/// | any           | not_needed | idle: nobody needs it now                                |
class health_machine {
 public:
  /// True: log it.
  [[nodiscard]] bool works();
  [[nodiscard]] bool fails(std::string why);
  void not_needed();
  /// After a failure.
  [[nodiscard]] ms next_pause() noexcept { return pause_.next(); }
  [[nodiscard]] const notification_status& now() const noexcept { return now_; }

 private:
  static constexpr backoff kPauses{3000, 100};

  notification_status now_;
  backoff pause_ = kPauses;
};

}  // namespace dlock::engine
