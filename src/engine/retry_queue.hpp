#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "engine/backoff.hpp"
#include "protocol/document.hpp"

namespace dlock::engine {

/// Requests that are repeated until they are answered, or until the entry that they are about expires on the server. A
/// state machine without I/O, clock or threads.
///
/// While the server is silent, only a few of them are under way. Otherwise, when the server comes back, thousands of
/// them would stand before the other requests of the client. The first answer to anything that the client asks ends the
/// silence. Then everything that pauses is due at once: requests that were sent before may hang in the driver for as
/// long as its time limits allow.
///
/// | state     | event                            | next                                                      |
/// |-----------|----------------------------------|-----------------------------------------------------------|
/// | pausing   | take, when due and there is room | under way                                                 |
/// | pausing   | the silence ends; close          | pausing, and due now                                      |
/// | under way | begin                            | under way; or over, if its time is over before its turn   |
/// | under way | ended, answered                  | over                                                      |
/// | under way | ended, not answered              | pausing; or over, if its time is over, or after close     |
class retry_queue {
 public:
  using number = std::uint64_t;

  /// At most `most` are under way.
  explicit retry_queue(std::size_t most) noexcept : most_(most) {}

  /// The request is due now. After `until` it is not sent any more.
  number add(protocol::request r, ms until, ms now);

  /// Takes one that is due, if there is room.
  [[nodiscard]] std::optional<number> take(ms now);
  /// The request of one that was taken.
  [[nodiscard]] const protocol::request& request_of(number n) const { return under_way_.at(n).r; }
  /// It will be sent now. Null: it is too late for it, and it is over. The pointer is valid until ended().
  [[nodiscard]] const protocol::request* begin(number n, ms now);
  /// It came back, with or without an answer. True: it is over. `last_answer`: when the server last answered anything;
  /// that may have been before this.
  [[nodiscard]] bool ended(number n, bool answered, ms last_answer, ms now);
  /// It cannot be sent. The entry that it is about will expire on the server.
  void drop(number n);

  /// The server has answered something: a silence is over.
  void server_answers();
  /// Each is sent once more.
  void close() noexcept { closed_ = true; }
  /// Forgets what is not under way.
  void clear() { pausing_.clear(); }

  /// When the next one is due. No result: there is none, or no room for it.
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
  std::multimap<ms, item> pausing_;  // by the time at which the next try is due
  std::map<number, item> under_way_;
  number last_ = 0;
  bool silent_ = false;  // one of these was sent after the last answer to anything, and got no answer
  bool closed_ = false;
};

}  // namespace dlock::engine
