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
  ended,        // it ended, and was not meant to be renewed
  gone,         // on the server it is not ours any more: somebody removed it, took it over, or revoked it
  revoked,      // the same, after a revocation notice
};

/// A lease that is held, as a state machine without I/O, clock or threads: when it is renewed, when it is over, and
/// what makes it lost earlier. The owner calls look() at the time next(), sends a request if look() says `ask`, and
/// feeds in the outcome.
///
/// | state  | event                            | next                                                              |
/// |--------|----------------------------------|-------------------------------------------------------------------|
/// | idle   | look, when it is time            | asking                                                            |
/// | idle   | join, when it is due soon        | asking: another hold of the same lock is renewed now              |
/// | idle   | suspend_renewals, until resumed  | idle, and is not renewed: only what puts it in doubt asks         |
/// | asking | send                             | sent: renew; or peek, if the lease is not renewed any more        |
/// | idle   | notice, clock_was_set            | idle: look() is due now                                           |
/// | sent   | answered: it is ours             | idle; extended, if it was a renewal and came before the end       |
/// | sent   | answered: it is not ours         | over: gone or revoked                                             |
/// | sent   | the same, after a peek           | idle, and peeks once more; over at the second time                |
/// | sent   | unanswered, not_sent             | idle, and asks again soon                                         |
/// | asking, sent | notice, clock_was_set      | as before, and then once more: the request may be too old         |
/// | any    | look, from valid_until() on      | over: not_renewed or ended                                        |
class hold_machine {
 public:
  static constexpr ms never = std::numeric_limits<ms>::max();

  /// `confirmed`: when the request was sent whose answer has granted it. None: the client has learned of its grant from
  /// a notice, and it is in its first term.
  explicit hold_machine(protocol::lease_schedule schedule, std::optional<ms> confirmed = {}) noexcept;

  [[nodiscard]] ms valid_until() const noexcept { return schedule_.valid_until(); }
  /// When look() has to be called.
  [[nodiscard]] ms next() const noexcept;

  enum class action { nothing, ask, lose };
  [[nodiscard]] action look(ms now);
  /// Another hold of the same lock is renewed now. True: this one asks, too, although it is not due yet.
  [[nodiscard]] bool join(ms now) noexcept;
  /// look() or join() has said that it asks, and nothing is sent yet.
  [[nodiscard]] bool waits_to_be_sent() const noexcept { return asking_ && !sent_; }
  /// It does not extend the lease any more when it asks.
  [[nodiscard]] bool peeks() const noexcept { return peeks_; }
  /// The request is sent now: a renewal, or a peek.
  [[nodiscard]] protocol::operation send() noexcept;

  enum class effect { held, too_late, lost };  // held: valid_until() may be later now
  /// It was sent at `sent`, and was answered.
  [[nodiscard]] effect answered(const protocol::reply& r, ms sent, ms now);
  /// ... or it was not answered. True: this is the first time in a row.
  [[nodiscard]] bool unanswered(ms now);
  /// ... or it could not be sent.
  void not_sent(ms now) noexcept;

  /// A notice says that `by` has revoked it. This is only a hint: somebody who may write notices may not be allowed to
  /// revoke.
  void notice(std::string by, ms now);
  /// The computer may have been stopped in a way that its clock does not count. Then only the server knows whether the
  /// lease is still held.
  void clock_was_set(ms now) noexcept;
  /// From now on the lease is only peeked at, and no answer extends it.
  void stop_renewing() noexcept {
    peeks_ = true;
    schedule_.stop_renewing();
  }

  /// Somebody else in this client may go on with it: the newest answer, which said that it is ours, is to a request
  /// that was sent less than 100 ms ago, and nothing since then puts it in doubt. The shortest TTL is 200 ms. So at
  /// least half of it is left.
  [[nodiscard]] bool is_fresh(ms now) const noexcept;
  /// It is in its first term, and nothing puts it in doubt: an answer would make it fresh.
  [[nodiscard]] bool can_be_confirmed() const noexcept { return !confirmed_ && is_sure(); }
  /// An answer has said that it is ours, and nothing puts it in doubt.
  [[nodiscard]] bool is_confirmed() const noexcept { return confirmed_ && is_sure(); }
  [[nodiscard]] bool is_sure() const noexcept { return !peeks_ && !in_trouble_ && !revoked_by_ && !clock_is_odd_; }
  /// While renewals are suspended, it is not renewed.
  void suspend_renewals(bool yes) noexcept { suspended_ = yes; }
  /// Renews it now, if it is renewed at all.
  void renew_now(ms now) noexcept { schedule_.renew_at(now); }

  /// After `lost` or `lose`: why it was lost. revoked_by(): who revoked it, if that is why.
  [[nodiscard]] loss why() const noexcept { return why_; }
  [[nodiscard]] const std::string& revoked_by() const noexcept { return *revoked_by_; }

 private:
  [[nodiscard]] ms due() const noexcept;
  [[nodiscard]] bool is_gone(bool there, ms now) noexcept;
  [[nodiscard]] loss by_time() const noexcept { return renews_ ? loss::not_renewed : loss::ended; }

  protocol::lease_schedule schedule_;
  bool renews_;
  std::optional<ms> confirmed_;  // when the newest request was sent whose answer said that it is ours
  bool peeks_ = !renews_;        // what asks the server does not extend the lease
  bool suspended_ = false;
  bool asking_ = false;
  bool sent_ = false;                      // asking: the request is on its way
  bool renewing_ = false;                  // the request that was sent last is a renewal, not a peek
  bool clock_is_odd_ = false;              // the clock was set, and no answer has come since
  bool in_trouble_ = false;                // the last request was not answered
  std::optional<std::string> revoked_by_;  // who revoked it, as a notice says
  ms ask_at_ = never;                      // when to ask the server whether the lease is still held
  int looks_ = 0;                          // how many peeks are left
  bool unseen_ = false;                    // the last peek did not show it
  loss why_ = loss::not_renewed;
};

}  // namespace dlock::engine
