#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/announcements.hpp"
#include "engine/backoff.hpp"
#include "engine/events.hpp"
#include "engine/hold_machine.hpp"
#include "engine/outbox.hpp"
#include "engine/release_machine.hpp"
#include "engine/request_queue.hpp"
#include "engine/retry_queue.hpp"
#include "engine/timers.hpp"
#include "engine/token_floors.hpp"
#include "protocol/acquire.hpp"

namespace dlock::engine {

/// All that a client does, as one state machine: no threads, no clock, no I/O, no user's code. Whoever drives it
/// (src/runtime, the simulator) tells it of calls, answers and notices, and when look() is due; takes the requests that
/// are to be sent, what is to be told to others, and the events that say what came of it all. `now` is local time, and
/// must not go back. It is not safe for threads.
///
/// A call begins with a function that returns its number, and is over with an event of that number; that may be there
/// at once. The states of calls and holds are those of the machines that they are made of: acquire_machine,
/// release_machine, hold_machine, retry_queue, request_queue, outbox. What is between them:
///
/// | what                | event                               | next                                                 |
/// |---------------------|-------------------------------------|------------------------------------------------------|
/// | acquire             | its machine is done, acquired       | over: a hold, the only owner of "held"               |
/// | acquire             | cancelled, by its caller or close() | leaving: its place in the queue is given up          |
/// | leaving             | that was answered, or took 400 ms   | over                                                 |
/// | acquire             | done otherwise, or refused          | over; what it may have left there is undone          |
/// | hold: held          | it is over, or the server says so   | lost                                                 |
/// | hold: held          | release                             | releasing                                            |
/// | hold: releasing     | answered                            | released, or lost                                    |
/// | hold: releasing     | no answer in time                   | in doubt; the release is repeated in the background  |
/// | hold: in doubt      | release                             | releasing, once more                                 |
/// | hold: lost          | release                             | the server is asked to give it up, once              |
/// | any hold            | drop                                | gone; if it was held, it is released                 |
class client {
 public:
  struct settings {
    std::string id;  // of this client; others tell it of grants by it
    std::string who;
    ms skew = 500;
    ms operation_timeout = 10'000;
    std::size_t undoing = 50;  // so many requests of the background are on their way at most
    bool tells = true;         // there is a channel
  };

  /// `fresh_id` makes identities that never repeat; `jitter` gives a number in [0, 1).
  client(settings s, std::function<std::string()> fresh_id, std::function<double()> jitter);

  // --- calls --------------------------------------------------------------------------------------------------------
  /// `tells_place`: with an event each time that it is told its place in the queue.
  [[nodiscard]] call_id acquire(protocol::acquire_plan plan, bool tells_place, ms now);
  /// Gives up an acquisition.
  void cancel(call_id c, ms now);
  /// Gives a lease back, `keep` ms after its grant at the earliest; a release before this one may have asked for more,
  /// and gets it.
  [[nodiscard]] call_id release(hold_id h, ms keep, ms timeout, ms now);
  /// A holder asks for less, or publishes another value.
  [[nodiscard]] call_id amend(hold_id h, protocol::claim what, std::string value, ms now);
  /// Takes the lock off one of its holders. Event: `told.found` is whether it held it.
  [[nodiscard]] call_id revoke(const std::string& lock, const protocol::holder& h, bool observed, bool at_once, ms now);
  /// A command of its own, repeated until it is answered; until `until`, or the operation_timeout is over.
  [[nodiscard]] call_id ask(protocol::request r, std::optional<ms> until, ms now);
  [[nodiscard]] call_id read(protocol::look l, ms now);
  /// Nobody has this lease any more.
  void drop(hold_id h, ms now);
  /// No new calls; acquisitions are cancelled, nothing is renewed any more.
  void close(ms now);

  // --- requests -----------------------------------------------------------------------------------------------------
  struct outgoing {
    std::uint64_t ticket = 0;
    std::vector<protocol::request> all;       // one, or several that go together in one command
    std::optional<protocol::look> look = {};  // or this
  };
  /// Commands that are due, at most.
  [[nodiscard]] std::size_t ready() const noexcept { return queue_.ready() + looks_.size(); }
  [[nodiscard]] std::size_t ready_renewals() const noexcept { return renewals_.size(); }
  /// To be sent now.
  [[nodiscard]] std::optional<outgoing> next_request(ms now);
  [[nodiscard]] std::optional<outgoing> next_renewal(ms now);
  /// One answer for each request, in their order.
  void answered(std::uint64_t ticket, std::vector<answer> answers, ms now);
  void answered(std::uint64_t ticket, look_answer a, ms now);
  /// Nothing can be sent: there is no thread for it.
  void cannot_send(const std::string& why, ms now);
  void cannot_renew(ms now);

