#pragma once

#include <array>
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
#include "engine/calls.hpp"
#include "engine/confirmations.hpp"
#include "engine/events.hpp"
#include "engine/idle_leases.hpp"
#include "engine/known_locks.hpp"
#include "engine/lease.hpp"
#include "engine/outbox.hpp"
#include "engine/renewals.hpp"
#include "engine/request_queue.hpp"
#include "engine/retry_queue.hpp"
#include "engine/timers.hpp"
#include "engine/turn_events.hpp"
#include "engine/turns.hpp"
#include "protocol/acquire.hpp"

namespace dlock::engine {

/// Everything that a client does, as one state machine: no threads, no clock, no I/O, no code of the user. Its driver
/// (src/runtime, or the simulator) tells it about calls, answers and notices, and calls look() when it is due. The
/// driver takes from it the requests to send, the notices and announcements for others, and the events that say how
/// things ended. `now` is local time and must not go back. The class is not thread-safe.
///
/// A call begins with a function that returns its number. It is over with an event that has this number. The event may
/// be there at once. The states of calls and holds are the states of the machines that they consist of:
/// acquire_machine, release_machine, hold_machine, observe_machine, retry_queue, request_queue, outbox, turns. This
/// table has the rest:
///
/// | what                | event                               | next                                                 |
/// |---------------------|-------------------------------------|------------------------------------------------------|
/// | acquire             | it has to wait for its turn (turns) | waits locally                                        |
/// | waits locally       | its turn has come                   | its machine starts                                   |
/// | waits locally       | cancelled, or its time is over      | over, without a command                              |
/// | waits locally       | the call ahead is over without the  | it goes on with the machine of that call             |
/// |                     | lock, by its caller or its time     |                                                      |
/// | acquire             | its machine is done: acquired       | over: a hold, the only owner of "held"               |
/// | acquire             | cancelled by its caller or close()  | leaving: a cancel gives up its place in the queue    |
/// | leaving             | the cancel was answered, or 400 ms  | over                                                 |
/// | acquire             | done in another way, or refused     | over; what it may have left on the server is undone  |
/// | hold: held          | it is over, or the server says so   | lost                                                 |
/// | hold: held          | release                             | releasing                                            |
/// | hold: held          | release, and the next call of this  | released; the lease passes on to a new hold, without |
/// |                     | client may go on with the lease     | a command (local_turns.cpp)                          |
/// | hold: held          | release, and the lease may linger   | released; a new hold, which nobody uses, has the     |
/// |                     |                                     | lease for a while (lingering.cpp)                    |
/// | hold: releasing     | answered                            | released, or lost                                    |
/// | hold: releasing     | no answer in time                   | in doubt; the release is repeated in the background  |
/// | hold: in doubt      | release                             | releasing again                                      |
/// | hold: lost          | release                             | the server is asked once to remove the holder        |
/// | any hold            | drop                                | gone; if it was held, it is released                 |
class client {
 public:
  struct settings {
    std::string id;  // the id of this client: with it, others notify the client of grants
    std::string who;
    ms skew = 500;
    ms operation_timeout = 10'000;
    std::size_t background_limit = 50;  // at most this many requests of the background are on their way
    bool has_channel = true;            // there is a channel for notices and announcements
  };

  /// `fresh_id` makes ids that never repeat; `jitter` gives a number in [0, 1).
  client(settings s, std::function<std::string()> fresh_id, std::function<double()> jitter);

