#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <dlock/events.hpp>
#include <dlock/mutex.hpp>
#include <dlock/options.hpp>

#include "engine/client.hpp"
#include "runtime/lease_state.hpp"
#include "runtime/watch.hpp"
#include "store/channel.hpp"
#include "store/store.hpp"
#include "util/clock_watch.hpp"
#include "util/environment.hpp"
#include "util/logger.hpp"
#include "util/worker_pool.hpp"

namespace dlock::detail {

class monitor;
class subscriber;

/// What the public classes share: a client's monitor, its threads, and the calls that block. Every wait here is for the
/// engine, which ends each call on time, whatever the driver does.
class runtime {
 public:
  /// `options` must be validated; `notices` may be null: then waiters are woken by this client only. `wall_clock`:
  /// another one for tests.
  runtime(client_options options, std::shared_ptr<store> where, std::shared_ptr<channel> notices,
          std::shared_ptr<worker_pool> io, std::shared_ptr<logger> log, std::shared_ptr<environment> env,
          std::unique_ptr<clock_watch> wall_clock = std::make_unique<clock_watch>());
  runtime(const runtime&) = delete;
  runtime& operator=(const runtime&) = delete;
  /// Waits for its threads, at most 1 s in all; and for a log callback that blocks, another 0.7 s.
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

  /// Gives a lease back, `keep` ms after its grant at the earliest; a release before this one may have asked for more,
  /// and gets it. Throws error if there is no answer in time.
  [[nodiscard]] release_result release(lease_state& record, protocol::ms keep, protocol::ms timeout);

  /// Asks until there is an answer, at most operation_timeout, or until `until`. Throws error; `doing`: what fails
  /// then, on which lock.
  [[nodiscard]] protocol::reply ask(const protocol::request& r, const std::string& doing,
                                    std::optional<protocol::ms> until = {});
  [[nodiscard]] std::vector<protocol::snapshot> read(const protocol::lookup& l, const std::string& doing);

  using amended = engine::ask_ended::amended;
  /// A holder asks for less, or publishes something else.
  [[nodiscard]] amended amend(lease_state& record, protocol::claim what, const std::string& value,
                              const std::string& doing);

  /// Takes the lock off one of its holders.
  [[nodiscard]] bool revoke(const std::string& lock, const protocol::holder& h, bool observed, bool at_once);

  /// Events of the lock, or of all. Throws error.
  [[nodiscard]] std::shared_ptr<subscriber> subscribe(std::optional<std::string> id, event_callback callback);
  [[nodiscard]] notification_status notifications() const;

  /// Runs user code and what waits for it, on a thread of its own. False: there is none.
  [[nodiscard]] bool in_background(std::function<void()> task) { return callbacks_->post(std::move(task)); }

  void on_lost(lease_state& record, std::function<void()> callback);

  void log(log_level level, std::string message) const {
    if (log_) log_->write(level, std::move(message));
  }

  void close() noexcept;
  [[nodiscard]] std::stop_token closing() const { return closing_.get_token(); }
  /// Throws errc::forked. It comes before any mutex: a child's copy of one may be locked for ever.
  void check_process(const std::string& doing) const;
  /// Throws errc::closed or errc::forked; `in_doubt`: something was sent for it.
  void check_usable(const std::string& doing, bool in_doubt = false) const;
  [[nodiscard]] bool forked() const;

  [[nodiscard]] protocol::request blank_request(const std::string& lock) const;

 private:
  template <typename Begin>
  [[nodiscard]] engine::ask_ended asked(const std::string& doing, const std::string& lock, Begin begin);

  const client_options options_;
  const std::shared_ptr<environment> env_;
  const std::shared_ptr<logger> log_;
  const std::shared_ptr<worker_pool> callbacks_;
  const std::shared_ptr<monitor> monitor_;
  std::stop_source closing_;
  watch watch_;
};

/// A handle's reference to its runtime: in a forked child it is let go of without running a destructor, because the
/// threads and sockets are the parent's.
void drop(std::shared_ptr<runtime>& core) noexcept;

}  // namespace dlock::detail