  // --- notices ------------------------------------------------------------------------------------------------------
  void heard(const protocol::grant& g, ms now);
  /// Only the server knows whether it is true.
  void heard(const protocol::revocation& r, ms now);
  /// mongo-dlock has released that lock; empty: any.
  void heard_release(const std::string& lock, ms now);
  /// What comes to the inbox is heard from now on, or is not; the same of everybody's events.
  void inbox_opened(bool open, ms now);
  void events_opened(bool open, ms now);
  [[nodiscard]] bool wants_inbox() const noexcept { return wants_inbox_; }
  [[nodiscard]] bool wants_events() const noexcept { return foreign_ > 0; }
  /// Nobody waits for notices any more.
  void stop_listening() noexcept;

  // --- what is to be told to others (outbox.hpp)
  // ----------------------------------------------------------------------
  [[nodiscard]] std::size_t notices() const noexcept { return outbox_.notices(); }
  [[nodiscard]] std::optional<outbox::notice> next_notice() { return outbox_.next_notice(); }
  void told() noexcept { outbox_.told(); }
  [[nodiscard]] bool publication_is_due(ms now) const noexcept { return outbox_.next() <= now; }
  [[nodiscard]] std::optional<outbox::batch> next_publication(ms now);
  void published(bool there, bool in_doubt, ms now);
  /// What is due cannot be published: there is no thread for it.
  void cannot_publish(ms now);
  /// The client ends soon: nothing lingers any more.
  void hurry(ms now);
  /// All is told, or cannot be just now.
  [[nodiscard]] bool is_quiet() const noexcept { return outbox_.is_quiet(); }

  // --- time ---------------------------------------------------------------------------------------------------------
  /// When look() is to be called; `never`: no time brings anything.
  [[nodiscard]] ms next() const noexcept { return timers_.next(); }
  void look(ms now);
  /// The machine may have been stopped in a way that its clock does not count.
  void clock_was_set(ms now);

  /// What has happened since the last call, in order.
  [[nodiscard]] std::vector<event> take_events() { return std::exchange(events_, {}); }

  // --- what is held -------------------------------------------------------------------------------------------------
  struct lease {
    protocol::request ask;   // of the acquisition
    std::int64_t token = 0;  // and its grant:
    ms since = 0;            // by the server's clock,
    ms begin = 0;            // and by ours, at the latest;
    ms heard = 0;            // when it was heard of, by ours
    hold_machine machine;
    hold_phase now = hold_phase::held;
    ms kept_since = 0;
    bool alone = false;          // nobody else asked for the lock since; a hint for the short form
    bool may_be_shared = false;  // a downgrade was sent
    bool doubtful = false;       // a request of it went without an answer before it was granted, and may yet arrive
    bool revoked = false;
    bool given_up = false;  // what was lost is given back, should the server still count it as held
    bool dropped = false;   // by its owner, during a release
    ms keep = 0;            // the longest that a release of it has asked
    std::int64_t amendments = 0;

    [[nodiscard]] bool held(ms at) const noexcept { return now == hold_phase::held && at < machine.valid_until(); }
    [[nodiscard]] bool is_exclusive() const noexcept { return ask.what.exclusive && !may_be_shared; }
  };
  /// Null: it was dropped.
  [[nodiscard]] const lease* find(hold_id h) const;
  /// When the call ends at the latest, whatever is answered; `never`: only with an answer, or if it is cancelled.
  [[nodiscard]] ms ends_by(call_id c) const;
  /// The acquisition that may be heard of by that id.
  [[nodiscard]] std::optional<call_id> expects(const std::string& id) const;
  /// So many requests are repeated in the background.
  [[nodiscard]] std::size_t in_the_background() const noexcept { return retries_.size(); }
  /// What the call has on its way.
  [[nodiscard]] std::optional<protocol::operation> asks(call_id c) const;
  /// Nothing goes on that close() has to wait for.
  [[nodiscard]] bool is_idle() const noexcept { return acquisitions_.empty() && retries_.size() == 0; }
  /// Everything that is kept for something that goes on, or is held.
  [[nodiscard]] std::size_t size() const noexcept;

 private:
  using machine = protocol::acquire_machine;
  using number = std::uint64_t;
  struct acquisition {
    protocol::acquire_plan plan;
    machine steps;
    bool tells_place = false;
    number request = 0;  // waiting, or on its way
    std::string expected = {};
    bool foreign = false;  // it waits behind mongo-dlock
    bool nudge = false, foreign_nudge = false;
    answer failure = {};
    bool brief = false;  // the last answer came in short
    std::size_t undone = 0;
    std::optional<acquire_ended> leaving = {};  // what it ends with
  };
  struct releasing {
    hold_id hold = 0;
    release_machine steps;
    number request = 0;
    answer failure = {};
  };
  struct asking {
    enum class kind { plain, look, amend, revoke, take_off };
    kind what = kind::plain;
    protocol::request r = {};
    protocol::look look = {};
    ms until = 0;
    bool in_doubt = false;
    backoff pause{500};
    number request = 0;
    answer failure = {};
    // amend:
    hold_id hold = 0;
    // revoke:
    protocol::holder holder = {};
    bool at_once = false;
  };
  /// On whose behalf a request is sent.
  struct purpose {
    enum class kind { nobody, acquisition, renewal, release, ask, retry };
    kind what = kind::nobody;
    std::uint64_t of = 0;
  };
  struct on_its_way {
    protocol::request r;
    purpose who;
    ms sent = 0;  // of a renewal
  };
  /// What follows when a request of the background is over.
  struct follow_up {
    enum class kind { nothing, leave, give_back };
    kind what = kind::nothing;
    call_id call = 0;             // leave
    protocol::request look = {};  // give_back: the cancel that may have to follow
    bool doubtful = false, kept = false;
  };
  using key = std::pair<int, std::uint64_t>;  // of a timer

