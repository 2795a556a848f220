#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <dlock/election.hpp>
#include <dlock/events.hpp>
#include <dlock/metrics.hpp>
#include <dlock/mutex.hpp>
#include <dlock/options.hpp>

#include "engine/client.hpp"
#include "runtime/lease_state.hpp"
#include "runtime/watch.hpp"
#include "store/channel.hpp"
#include "store/past_runs.hpp"
#include "store/store.hpp"
#include "util/clock_watch.hpp"
#include "util/environment.hpp"
#include "util/logger.hpp"
#include "util/worker_pool.hpp"

namespace dlock::detail {

class monitor;
class observer;
class subscriber;
struct call_slot;

/// What the public classes share: the monitor of a client, its threads, and the calls, which block or end with a
/// callback. Every wait here is for the engine. The engine ends each call on time, whatever the driver does.
class runtime {
 public:
  /// `options` must be validated. `notices` may be null: then only this client wakes its waiters. `wall_clock`: tests
  /// use another one.
  runtime(client_options options, std::shared_ptr<store> where, std::shared_ptr<channel> notices,
          std::shared_ptr<worker_pool> io, std::shared_ptr<logger> log, std::shared_ptr<environment> env,
          std::unique_ptr<clock_watch> wall_clock = std::make_unique<clock_watch>());
  runtime(const runtime&) = delete;
  runtime& operator=(const runtime&) = delete;
  /// Waits for its threads, at most 1 s in all. If a log callback blocks, it waits another 0.7 s.
  ~runtime();

  [[nodiscard]] const client_options& options() const { return options_; }
  [[nodiscard]] const std::shared_ptr<environment>& env() const { return env_; }
  [[nodiscard]] protocol::ms now() const { return env_->now_ms(); }

  struct acquired {
    outcome what = outcome::busy;
    std::shared_ptr<lease_state> record;  // if acquired
    std::optional<holder_info> holder;
  };
  /// Runs `plan` to its end. Throws error.
  [[nodiscard]] acquired acquire(protocol::acquire_plan plan, const wait_options& options);
  /// The same without waiting. `done` is called on a thread for completions, once. It must own this object. Throws
  /// error if nothing was begun.
  using acquire_done = std::function<void(std::exception_ptr, acquired)>;
  void acquire(protocol::acquire_plan plan, const wait_options& options, acquire_done done);

  /// Gives a lease back. The lock becomes free `keep` ms after the grant at the earliest. If an earlier release of this
  /// lease asked for a longer time, that time applies. Throws error if there is no answer in time.
  [[nodiscard]] release_result release(lease_state& record, protocol::ms keep, protocol::ms timeout);
  /// The same without waiting, as for acquire().
  using release_done = std::function<void(std::exception_ptr, release_result)>;
  void release(const std::shared_ptr<lease_state>& record, protocol::ms keep, protocol::ms timeout, release_done done);
  /// Runs `task`, which must own this object, on a thread for completions. Throws error if there is none.
  void complete(const std::string& lock, std::function<void()> task);

  /// Repeats the request until there is an answer, for at most operation_timeout or until `until`. Throws error.
  /// `doing`: what failed then, on which lock.
  [[nodiscard]] protocol::reply ask(const protocol::request& r, const std::string& doing,
                                    std::optional<protocol::ms> until = {});
  [[nodiscard]] std::vector<protocol::snapshot> read(const protocol::lookup& l, const std::string& doing,
                                                     std::optional<protocol::ms> until = {});
  /// The servers. Waits for at most 2 s. Throws error.
  [[nodiscard]] std::vector<member_info> members();

  using amended = engine::ask_ended::amended;
  /// A holder asks for a smaller claim, or publishes another value. See engine::client::amend.
  [[nodiscard]] amended amend(const std::string& lock, engine::hold_id h, std::optional<protocol::claim> what,
                              std::optional<std::string> value, bool tells, const std::string& doing);
  /// See engine::client::hold_of. Only after check_usable().
  [[nodiscard]] std::optional<engine::hold_id> hold_of(const std::string& lock, const std::string& owner);

  /// Revokes one holder of the lock, which `seen` shows.
  [[nodiscard]] bool revoke(const protocol::snapshot& seen, const protocol::holder& h, bool at_once);

  /// Where history() and record() look. Called once, before all others.
  void keep_history(std::shared_ptr<past_runs> where) { past_runs_ = std::move(where); }
  [[nodiscard]] std::vector<past_run> history(const std::string& lock);
  /// Repeats it until there is an answer, for at most `timeout`. Throws error.
  void record(const std::string& lock, past_run run, protocol::ms timeout);

  /// Subscribes to the events of one lock, or of all locks. Throws error.
  [[nodiscard]] std::shared_ptr<subscriber> subscribe(std::optional<std::string> id, event_callback callback);
  /// Observes an election, and reads it every `period` at least. Throws error.
  [[nodiscard]] std::shared_ptr<observer> observe(const std::string& election, protocol::ms period,
                                                  leader_callback callback);
  [[nodiscard]] notification_status notifications() const;

  void on_lost(lease_state& record, std::function<void()> callback);
  void on_trouble(lease_state& record, trouble_callback callback);

  /// The row in which the acquisitions of a lock are counted. It calls the user's function.
  [[nodiscard]] int row_of(lock_metrics::kind what, const std::string& lock) const noexcept;
  [[nodiscard]] metrics_snapshot metrics() const;

  void log(log_level level, std::string message) const {
    if (log_) log_->write(level, std::move(message));
  }

  void close() noexcept;
  /// Throws errc::forked. Call it before any mutex is locked: in a child, the copy of a mutex may be locked for ever.
  void check_process(const std::string& doing) const;
  /// Throws errc::closed or errc::forked. `in_doubt`: something was already sent for this call.
  void check_usable(const std::string& doing, bool in_doubt = false) const;
  [[nodiscard]] bool forked() const;

  [[nodiscard]] protocol::request blank_request(const std::string& lock) const;

 private:
  template <typename Begin>
  [[nodiscard]] engine::ask_ended asked(const std::string& doing, const std::string& lock, Begin begin);
  /// What is to be said at the end of an acquisition.
  struct wanted;
  class canceller;
  void begin(protocol::acquire_plan plan, const wait_options& options, const std::shared_ptr<call_slot>& slot,
             std::optional<canceller>& on_stop);
  /// Ends the call for an exception of `on_wait`.
  void abandon(call_slot& slot);
  [[nodiscard]] acquired end_of(call_slot& slot, const wanted& what) const;
  /// Throws error if there is no thread for completions.
  void check_completions(const std::string& doing) const;
  void called_back(const std::string& lock, const std::function<void()>& callback) const;
  template <typename Answer>
  [[nodiscard]] Answer ask_history(const std::string& doing, protocol::ms timeout,
                                   std::function<Answer(past_runs& where, protocol::ms limit)> once);

  const client_options options_;
  const std::shared_ptr<environment> env_;
  const std::shared_ptr<logger> log_;
  const std::shared_ptr<store> where_;
  const std::shared_ptr<worker_pool> callbacks_;
  const std::shared_ptr<monitor> monitor_;
  std::shared_ptr<past_runs> past_runs_;
  std::stop_source closing_;
  watch watch_;
};

/// Drops a handle's reference to its runtime. In a forked child, no destructor runs, because the threads and sockets
/// belong to the parent.
void drop(std::shared_ptr<runtime>& core) noexcept;

}  // namespace dlock::detail
