#pragma once

#include <variant>

#include "engine/backoff.hpp"
#include "protocol/document.hpp"

namespace dlock::engine {

/// One release of a lease, as a state machine without I/O, clock or threads. It repeats the request until an answer
/// says what happened to the lease, or until its time is over.
///
/// | state    | event               | next                                                         |
/// |----------|---------------------|--------------------------------------------------------------|
/// |          | start               | asking: send                                                 |
/// | asking   | answered            | over: released; or lost, if the holder was not there and no  |
/// |          |                     | earlier try of this release can have removed it, or if the   |
/// |          |                     | document is not a lock                                       |
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
    unknown,  // not answered: the request has to be repeated in the background
  };
  struct done {
    result what;
    /// The acquisition has to be cancelled, too. There are two reasons: a late copy of one of its requests must not get
    /// in; and if a release was never answered, nobody else knows the heirs that it has admitted.
    bool cancel = false;
  };
  using action = std::variant<send, wait, done>;

  /// `ask`: the release. `until`: local time. `in_doubt`: an earlier release got no answer. `doubtful`: a request of
  /// the acquisition got no answer, and may still arrive.
  release_machine(protocol::request ask, ms until, bool in_doubt, bool doubtful);

  [[nodiscard]] action start();
  [[nodiscard]] action answered(const protocol::reply& r);
  /// No answer. `in_doubt`: the server may have executed it.
  [[nodiscard]] action unanswered(bool in_doubt, ms now);
  /// The time of a `wait` has come.
  [[nodiscard]] action look();
  /// The server has refused it, or until() has come while a request is in flight.
  [[nodiscard]] action give_up() const;

  /// The caller may wait for the answer to a request until this time.
  [[nodiscard]] ms until() const noexcept { return until_; }
  /// The request that has to be repeated if the result is unknown.
  [[nodiscard]] const protocol::request& ask() const noexcept { return ask_; }

 private:
  protocol::request ask_;
  ms until_;
  bool in_doubt_;
  bool doubtful_;
  backoff pause_{500};
};

}  // namespace dlock::engine
