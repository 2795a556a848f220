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

/// The parameters of one attempt to acquire. Local times are milliseconds on the caller's clock.
struct acquire_plan {
  request ask;                 // everything except op and id
  bool queue = true;           // false: one try
  bool renews = true;          // the lease will be renewed, so it may begin with the first term of an heir
  ms wait_period = 5000;       // the longest time between two polls
  std::optional<ms> deadline;  // local time
  ms patience = 10000;         // without a deadline: give up after this time if no answer has come at all
  observation seen;            // with observed expiry: what this process has seen of the lock before
  ms linger = 0;               // for so long after its grant, the lease is kept although nobody uses it
  int local_turns = 1;         // so many calls of this client, one after the other, may use one grant
  int row = 0;                 // for the driver: where it counts what becomes of this
};

/// An acquisition that was given up, and has to be undone on the server.
struct abandoned {
  std::string id;
  bool in_doubt = false;  // a request for it was never answered: the request may still arrive
};

/// One attempt to acquire, as a state machine without I/O, clock or threads (in the form that Boost.Redis uses). The
/// caller tells it what happened, and it answers what to do next. docs/protocol.md, "Acquiring", has the table.
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
    ms begin = 0;  // local time; the lease certainly lasts from here ...
    ms lease = 0;  // ... for this long
    std::int64_t token = 0;
    ms since = 0;       // of the grant, on the server's clock
    bool heir = false;  // it has learned of its grant from a notice, and has sent no command since
    // no_answer: what is missing, for people. It is used if no failed request says more.
    const char* why = "";
  };
  using action = std::variant<send, wait, done>;

  /// `fresh_id` makes ids that never repeat; `jitter` gives a number in [0, 1).
  acquire_machine(acquire_plan plan, std::function<std::string()> fresh_id, std::function<double()> jitter);

  [[nodiscard]] action start(ms now);
  /// The request in flight was answered. `pushed`: grant notices arrive at present, so there is no need to poll often.
  [[nodiscard]] action answered(const reply& r, ms now, bool pushed = false);
  /// The request in flight got no answer. `in_doubt`: the server may have executed it.
  [[nodiscard]] action unanswered(bool in_doubt, ms now);
  /// The time of a `wait` has come.
  [[nodiscard]] action look(ms now);
  /// A grant notice was received at `heard`. No result: go on as before.
  [[nodiscard]] std::optional<action> announced(const grant& g, ms heard, ms now);
  /// Notices may have been missed. `foreign`: mongo-dlock has released the lock, or its events may have been missed. No
  /// result: go on as before.
  [[nodiscard]] std::optional<action> nudged(bool foreign, ms now);
  /// give_up_at() has come while a request is in flight: do not wait for its answer any more.
  [[nodiscard]] action give_up(ms now);
  [[nodiscard]] action cancel();
  /// From now on it works for another call, which began at `began`. `contact`: the server has answered since then.
  void serve(std::optional<ms> deadline, ms began, bool contact);
  /// After `timed_out`, `no_answer` or `cancelled`, and serve(): its place in the queue is not given up after all.
  [[nodiscard]] action go_on(ms now);
  /// The request in flight was never sent. To be called before give_up() or cancel(): then this request leaves no
  /// doubt, and if no other request was sent for id(), there is nothing to undo.
  void not_sent() noexcept {
    in_flight_ = false;
    --requests_;
  }

  /// The caller may wait for the answer to the request in flight until this time.
  [[nodiscard]] std::optional<ms> give_up_at() const;
  /// The acquisitions that have to be undone. id() is not among them if the result is `acquired`.
  [[nodiscard]] const std::vector<abandoned>& to_undo() const { return undo_; }
  /// A request for id() was never answered, or its grant came so late that the server may still count it.
  [[nodiscard]] bool in_doubt() const { return doubt_; }
  /// The newest answer said that it is in the queue, and the server is not silent since then.
  [[nodiscard]] bool is_queued(ms now) const;
  /// A request is on its way, or the last one got no answer.
  [[nodiscard]] bool waits_for_answer() const { return in_flight_ || silent_; }
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
  action pause(ms now);
  [[nodiscard]] std::optional<ms> until_recalled(const reply& r, ms now);
  [[nodiscard]] bool may_peek(ms now) const;
  [[nodiscard]] bool is_queued_as_before(const reply& r, ms now);
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
  std::optional<ms> started_;
  ms sent_ = 0;
  ms pause_ = 0;
  ms recall_pause_ = 10;  // of a try: until it is asked again whether the lock is free
  ms asked_ = 0;          // when the last request was sent that moved our entry and was answered "queued" ...
  ms asked_server_ = 0;   // ... and the server's time in that answer
  ms peeked_ = 0;         // the same for the last peek
  ms peeked_server_ = 0;
  std::int64_t queued_at_ = 0;  // the highest token that the lock had given when an answer said "queued"
  std::optional<ms> overdue_;   // since when peeks have shown an expired holder, or an expired first waiter
  std::optional<grant> grant_;  // the grant notice for id_ ...
  ms heard_ = 0;                // ... and when it came
  int slow_answers_ = 0;
  int requests_ = 0;  // for id_
  bool in_flight_ = false;
  bool peeks_ = false;      // the last request is a peek
  bool queued_ = false;     // the server said so for id_
  bool held_ = false;       // the server said that id_ is a holder
  bool no_peeks_ = false;   // this server refuses peeks
  bool doubt_ = false;      // a request for id_ got no answer
  bool last_look_ = false;  // the poll at the deadline was sent
  bool contact_ = false;    // there was an answer at all
  bool silent_ = false;     // ... but none to the last request, although it had enough time
};

}  // namespace dlock::protocol
