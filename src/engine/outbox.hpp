#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/backoff.hpp"
#include "engine/timers.hpp"
#include "protocol/event.hpp"

namespace dlock::engine {

/// What a client has to tell others. Grant notices and revocation notices go at once, one by one. Announcements (events
/// for everybody) go in order and in batches. What cannot be sent in time is dropped: heirs poll anyway, and a gap says
/// that announcements are missing.
///
/// Announcements:
/// | state     | event                            | next                                                        |
/// |-----------|----------------------------------|-------------------------------------------------------------|
/// | idle      | publish                          | lingering: what happens within 20 ms goes together          |
/// | lingering | take, when due                   | sending; idle if there is nothing to send                   |
/// | sending   | sent                             | lingering, for 100 ms: an insert slows down writes of locks |
/// | sending   | not sent                         | lingering, for a pause that doubles up to 3 s               |
/// | sending   | not sent, in doubt               | the same; the batch is dropped, and a gap takes its place   |
/// | lingering | postpone                         | lingering, for a pause as after a failure; idle after hurry |
/// | lingering | hurry                            | lingering, and due now; from then on nothing lingers        |
/// | sending   | not sent, after hurry            | idle; the next publish tries again                          |
class outbox {
 public:
  struct notice {
    std::string client;  // whose inbox
    std::variant<protocol::grant, protocol::revocation, protocol::recall> what;
  };
  /// An empty optional is a gap.
  using batch = std::vector<std::optional<protocol::announcement>>;

  outbox();

  // --- notices ------------------------------------------------------------------------------------------------------
  void tell(notice n);
  [[nodiscard]] std::size_t notices() const noexcept { return notices_.size(); }
  [[nodiscard]] std::optional<notice> next_notice();
  /// The notice was sent, or cannot be sent.
  void notice_done() noexcept { --unsent_; }

  // --- announcements ------------------------------------------------------------------------------------------------
  void publish(protocol::announcement a, ms now);
  /// When the next batch is due.
  [[nodiscard]] ms next() const noexcept { return now_ == state::lingering ? due_ : never; }
  /// One batch at a time.
  [[nodiscard]] std::optional<batch> take(ms now);
  /// The outcome of the batch. `in_doubt`: it may be there, and it must not be there twice.
  void sent(bool there, bool in_doubt, ms now);

  /// The batch is due, but cannot be sent now: send it later, unless the client ends soon.
  void postpone(ms now);
  /// The client ends soon.
  void hurry(ms now);
  /// Everything was sent, or cannot be sent at the moment.
  [[nodiscard]] bool is_quiet() const noexcept { return unsent_ == 0 && (now_ == state::idle || failing_); }

 private:
  enum class state { idle, lingering, sending };
  void linger(ms until) noexcept;

  std::deque<notice> notices_;
  std::size_t unsent_ = 0;  // how many notices are not sent yet; includes those that are being sent
  std::deque<std::optional<protocol::announcement>> queue_;
  state now_ = state::idle;
  ms due_ = 0;
  std::size_t sending_ = 0;
  bool hurries_ = false;
  bool failing_ = false;
  backoff pause_;
};

}  // namespace dlock::engine