  // client.cpp
  [[nodiscard]] number submit(protocol::request r, purpose who, ms now);
  bool withdraw(number& n);
  [[nodiscard]] std::optional<outgoing> next_look();
  void one_answered(on_its_way what, const answer& a, number n, ms now);
  void announce(const protocol::request& r, const protocol::reply& a, ms now);
  void publish_all(std::vector<protocol::announcement> all, ms now);
  void server_answers(ms now);
  void retry(protocol::request r, ms until, follow_up then, ms now);
  void retry_answered(number n, const answer& a, ms now);
  void retry_over(number n, const answer& a, ms now);
  void pump(ms now);
  void fire(const key& k, ms now);
  /// After each change of the request queue, or the outbox.
  void rearm() {
    timers_.set(kQueue, queue_.next());
    timers_.set(kOutbox, outbox_.next());
  }

  // acquiring.cpp
  void follow(call_id c, acquisition& a, machine::action todo, ms now);
  void acquisition_answered(call_id c, acquisition& a, const answer& r, ms now);
  void acquisition_due(call_id c, acquisition& a, ms now);
  void finish(call_id c, acquisition& a, const machine::done& d, bool undoes, ms now);
  void give_up(acquisition& a);
  bool undo(call_id c, acquisition& a, bool leaves, ms now);
  void expect(call_id c, acquisition& a);
  void forget(acquisition& a);
  void waits(acquisition& a, bool foreign);
  void nudge(call_id c, acquisition& a, bool foreign, ms now);
  void granted(const protocol::grant& g, ms now);
  [[nodiscard]] hold_id hold(const acquisition& a, const machine::done& d, ms now);

  // holding.cpp
  void look_at(hold_id h, lease& l, ms now);
  void renewed(hold_id h, lease& l, const answer& a, protocol::operation op, ms sent, ms now);
  void lose(hold_id h, lease& l, loss why, std::string by = {});
  void changed(hold_id h, const lease& l, hold_phase now, bool left_free = false);
  [[nodiscard]] static protocol::announcement announcement_of(const lease& l, const std::string& who, bool locked,
                                                              ms now);
  void release_in_background(lease& l, ms now);
  void give_back(const lease& l, protocol::request r, ms now);
  void follow(call_id c, releasing& r, release_machine::action todo, ms now);
  void release_answered(call_id c, releasing& r, const answer& a, ms now);
  void end_release(call_id c, releasing& r, const release_machine::done& d, ms now);

  // asking.cpp
  [[nodiscard]] call_id begin(asking a, ms now);
  void send(call_id c, asking& a, ms now);
  void ask_answered(call_id c, asking& a, answer told, std::vector<protocol::sight> seen, ms now);
  void ask_due(call_id c, asking& a, ms now);
  void end(call_id c, asking& a, ask_ended e);
  [[nodiscard]] ask_ended::amended amended(const asking& a, const protocol::reply& told, ms now);

  static constexpr int kAcquisition = 1, kRelease = 2, kAsk = 3, kHold = 4;
  static constexpr key kRetry{5, 0}, kQueue{6, 0}, kOutbox{7, 0};

  const settings settings_;
  const std::function<std::string()> fresh_id_;
  const std::function<double()> jitter_;
  bool closing_ = false;
  std::uint64_t last_ = 0;  // number given

  std::map<call_id, acquisition> acquisitions_;
  std::map<call_id, releasing> releases_;
  std::map<call_id, asking> asks_;
  std::map<hold_id, lease> holds_;
  std::map<std::string, call_id> expected_;            // acquisitions that may be heard of
  std::size_t foreign_ = 0;                            // of them, behind mongo-dlock
  std::map<std::string, protocol::observation> seen_;  // of locks with observed expiry that were tried in vain

  request_queue queue_;
  std::deque<call_id> looks_;
  bool look_next_ = false;
  std::deque<std::pair<hold_id, protocol::operation>> renewals_;
  std::map<number, on_its_way> requests_;  // waiting, or on their way
  struct command {
    std::uint64_t ticket = 0;  // the queue's; 0: of a renewal
    std::vector<number> all;
  };
  std::map<std::uint64_t, command> sent_;     // by ticket
  std::map<std::uint64_t, call_id> reading_;  // the same of looks
  retry_queue retries_;
  std::map<retry_queue::number, follow_up> follow_ups_;
  ms answered_ = std::numeric_limits<ms>::min();  // when the server last answered anything

  token_floors floors_;
  announcements announcements_;
  outbox outbox_;
  bool wants_inbox_ = false, inbox_open_ = false, events_open_ = false;

  timers<key> timers_;
  std::vector<event> events_;
};

}  // namespace dlock::engine
