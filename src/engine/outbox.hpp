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

/// What a client has to tell others: grants and revocations at once, one by one; announcements in order and in batches.
/// What cannot be told in time is dropped: heirs look by themselves, and a gap is announced.
///
/// Announcements:
/// | state     | event                            | next                                                      |
/// |-----------|----------------------------------|-----------------------------------------------------------|
/// | idle      | publish                          | lingering: what happens within 20 ms goes together        |
/// | lingering | take, when due                   | sending; idle if there is nothing                         |
/// | sending   | sent                             | lingering, for 100 ms: an insert costs the locks' writes  |
/// | sending   | not sent                         | lingering, for a pause that doubles up to 3 s             |
/// | sending   | not sent, in doubt               | the same; they are dropped, and a gap takes their place   |
/// | lingering | postpone                         | lingering, for a pause as after a failure; idle after hurry |
/// | lingering | hurry                            | lingering, and due now; from then on nothing lingers      |
/// | sending   | not sent, after hurry            | idle; the next publish tries again                        |
class outbox {
 public:
  struct notice {
    std::string client;  // whose inbox
    std::variant<protocol::grant, protocol::revocation> what;
  };
  /// Nothing: a gap.
  using batch = std::vector<std::optional<protocol::announcement>>;

  outbox();

  // --- notices ------------------------------------------------------------------------------------------------------
  void tell(notice n);
  [[nodiscard]] std::size_t notices() const noexcept { return notices_.size(); }
  [[nodiscard]] std::optional<notice> next_notice();
  /// It was told, or cannot be.
  void told() noexcept { --untold_; }

  // --- announcements ------------------------------------------------------------------------------------------------
  void publish(protocol::announcement a, ms now);
  /// When the next batch is due.
  [[nodiscard]] ms next() const noexcept { return now_ == state::lingering ? due_ : never; }
  /// One batch at a time.
  [[nodiscard]] std::optional<batch> take(ms now);
  /// What became of it. `in_doubt`: it may be there, and twice would be a lie.
  void sent(bool there, bool in_doubt, ms now);

  /// It is due, and cannot be sent: later, unless the client ends soon.
  void postpone(ms now);
  /// The client ends soon.
  void hurry(ms now);
  /// All is told and sent, or cannot be just now.
  [[nodiscard]] bool is_quiet() const noexcept { return untold_ == 0 && (now_ == state::idle || failing_); }

 private:
  enum class state { idle, lingering, sending };
  void linger(ms until) noexcept;

  std::deque<notice> notices_;
  std::size_t untold_ = 0;  // those that are being told included
  std::deque<std::optional<protocol::announcement>> queue_;
  state now_ = state::idle;
  ms due_ = 0;
  std::size_t sending_ = 0;
  bool hurries_ = false;
  bool failing_ = false;
  backoff pause_;
};

}  // namespace dlock::engine