  // --- calls --------------------------------------------------------------------------------------------------------
  /// `tells_place`: there is an event for each answer that tells its place in the queue.
  [[nodiscard]] call_id acquire(protocol::acquire_plan plan, bool tells_place, ms now);
  /// Gives up an acquisition.
  void cancel(call_id c, ms now);
  /// Gives a lease back, but not earlier than `keep` ms after its grant. If an earlier release of it had a longer
  /// `keep`, the longer one counts.
  [[nodiscard]] call_id release(hold_id h, ms keep, ms timeout, ms now);
  /// A holder asks for less, or publishes another value. What is not given stays. `tells`: if it is exclusive, whoever
  /// observes an election hears of it.
  [[nodiscard]] call_id amend(hold_id h, std::optional<protocol::claim> what, std::optional<std::string> value, ms now,
                              bool tells = true);
  /// Revokes one of the holders of the lock. In the event, `told.found` says whether it was a holder. `skew`: it uses
  /// at least this clock_skew.
  [[nodiscard]] call_id revoke(const std::string& lock, const protocol::holder& h, bool observed, bool at_once, ms now,
                               ms skew = 0);
  /// A single command. It is repeated until it is answered, or until `until` (none: until the operation_timeout is
  /// over).
  [[nodiscard]] call_id ask(protocol::request r, std::optional<ms> until, ms now);
  [[nodiscard]] call_id read(protocol::lookup l, ms now, std::optional<ms> until = {});
  /// Observes who leads an election: there is an event leader_changed for each change, until stop_observing() or
  /// close().
  [[nodiscard]] call_id observe(std::string election, ms period, ms now);
  void stop_observing(call_id c);
  /// What the last leader_changed of this observer said was told, or could not be told.
  void leader_told(call_id c, bool told, ms now);
  /// The owner of this lease does not need it any more.
  void drop(hold_id h, ms now);
  /// From now on, new calls end at once. Acquisitions are cancelled, and nothing is renewed any more.
  void close(ms now);

  // --- requests -----------------------------------------------------------------------------------------------------
  struct outgoing {
    std::uint64_t ticket = 0;
    std::vector<protocol::request> all;           // one, or several that go together in one command
    std::optional<protocol::lookup> lookup = {};  // or a lookup; then `all` is empty
  };
  /// How many commands are due (an upper bound).
  [[nodiscard]] std::size_t ready() const noexcept { return queue_.ready() + lookups_.size(); }
  [[nodiscard]] std::size_t ready_renewals() const noexcept { return renewals_.ready(); }
  /// The next one that has to be sent now.
  [[nodiscard]] std::optional<outgoing> next_request(ms now);
  [[nodiscard]] std::optional<outgoing> next_renewal(ms now);
  /// One answer for each request, in the order of the requests.
  void answered(std::uint64_t ticket, std::vector<answer> answers, ms now);
  void answered(std::uint64_t ticket, lookup_answer a, ms now);
  /// Nothing can be sent: there is no thread for it.
  void cannot_send(const std::string& why, ms now);
  void cannot_renew(ms now);

  // --- notices ------------------------------------------------------------------------------------------------------
  void heard(const protocol::grant& g, ms now);
  /// Only the server knows whether this is true.
  void heard(const protocol::revocation& r, ms now);
  /// Somebody waits for the lock of this holder.
  void heard(const protocol::recall& r, ms now);
  void heard(const protocol::announcement& a, ms now);
  /// Events for everybody are missing, as somebody says.
  void heard_gap(ms now);
  /// Events for everybody may have been missed.
  void missed_events(ms now);
  /// Whether this feed (inbox or events) has to be followed.
  [[nodiscard]] bool wants(part feed) const noexcept;
  [[nodiscard]] bool is_open(part feed) const noexcept { return open_.at(static_cast<std::size_t>(feed)); }
  /// From now on, this client receives what comes there.
  void opened(part feed, ms now);
  /// It does not any more. Returns when to try again.
  [[nodiscard]] ms broke(part feed, const std::string& why, ms now);
  /// Nobody follows it any more.
  void closed(part feed);
  /// How many more subscriptions, or fewer, want events for everybody.
  void subscribed(int more);
  /// Nobody waits for notices any more.
  void stop_listening();
  /// Something was sent through the channel, or could not be sent.
  void report(part which, const answer& a);
  [[nodiscard]] notification_status notifications() const;
  /// The same as notifications().now == failing, for every step.
  [[nodiscard]] bool notifications_fail() const noexcept;

