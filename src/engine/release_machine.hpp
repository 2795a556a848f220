#pragma once

#include <variant>

#include "engine/backoff.hpp"
#include "protocol/document.hpp"

namespace dlock::engine {

/// One release of a lease, as a state machine without I/O, clock or threads. It repeats the request until an answer
/// says what became of the lease, or until its time is over.
///
/// | state    | event               | next                                                         |
/// |----------|---------------------|--------------------------------------------------------------|
/// |          | start               | asking: send                                                 |
/// | asking   | answered            | over: released; or lost, if it was not there and no earlier  |
/// |          |                     | try of this release can have removed it, or is no lock       |
/// | asking   | unanswered          | pausing: wait; or over: unknown, if that would be too late   |
/// | asking   | give_up             | over: unknown                                                |
/// | pausing  | look                | asking: send                                                 |
class release_machine {
 public:
  struct send {
    protocol::request r;
  };
  struct wait {
    ms until;
  };
  enum class result {
    released,
    lost,     // somebody else had taken it, or removed it
    unknown,  // not answered: the request is to be repeated in the background
  };
  struct done {
    result what;
    /// The acquisition is to be cancelled, too: a late copy of a request of it must find no way in, and the heirs of a
    /// release that was never answered are known to nobody else.
    bool cancel = false;
    bool left_free = false;  // nobody holds it or waits for it
  };
  using action = std::variant<send, wait, done>;

  /// `ask`: the release. `until`: local time. `in_doubt`: an earlier release went without an answer. `doubtful`: a
  /// request of the acquisition did, and may yet arrive.
  release_machine(protocol::request ask, ms until, bool in_doubt, bool doubtful);

  [[nodiscard]] action start();
  [[nodiscard]] action answered(const protocol::reply& r);
  /// No answer; `in_doubt`: it may have been carried out.
  [[nodiscard]] action unanswered(bool in_doubt, ms now);
  /// The time of a `wait` has come.
  [[nodiscard]] action look();
  /// The server refuses it, or until() has come while a request is in flight.
  [[nodiscard]] action give_up() const;

  /// Until when the answer to a request may be waited for.
  [[nodiscard]] ms until() const noexcept { return until_; }
  /// What is to be repeated if the result is unknown.
  [[nodiscard]] const protocol::request& ask() const noexcept { return ask_; }

 private:
  protocol::request ask_;
  ms until_;
  bool in_doubt_;
  bool doubtful_;
  backoff pause_{500};
};

}  // namespace dlock::engine
