#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include <dlock/options.hpp>

#include "client/lease_record.hpp"
#include "protocol/event.hpp"
#include "protocol/lease_schedule.hpp"
#include "store/store.hpp"
#include "util/clock_watch.hpp"
#include "util/environment.hpp"

namespace dlock {

/// Why a lease is lost whose holder the server does not find.
inline constexpr const char* no_longer_ours =
    "the server no longer has it as ours: somebody removed it, took it over, or revoked it";
/// Why a lease is lost that ended by the clock.
inline constexpr const char* not_renewed = "it was not renewed in time, before its lease ended";
inline constexpr const char* over_without_autorefresh = "its lease is over and autorefresh is off";

/// Renews the leases of one client and watches their ends. One thread does nothing but watch the clock (CLOCK_BOOTTIME,
/// so that it also wakes after a suspend) and so tells a loss on time whatever the network does; a few others send the
/// renewals, on connections of their own: one that hangs keeps no other waiting. When the wall clock is set, all leases
/// are renewed at once: that may follow a stop of the machine that CLOCK_BOOTTIME does not count.
class lease_keeper {
 public:
  /// `held_long` is called once, when a lease has been held for a while; must not block. `wall_clock`: another one for
  /// tests.
  lease_keeper(std::shared_ptr<store> where, std::shared_ptr<worker_pool> notices, log_callback log,
               std::shared_ptr<environment> env, std::function<void()> held_long = {},
               std::unique_ptr<clock_watch> wall_clock = std::make_unique<clock_watch>());
  lease_keeper(const lease_keeper&) = delete;
  lease_keeper& operator=(const lease_keeper&) = delete;
  /// stop(0.3 s), unless stop() was called: who did has waited.
  ~lease_keeper();

  void keep(const std::shared_ptr<lease_record>& record, const protocol::lease_schedule& schedule);
  /// Neither renews nor reports it any more.
  void forget(const lease_record& record);
  /// What to call when somebody says that a lease of this keeper was revoked: the server is asked at once, by renewing
  /// it. May outlive the keeper.
  [[nodiscard]] std::function<void(const protocol::revocation&)> revoker() const;
  /// Renews nothing any more; ends are still watched.
  void stop_renewing();
  /// Neither renews nor watches any more. Waits for renewals that are on their way, at most `patience`. May be called
  /// from a thread of the keeper, which ends soon then; and again, to wait for longer.
  void stop(std::chrono::milliseconds patience);

 private:
  struct shared;
  std::shared_ptr<shared> shared_;
  worker_pool renewals_{renewal_lanes, "dlock-renew"};
  std::thread watch_;
};

}  // namespace dlock
