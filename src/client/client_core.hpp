#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <dlock/events.hpp>
#include <dlock/mutex.hpp>
#include <dlock/options.hpp>

#include "client/activity.hpp"
#include "client/bus.hpp"
#include "client/errands.hpp"
#include "client/lease_keeper.hpp"
#include "client/lease_record.hpp"
#include "client/token_floors.hpp"
#include "protocol/acquire.hpp"
#include "store/store.hpp"
#include "util/environment.hpp"
#include "util/logger.hpp"
#include "util/worker_pool.hpp"

namespace dlock::detail {

/// What the kinds of locks share: it carries out acquisitions and releases, and keeps what is held.
/// Every wait here is on an answer that a thread of `io_` fetches, so a call ends on time whatever the driver does.
class client_core {
 public:
  /// `options` must be validated; `notices` may be null: then waiters are woken by this client only.
  client_core(client_options options, std::shared_ptr<store> where, std::shared_ptr<channel> notices,
              std::shared_ptr<worker_pool> io, std::shared_ptr<logger> log, std::shared_ptr<environment> env);
  client_core(const client_core&) = delete;
  client_core& operator=(const client_core&) = delete;
  /// Waits for its threads, at most 1 s in all; and for a log callback that blocks, another 0.7 s.
  ~client_core();

  [[nodiscard]] const client_options& options() const { return options_; }
  [[nodiscard]] const std::shared_ptr<environment>& env() const { return env_; }
  [[nodiscard]] protocol::ms now() const { return env_->now_ms(); }

  struct acquired {
    outcome what = outcome::busy;
    std::shared_ptr<lease_record> record;  // if acquired
    std::optional<holder_info> holder;
  };
  /// Runs `plan` to its end. Throws error.
  [[nodiscard]] acquired acquire(protocol::acquire_plan plan, const wait_options& options);

  /// Gives a lease back, `keep` ms after its grant at the earliest; a release before this one may have asked for more,
  /// and gets it. Throws error if there is no answer in time.
  [[nodiscard]] release_result release(lease_record& record, protocol::ms keep, protocol::ms timeout);

  /// Asks the store until it answers, at most operation_timeout, or until `until`. Throws error; `doing`: what fails
  /// then, on which lock; `in_doubt`: a part of it has been done before.
  [[nodiscard]] protocol::reply ask(protocol::request r, const std::string& doing, bool in_doubt = false,
                                    std::optional<protocol::ms> until = {});
  [[nodiscard]] std::vector<protocol::sight> read(protocol::look l, const std::string& doing);

  enum class amended { done, not_held, lost };
  /// A holder asks for less, or publishes something else: `r` is an amend of its acquisition.
  [[nodiscard]] amended amend(lease_record& record, protocol::request r, const std::string& doing);

  /// Takes the lock off one of its holders.
  [[nodiscard]] bool revoke(const std::string& lock, const protocol::holder& h, bool observed, bool at_once);

  /// Events of the lock, or of all. Throws error.
  [[nodiscard]] std::shared_ptr<subscriber> subscribe(std::optional<std::string> id, event_callback callback);
  [[nodiscard]] notification_status notifications() const { return bus_->status(); }

  /// Runs user code and what waits for it, on a thread of its own. False: there is none.
  [[nodiscard]] bool in_background(std::function<void()> task) { return notices_->post(std::move(task)); }

  void on_lost(lease_record& record, std::function<void()> callback);

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
  struct call;
  class acquiring;
  void send(const std::shared_ptr<call>& c, protocol::request r);
  void undo(const protocol::request& ask, const std::vector<protocol::abandoned>& what,
            std::optional<protocol::ms> wait_until = {});
  [[nodiscard]] protocol::observation seen_before(const std::string& lock);
  void remember(const std::string& lock, protocol::observation seen);
  [[nodiscard]] protocol::announcement announcement_of(const lease_record& record, bool locked) const;
  void release_in_background(const lease_record& record);
  void give_back(const lease_record& record, protocol::request r);
  [[nodiscard]] release_result released(lease_record& record, const protocol::request& r, protocol::ms timeout,
                                        bool in_doubt);

  const client_options options_;
  const std::shared_ptr<environment> env_;
  const std::string client_id_;
  const int pid_;
  token_floors floors_;
  std::mutex seen_guard_;
  std::map<std::string, protocol::observation> seen_;  // of locks with observed expiry that were tried in vain
  std::stop_source closing_;
  std::shared_ptr<activity> activity_;

  std::shared_ptr<bus> bus_;
  std::shared_ptr<store> store_;
  std::shared_ptr<worker_pool> notices_;
  std::shared_ptr<worker_pool> io_;
  std::shared_ptr<errands> errands_;
  std::shared_ptr<logger> log_;
  std::unique_ptr<lease_keeper> keeper_;
};

/// A handle's reference to its core: in a forked child it is let go of without running a destructor, because the
/// threads and sockets are the parent's.
void let_go(std::shared_ptr<client_core>& core) noexcept;

}  // namespace dlock::detail
