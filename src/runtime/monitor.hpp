#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <dlock/events.hpp>
#include <dlock/options.hpp>

#include "engine/client.hpp"
#include "runtime/follower.hpp"
#include "runtime/lease_state.hpp"
#include "runtime/meters.hpp"
#include "runtime/subscribers.hpp"
#include "store/channel.hpp"
#include "store/store.hpp"
#include "util/environment.hpp"
#include "util/worker_pool.hpp"

namespace dlock::detail {

/// The slot of a call. Either a thread waits for the call, or `listener` is called.
struct call_slot {
  using ended = std::variant<engine::acquire_ended, engine::release_ended, engine::ask_ended>;
  engine::call_id call = 0;  // 0: it has not begun
  std::condition_variable changed;
  std::unique_ptr<ended> end;              // pointers, because thousands of calls may wait
  std::unique_ptr<engine::waiting> place;  // the newest place that the caller has not seen
  std::shared_ptr<lease_state> lease;      // if the lock was acquired
  lease_state::callbacks unused;           // callbacks of the released lease: the caller destroys them
  /// Called on a thread for completions, one call at a time: with each new place, and at last with null, when the call
  /// has ended. False: it does not want the end any more. It must not throw.
  std::function<bool(const engine::waiting*)> listener;
  bool listener_is_due = false;  // a thread calls it, or will
};

/// The engine of one client, under one mutex, and what the client's threads share (docs/adr/0024-monitor.md). Done
/// under the mutex: changes of the engine's state, completing call slots, updating the snapshots of leases, setting the
/// alarm. Done outside of it: I/O, users' code, starting threads, BSON. Workers pull what is to be sent. No more
/// workers are posted than there is work. Threads of the pools own the monitor, and nothing else of the client.
class monitor : public std::enable_shared_from_this<monitor> {
 public:
  struct parts {
    std::shared_ptr<store> where;
    std::shared_ptr<channel> notices;  // null: only this client wakes its waiters
    std::string channel_name;
    std::shared_ptr<worker_pool> io;
    std::shared_ptr<worker_pool> callbacks;  // for users' code
    std::shared_ptr<environment> env;
    log_callback log;
    meters::label_function label_of = {};  // for the counts
  };
  monitor(parts of, engine::client::settings s);
  monitor(const monitor&) = delete;
  monitor& operator=(const monitor&) = delete;
  ~monitor();

  /// One step of the engine: calls `what(engine, now)` under the mutex, then carries out the effects without the mutex.
  template <typename F>
  void step(F&& what) {
    effects todo;
    {
      const std::lock_guard lock(guard_);
      if (ended_) return;
      now_us_ = env_->now_us();
      const auto now = now_us_ / 1000;
      std::forward<F>(what)(engine_, now);
      collect(todo, now);
    }
    carry_out(todo);
  }
  /// Called in a step. The result of that call goes to this slot.
  void expect(engine::call_id c, const std::shared_ptr<call_slot>& s) {
    s->call = c;
    slots_.insert_or_assign(c, s);
  }
  /// Called in a step. Nobody waits for that call any more.
  void forget(engine::call_id c) { slots_.erase(c); }
  /// Waits until the call has ended, or until it has a new place in the queue, which is returned.
  [[nodiscard]] std::unique_ptr<engine::waiting> wait(call_slot& s);
  /// Makes sure that there is a thread for completions. False: the system gives none.
  [[nodiscard]] bool can_complete();
  /// Runs `task` on a thread for completions. Only after can_complete().
  void complete(std::function<void()> task);
  /// Waits until no completion is due or runs, at most `patience`. Does not wait on a thread for completions.
  void await_completions(std::chrono::milliseconds patience);
  /// Waits until `is_so(engine)` is true, at most `patience`.
  bool await(const std::function<bool(const engine::client&)>& is_so, std::chrono::milliseconds patience);
  /// No handle has that lease any more.
  void drop(engine::hold_id h);

  [[nodiscard]] std::shared_ptr<subscriber> subscribe(std::optional<std::string> id, event_callback callback);
  [[nodiscard]] std::shared_ptr<observer> observe(const std::string& election, protocol::ms period,
                                                  leader_callback callback);
  [[nodiscard]] notification_status notifications();
  /// What is counted. Its snapshot needs no mutex.
  [[nodiscard]] meters& counts() noexcept { return counts_; }

  // --- the watch: a thread that only tells the engine the time ------------------------------------------------------
  /// The descriptor that the watch polls. It becomes readable when look() is due.
  [[nodiscard]] int alarm() const noexcept { return alarm_->fd(); }
  void look(bool clock_was_set);