  // --- what others have to be told (outbox.hpp) ---------------------------------------------------------------------
  [[nodiscard]] std::size_t notices() const noexcept { return outbox_.notices(); }
  [[nodiscard]] std::optional<outbox::notice> next_notice() { return outbox_.next_notice(); }
  void notice_done() noexcept { outbox_.notice_done(); }
  [[nodiscard]] bool publication_is_due(ms now) const noexcept { return outbox_.next() <= now; }
  [[nodiscard]] std::optional<outbox::batch> next_publication(ms now);
  void published(bool there, bool in_doubt, ms now);
  /// A publication is due, but there is no thread for it.
  void cannot_publish(ms now);
  /// The client ends soon: no batch waits for more announcements any more.
  void hurry(ms now);
  /// Everything was sent, or cannot be sent at the moment.
  [[nodiscard]] bool is_quiet() const noexcept { return outbox_.is_quiet(); }

  // --- time ---------------------------------------------------------------------------------------------------------
  /// When look() has to be called. `never`: nothing waits for a time.
  [[nodiscard]] ms next() const noexcept { return timers_.next(); }
  void look(ms now);
  /// The computer may have been stopped in a way that its clock does not count.
  void clock_was_set(ms now);

  /// What has happened since the last call, in order.
  [[nodiscard]] std::vector<event> take_events() { return std::exchange(events_, {}); }

  // --- what is held -------------------------------------------------------------------------------------------------
  using lease = engine::lease;
  /// Null: the hold was dropped.
  [[nodiscard]] const lease* find(hold_id h) const;
  /// The hold of this owner: see lease::owner(). 0: it was dropped, and there are other holds of its grant, perhaps of
  /// a later turn. Nothing: this client has no hold of that grant.
  [[nodiscard]] std::optional<hold_id> hold_of(const std::string& lock, const std::string& owner) const;
  /// The latest time at which the call ends, whatever the server answers. `never`: it ends only with an answer, or if
  /// it is cancelled.
  [[nodiscard]] ms ends_by(call_id c) const;
  /// The acquisition with this id, if a notice for it may come.
  [[nodiscard]] std::optional<call_id> expects(const std::string& id) const;
  /// How many leases this client has that nobody uses.
  [[nodiscard]] std::size_t lingering() const noexcept { return idle_.size(); }
  /// One of them is kept for longer than its option says. This does not use its timer.
  [[nodiscard]] bool lingers_too_long(ms now) const;
  /// How many requests are repeated in the background.
  [[nodiscard]] std::size_t in_the_background() const noexcept { return retries_.size(); }
  /// How many early releases are not confirmed.
  [[nodiscard]] std::size_t unconfirmed() const noexcept { return confirmations_.size(); }
  /// The call waits locally for its turn.
  [[nodiscard]] bool waits_locally(call_id c) const;
  /// It does not, or its client has a turn at the lock or an entry in the queue ahead of it. This does not use `turns`.
  [[nodiscard]] bool is_served(call_id c, ms now) const;
  /// The operation of the request that the call has on its way.
  [[nodiscard]] std::optional<protocol::operation> asks(call_id c) const;
  [[nodiscard]] bool is_closing() const noexcept { return closing_; }
  /// There is nothing left that close() has to wait for.
  [[nodiscard]] bool is_idle() const noexcept {
    return acquisitions_.empty() && releases_.empty() && retries_.size() == 0 && confirmations_.size() == 0;
  }
  /// The number of all entries that are kept for calls, holds and requests.
  [[nodiscard]] std::size_t size() const noexcept;

 private:
  using machine = protocol::acquire_machine;
  using number = std::uint64_t;
  /// For whom a request is sent.
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
    enum class kind { nothing, leave, give_back, confirm };
    kind what = kind::nothing;
    call_id call = 0;             // leave
    protocol::request look = {};  // give_back: the cancel that may have to follow
    bool doubtful = false, kept = false;
    bool lost = false;  // give_back: of a lease that was lost, so somebody else may have had the lock since
  };
  using key = std::pair<int, std::uint64_t>;  // the key of a timer

