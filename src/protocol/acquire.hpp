#pragma once

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/document.hpp"
#include "protocol/event.hpp"
#include "protocol/observation.hpp"

namespace dlock::protocol {

/// What an attempt to acquire is made of. Local times are milliseconds on the caller's clock.
struct acquire_plan {
  request ask;                 // everything but op and id
  bool queue = true;           // false: one try
  bool brief = false;          // see request::brief
  bool renews = true;          // the lease will be renewed, so that it may begin with an heir's first term
  ms wait_period = 5000;       // the longest time between two looks
  std::optional<ms> deadline;  // local time
  ms patience = 10000;         // first contact without a deadline: give up after so long
  observation seen;            // with observed expiry: what this process has seen of the lock before
};

/// An acquisition that was given up, and has to be undone on the server.
struct abandoned {
  std::string id;
  bool in_doubt = false;  // a request for it was never answered: it may yet arrive
};

/// One attempt to acquire, as a state machine without I/O, clock or threads (the form is Boost.Redis's): it is told
/// what happened and says what to do next. docs/protocol.md, "Acquiring", has the table.
class acquire_machine {
 public:
  struct send {
    request r;
  };
  struct wait {
    ms until;
  };
  enum class result { acquired, busy, timed_out, cancelled, no_answer, not_a_lock, other_capacity, other_expiry };
  struct done {
    result what;
    // acquired:
    ms begin = 0;  // the lease surely lasts from here, in local time,
    ms lease = 0;  // for so long
    std::int64_t token = 0;
    ms since = 0;  // of the grant, on the server's clock
    // no_answer: what is missing, for people, unless a failed request says more.
    const char* why = "";
  };
  using action = std::variant<send, wait, done>;

  /// `fresh_id` makes identities that never repeat; `jitter` gives a number in [0, 1).
  acquire_machine(acquire_plan plan, std::function<std::string()> fresh_id, std::function<double()> jitter);

  [[nodiscard]] action start(ms now);
  /// The request in flight was answered, or not. `pushed`: grants are announced at present, so that there is no need to
  /// look often.
  [[nodiscard]] action answered(const reply& r, ms now, bool pushed = false);
  [[nodiscard]] action unanswered(bool in_doubt, ms now);
  /// The time of a `wait` has come.
  [[nodiscard]] action look(ms now);
  /// Somebody announced, at `heard`, that an acquisition was granted. Nothing: go on as before.
  [[nodiscard]] std::optional<action> announced(const grant& g, ms heard, ms now);
  /// Announcements may have been missed (or `foreign`: mongo-dlock released the lock). Nothing: go on as before.
  [[nodiscard]] std::optional<action> nudged(bool foreign, ms now);
  /// give_up_at() has come while a request is in flight: its answer is not waited for any more.
  [[nodiscard]] action give_up(ms now);
  [[nodiscard]] action cancel();
  /// The request in flight was never sent. Before give_up() or cancel(): it leaves no doubt then, and if no other was
  /// sent for id(), there is nothing to undo.
  void not_sent() noexcept {
    in_flight_ = false;
    --requests_;
  }

  /// Until when the answer to the request in flight may be waited for.
  [[nodiscard]] std::optional<ms> give_up_at() const;
  /// The acquisitions to undo; the last one is acquired if the result is.
  [[nodiscard]] const std::vector<abandoned>& to_undo() const { return undo_; }
  /// A request for id() was never answered, or its grant came so late that it may still stand.
  [[nodiscard]] bool in_doubt() const { return doubt_; }
  /// The last answer, for people.
  [[nodiscard]] const reply& last() const { return last_; }
  [[nodiscard]] const std::string& id() const { return id_; }
  /// What it has seen of the lock, for the next acquisition.
  [[nodiscard]] const observation& seen() const { return plan_.seen; }

 private:
  action ask(operation op, ms now);
  action finish(result what);
  action start_afresh(ms now);
  action granted(ms now);
  action queued(ms now, bool pushed);
  [[nodiscard]] bool may_peek(ms now) const;
  [[nodiscard]] bool stands_as_before(const reply& r, ms now);
  [[nodiscard]] std::optional<done> by_announcement(ms now) const;
  [[nodiscard]] ms turn_of(std::int64_t place) const;
  [[nodiscard]] ms longest_pause() const;
  [[nodiscard]] std::optional<ms> next_end(ms now) const;
  [[nodiscard]] result not_acquired() const;
  [[nodiscard]] const char* missing() const;

  acquire_plan plan_;
  std::function<std::string()> fresh_id_;
  std::function<double()> jitter_;
  std::string id_;
  std::vector<abandoned> undo_;
  reply last_;
  ms started_ = 0;
  ms sent_ = 0;
  ms pause_ = 0;
  ms asked_ = 0;         // when the last request was sent that moved our entry and was answered "queued",
  ms asked_server_ = 0;  // and the server's time in that answer
  ms peeked_ = 0;        // the same of the last peek
  ms peeked_server_ = 0;
  std::int64_t queued_at_ = 0;  // the highest token that the lock had given when an answer said "queued"
  std::optional<ms> overdue_;   // since when a peek has seen somebody there whose time is over
  std::optional<grant> grant_;  // of id_, as announced,
  ms heard_ = 0;                // then
  int slow_answers_ = 0;
  int requests_ = 0;  // for id_
  bool in_flight_ = false;
  bool peeks_ = false;      // what is or was in flight only reads
  bool queued_ = false;     // the server said so for id_
  bool held_ = false;       // the server said that id_ is a holder
  bool no_peeks_ = false;   // this server answers none
  bool doubt_ = false;      // a request for id_ went without an answer
  bool last_look_ = false;  // the look at the deadline was sent
  bool contact_ = false;    // there was an answer at all
  bool silent_ = false;     // ... but none to the last request that had its time
};

}  // namespace dlock::protocol