  // --- the end ------------------------------------------------------------------------------------------------------
  /// From now on nobody waits or listens. Heirs still get their notices. Waits for its threads, at most `patience`.
  void stop_listening(std::chrono::milliseconds patience);
  /// Sends the notices and events that wait, for at most `patience`. From then on none is delayed.
  void flush(std::chrono::milliseconds patience);
  /// Drops tasks that have not begun, and waits for its threads, at most `patience` in all; if that is 0, it does not
  /// wait.
  void stop(std::chrono::milliseconds patience);
  /// After this, no step does anything.
  void end();

  [[nodiscard]] bool forked() const;

 private:
  /// What a step leaves to do after the mutex is unlocked.
  struct effects {
    std::vector<std::pair<log_level, std::string>> log;
    std::vector<std::shared_ptr<lease_state>> lost;
    std::vector<std::pair<std::shared_ptr<lease_state>, protocol::ms>> troubled;  // and what is left of them
    std::vector<std::pair<std::shared_ptr<observer>, engine::leader_changed>> leaders;
    std::size_t senders = 0, renewers = 0, notice_senders = 0;  // how many more are needed
    bool publisher = false;
    bool feeds = false;
    bool tells = false;                                 // subscribers have to be told of events
    std::vector<std::shared_ptr<call_slot>> listeners;  // to be run
    // These may be the last references to objects of the user:
    lease_state::callbacks unused;
    std::vector<std::shared_ptr<void>> gone;
  };
  void collect(effects& out, protocol::ms now);
  void run_here(lease_state::callbacks left);
  void carry_out(effects& todo);
  void on_event(engine::acquire_ended e, effects& out);
  void on_event(engine::waiting e, effects& out);
  void on_event(engine::release_ended e, effects& out);
  void on_event(engine::ask_ended e, effects& out);
  void on_event(const engine::hold_changed& e, effects& out);
  void on_event(const engine::renewal_ended& e, effects& out);
  void on_event(const engine::leader_changed& e, effects& out);
  void on_event(const engine::subscriber_event& e, effects& out);
  static void on_event(const engine::notifications_changed& e, effects& out);
  void on_event(const engine::trouble& e, effects& out);
  template <typename E>
  void ended(E e, effects& out);
  void wake(std::shared_ptr<call_slot> s, effects& out);
  void post_completion(std::function<void()> task);
  void run_listener(const std::shared_ptr<call_slot>& s);

  [[nodiscard]] std::vector<answer> apply(const protocol::batch& all, lane which) const;
  void send();
  void renew();
  void send_notices();
  void publish();
  void tell_subscribers();
  void adjust_feeds();
  [[nodiscard]] std::shared_ptr<follower> follow(engine::part feed);
  [[nodiscard]] bool wait_until_open(std::chrono::milliseconds timeout);
  void heard_notice(const bson_t* document);
  void heard_event(const bson_t* document);
  void gap();

  const std::shared_ptr<environment> env_;
  const std::shared_ptr<store> where_;
  const std::shared_ptr<channel> channel_;
  const std::string name_, id_;
  const std::shared_ptr<worker_pool> io_, callbacks_;
  const std::shared_ptr<worker_pool> completions_;  // for the ends of calls that no thread waits for
  const std::shared_ptr<worker_pool> renewers_, notice_senders_, publisher_;
  const log_callback log_;
  const std::unique_ptr<timer> alarm_;
  const int pid_;

  std::atomic<bool> completes_ = false;  // there is a thread for completions

  std::mutex guard_;
  std::condition_variable changed_;  // for await()
  int watchers_ = 0;                 // threads that wait for it
  std::size_t completing_ = 0;       // completions that are due or run
  int callbacks_here_ = 0;           // how many callbacks run on a thread of ours, perhaps on the watch
  engine::client engine_;
  std::int64_t now_us_ = 0;  // the time of the last step
  meters counts_;
  std::map<engine::call_id, std::shared_ptr<call_slot>> slots_;
  std::map<engine::hold_id, std::weak_ptr<lease_state>> leases_;
  std::map<engine::call_id, std::weak_ptr<observer>> observers_;
  protocol::ms armed_ = engine::never;
  std::size_t senders_ = 0, renewing_ = 0, notice_jobs_ = 0;  // posted, not begun
  bool publishing_ = false;
  bool inbox_ = false, events_ = false;  // whether these feeds were wanted at the last check
  std::vector<lock_event> to_tell_;
  bool tells_ = false;  // a thread tells them
  bool ended_ = false;

  std::mutex feeds_guard_;  // locked before guard_
  std::shared_ptr<follower> inbox_feed_, events_feed_;
  bool listens_ = true;
  subscribers subscribers_;
};

}  // namespace dlock::detail
