#pragma once

#include <limits>
#include <optional>
#include <string>

#include "protocol/document.hpp"
#include "protocol/lease_schedule.hpp"

namespace dlock::engine {

using protocol::ms;

/// Why a lease is not held any more.
enum class loss {
  not_renewed,  // it ended: no renewal was answered in time
  ended,        // it ended, and was not to be renewed
  gone,         // the server has it as ours no longer: somebody removed it, took it over, or revoked it
  revoked,      // the same, after a notice that somebody revoked it
};

/// A lease that is held, as a state machine without I/O, clock or threads: when it is renewed, when it is over, and
/// what makes it lost before. Whoever has it looks at next(), carries out what look() says, and feeds what comes of
/// that.
///
/// | state  | event                            | next                                                          |
/// |--------|----------------------------------|---------------------------------------------------------------|
/// | idle   | look, when it is time            | asking: renew; or peek, if it is not to be renewed            |
/// | idle   | notice, clock_was_set            | idle: look() is due now                                       |
/// | asking | answered: it is ours             | idle; longer, if it was a renewal and came before the end     |
/// | asking | answered: it is not              | over: gone or revoked                                         |
/// | asking | the same, after a peek           | idle, to look once more; over the second time                 |
/// | asking | unanswered, not_sent             | idle: again soon                                              |
/// | asking | notice, clock_was_set            | asking, and then once more: what is on its way may be too old |
/// | any    | look, from valid_until() on      | over: not_renewed or ended                                    |
class hold_machine {
 public:
  static constexpr ms never = std::numeric_limits<ms>::max();

  explicit hold_machine(protocol::lease_schedule schedule) noexcept;

  [[nodiscard]] ms valid_until() const noexcept { return schedule_.valid_until(); }
  /// When look() is to be called.
  [[nodiscard]] ms next() const noexcept;

  enum class action { nothing, renew, peek, lose };
  [[nodiscard]] action look(ms now);

  enum class effect { held, too_late, lost };  // held: valid_until() may be later now
  /// What look() asked for at `sent` was answered.
  [[nodiscard]] effect answered(const protocol::reply& r, ms sent, ms now);
  /// ... or not. True: for the first time in a row.
  [[nodiscard]] bool unanswered(ms now);
  /// ... or could not be sent.
  void not_sent(ms now) noexcept;

  /// Somebody says that `by` has revoked it. That is a hint: who can write it may be nobody who can revoke.
  void notice(std::string by, ms now);
  /// The machine may have been stopped in a way that its clock does not count; only the server knows what is held.
  void clock_was_set(ms now) noexcept;
  void stop_renewing() noexcept { schedule_.stop_renewing(); }

  /// Why, after `lost` or `lose`; by whom, if it was revoked.
  [[nodiscard]] loss why() const noexcept { return why_; }
  [[nodiscard]] const std::string& revoked_by() const noexcept { return *revoked_by_; }

 private:
  [[nodiscard]] ms due() const noexcept;
  [[nodiscard]] bool is_gone(bool there, ms now) noexcept;
  [[nodiscard]] loss by_time() const noexcept { return renews_ ? loss::not_renewed : loss::ended; }

  protocol::lease_schedule schedule_;
  bool renews_;
  bool asking_ = false;
  bool in_trouble_ = false;                // the last request was not answered
  std::optional<std::string> revoked_by_;  // says a notice
  ms ask_at_ = never;                      // then the server is asked whether it is still held
  int looks_ = 0;                          // so often still
  bool unseen_ = false;                    // by the last look
  loss why_ = loss::not_renewed;
};

}  // namespace dlock::engine
