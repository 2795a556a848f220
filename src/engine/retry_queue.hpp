#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "engine/backoff.hpp"
#include "protocol/document.hpp"

namespace dlock::engine {

/// Requests that are repeated until they are answered, or until what they are about runs out by itself. A state machine
/// without I/O, clock or threads.
///
/// Few are under way while the server is silent: they must not stand before a client's own requests, by the thousand,
/// when it comes back. The first answer to anything that the client asks ends the silence, and all that pauses is due:
/// requests sent before that may hang in the driver for as long as its time limits allow.
///
/// | state     | event                          | next                                                   |
/// |-----------|--------------------------------|--------------------------------------------------------|
/// | pausing   | take, when due and there is room | under way                                            |
/// | pausing   | the silence ends; close        | pausing, and due now                                   |
/// | under way | begin                          | under way; or over, if its time is over before its turn |
/// | under way | ended, answered                | over                                                   |
/// | under way | ended, not answered            | pausing; or over: at its time, and after close         |
class retry_queue {
 public:
  using number = std::uint64_t;

  /// At most `most` are under way.
  explicit retry_queue(std::size_t most) noexcept : most_(most) {}

  /// It is due now. After `until` it is not sent any more.
  number add(protocol::request r, ms until, ms now);

  /// One that is due, if there is room.
  [[nodiscard]] std::optional<number> take(ms now);
  /// What is to be sent for one that was taken.
  [[nodiscard]] const protocol::request& request_of(number n) const { return under_way_.at(n).r; }
  /// It is about to be sent. Null: it is too late for it, and it is over. The request is there until ended().
  [[nodiscard]] const protocol::request* begin(number n, ms now);
  /// It came back; whether it is over. `last_answer`: when the server last answered anything, be it before this.
  [[nodiscard]] bool ended(number n, bool answered, ms last_answer, ms now);
  /// It cannot be sent: it runs out by itself.
  void drop(number n);

  /// The server answers: a silence is over.
  void server_answers();
  /// Each is sent once more.
  void close() noexcept { closed_ = true; }
  /// Forgets what is not under way.
  void clear() { pausing_.clear(); }

  /// When one is due that there is room for; none: no time brings it.
  [[nodiscard]] std::optional<ms> next() const;
  [[nodiscard]] bool is_full() const noexcept;
  [[nodiscard]] bool is_silent() const noexcept { return silent_; }
  [[nodiscard]] bool is_idle() const noexcept { return pausing_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return pausing_.size() + under_way_.size(); }

 private:
  struct item {
    number n;
    protocol::request r;
    ms until;
    backoff pause{1000};
    ms began = 0;
  };

  std::size_t most_;
  std::multimap<ms, item> pausing_;  // by when the next try is due
  std::map<number, item> under_way_;
  number last_ = 0;
  bool silent_ = false;  // one of these, sent after the last answer to anything, got none
  bool closed_ = false;
};

}  // namespace dlock::engine