  // client.cpp
  [[nodiscard]] number submit(protocol::request r, purpose who, ms now, number release = 0);
  bool withdraw(number& n);
  [[nodiscard]] std::optional<outgoing> next_lookup();
  void one_answered(on_its_way what, const answer& a, number n, ms now);
  void in_full(outgoing& out, const std::vector<number>& numbers);
  void announce(const protocol::request& r, const protocol::reply& a, ms now);
  void publish_all(std::vector<protocol::announcement> all, ms now);
  void server_answers(ms now);
  void retry(protocol::request r, ms until, follow_up then, ms now);
  void retry_answered(number n, const answer& a, ms now);
  void retry_over(number n, const answer& a, ms now);
  void pump(ms now);
  void fire(const key& k, ms now);
  /// To be called after each change of the request queue or the outbox.
  void rearm() {
    timers_.set(kQueue, queue_.next());
    timers_.set(kOutbox, outbox_.next());
  }

  // acquiring.cpp
  void follow(call_id c, acquisition& a, machine::action todo, ms now);
  void acquisition_answered(call_id c, acquisition& a, const answer& r, ms now);
  void acquisition_due(call_id c, acquisition& a, ms now);
  void finish(call_id c, acquisition& a, const machine::done& d, bool undoes, ms now);
  [[nodiscard]] static acquire_ended end_of(call_id c, const acquisition& a, machine::result what, ms now);
  void give_up(acquisition& a);
  bool undo(call_id c, acquisition& a, bool leaves, ms now);
  void expect(call_id c, acquisition& a);
  void forget(acquisition& a);
  void waits(acquisition& a, bool foreign);
  void nudge(call_id c, acquisition& a, bool foreign, ms now);
  void granted(const protocol::grant& g, ms now);
  void heard_release(const std::string& lock, ms now);
  [[nodiscard]] hold_id hold(const acquisition& a, const machine::done& d, ms now);

  // taking_turns.cpp
  void wait_for_turn(call_id c, acquisition& a, ms now);
  bool begin_turn(call_id c, acquisition& a, number release, ms now);
  bool start_next_turns(const std::string& lock, number release, ms now);
  void end_turn(const std::string& lock, std::uint64_t who, ms now);
  void turn_is_late(call_id c, acquisition& a, ms now);
  void end_wait(call_id c, acquisition& a, machine::result what, ms now);
  bool hand_over(call_id c, acquisition& a, machine::result what, const char* why, ms now);
  [[nodiscard]] bool has_turn(const std::string& lock, ms now) const;
  [[nodiscard]] bool is_known_taken(const std::string& lock, ms now) const;
  [[nodiscard]] const acquisition* acting_for(const std::string& lock) const;
  [[nodiscard]] protocol::reply ahead_of(const std::string& lock, ms now) const;
  void tell_places(const std::string& lock, ms now);

  // local_turns.cpp
  [[nodiscard]] std::optional<call_id> next_in_line(const lease& l) const;
  bool pass_on(hold_id h, call_id c, ms now);
  hold_id move(hold_id h, call_id c, ms until, ms now);
  void settle(hold_id h, ms now);
  void begin_turn_of(call_id c, hold_id h, ms now);
  void end_idle(hold_id h, ms now);

  // lingering.cpp
  bool let_linger(hold_id h, call_id c, ms now);
  bool take_lingering(const protocol::acquire_plan& plan, call_id c, ms now);
  void end_lingering(const std::string& lock, ms now);
  void recalled(const protocol::recall& r, ms now);
  void recall(const acquisition& a, const protocol::reply& r, ms now);

  // holding.cpp
  void look_at(hold_id h, lease& l, ms now);
  void arm(hold_id h, const lease& l);
  void renewed(hold_id h, lease& l, const answer& a, protocol::operation op, ms sent, ms now);
  void lose(hold_id h, lease& l, loss why, ms now, std::string by = {});
  void changed(hold_id h, const lease& l, hold_phase now, std::optional<ms> used = {});
  [[nodiscard]] static protocol::announcement announcement_of(const lease& l, const std::string& who, bool locked,
                                                              ms now);
  call_id begin_release(hold_id h, ms keep, ms timeout, ms now);
  void discard(hold_id h, ms now);
  void release_in_background(lease& l, ms now);
  void give_back(const lease& l, protocol::request r, ms now);
  [[nodiscard]] ms end_on_server(const lease& l) const;
  void acknowledged_early(const lease& l, ms now);
  void release_again(std::vector<confirmations::item> all, ms now);
  void confirm(ms now);
  void follow(call_id c, releasing& r, release_machine::action todo, ms now);
  void release_answered(call_id c, releasing& r, const answer& a, ms now);
  void end_release(call_id c, releasing& r, const release_machine::done& d, ms now);

  // asking.cpp
  [[nodiscard]] call_id begin(asking a, ms now);
  void send(call_id c, asking& a, ms now);
  void ask_answered(call_id c, asking& a, answer told, std::vector<protocol::snapshot> seen, ms now);
  void ask_due(call_id c, asking& a, ms now);
  void end(call_id c, asking& a, ask_ended e, ms now);
  [[nodiscard]] bool publishes(hold_id h) const;
  [[nodiscard]] std::optional<ask_ended::amended> amended(asking& a, const protocol::reply& told, ms now);

  // observing.cpp
  void look_at(call_id c, observer& o, ms now);
  void observed(call_id c, const ask_ended& e, ms now);
  void nudge_observers(const std::string& election, ms now);

  // listening.cpp
  [[nodiscard]] health_machine& health_of(part which) noexcept { return health_.at(static_cast<std::size_t>(which)); }
  void works(part which);
  void fails(part which, const std::string& why);

  static constexpr int kAcquisition = 1, kRelease = 2, kAsk = 3, kHold = 4, kObserver = 8;
  static constexpr key kRetry{5, 0}, kQueue{6, 0}, kOutbox{7, 0}, kConfirm{9, 0};

  const settings settings_;
  const std::function<std::string()> fresh_id_;
  const std::function<double()> jitter_;
  bool closing_ = false;
  std::uint64_t last_ = 0;  // the last number that was given to a call, hold, request or ticket

  std::map<call_id, acquisition> acquisitions_;
  std::map<call_id, releasing> releases_;
  std::map<call_id, asking> asks_;
  std::map<hold_id, lease> holds_;
  std::map<call_id, observer> observers_;
  std::map<std::string, call_id> expected_;  // acquisitions for which a notice may come, by their ids
  int foreign_ = 0;                          // how many of them wait behind mongo-dlock

  turns turns_;
  turn_events turn_events_;
  idle_leases idle_;
  request_queue queue_;
  std::deque<call_id> lookups_;
  bool lookup_next_ = false;
  renewals renewals_;
  std::map<number, on_its_way> requests_;  // they wait to be sent, or are on their way
  struct command {
    std::uint64_t ticket = 0;  // the ticket of the request queue; 0: it is a renewal
    std::vector<number> all;
  };
  std::map<std::uint64_t, command> sent_;     // by ticket
  std::map<std::uint64_t, call_id> reading_;  // lookups on their way, by ticket
  retry_queue retries_;
  std::map<retry_queue::number, follow_up> follow_ups_;
  ms answered_ = std::numeric_limits<ms>::min();  // when the server last answered anything

  known_locks known_;
  confirmations confirmations_;
  announcements announcements_;
  outbox outbox_;
  bool wants_inbox_ = false;
  int subscriptions_ = 0;
  std::array<bool, 2> open_{};              // by feed
  std::array<health_machine, 3> health_{};  // by part

  timers<key> timers_;
  std::vector<event> events_;
};

}  // namespace dlock::engine
