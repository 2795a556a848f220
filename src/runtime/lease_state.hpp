#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include <dlock/lease.hpp>

#include "engine/client.hpp"
#include "util/worker_pool.hpp"

namespace dlock::detail {

class monitor;
class runtime;

/// Why a lease was lost: the server does not find its holder.
inline constexpr const char* no_longer_ours =
    "the server no longer has it as ours: somebody removed it, took it over, or revoked it";
/// Why a lease was lost: it ended by the clock.
inline constexpr const char* not_renewed = "it was not renewed in time, before its lease ended";
inline constexpr const char* over_without_autorefresh = "its lease is over and autorefresh is off";

/// One lease as the user's handles see it: a snapshot of what the engine says about it, and the callbacks for its loss.
/// Only the monitor changes it. It owns no part of the client.
class lease_state {
 public:
  using phase = engine::hold_phase;

  lease_state(std::weak_ptr<monitor> of, engine::hold_id hold, const engine::client::lease& granted);
  lease_state(const lease_state&) = delete;
  lease_state& operator=(const lease_state&) = delete;
  /// No handle has this lease any more, so the engine forgets it.
  ~lease_state();

  [[nodiscard]] engine::hold_id hold() const noexcept { return hold_; }
  [[nodiscard]] const std::string& lock() const noexcept { return lock_; }
  [[nodiscard]] const std::string& owner() const noexcept { return owner_; }
  [[nodiscard]] std::int64_t token() const noexcept { return token_; }

  [[nodiscard]] protocol::ms valid_until() const noexcept { return valid_until_; }
  [[nodiscard]] phase now() const noexcept { return phase_; }
  [[nodiscard]] bool held(protocol::ms now) const noexcept { return phase_ == phase::held && now < valid_until_; }

  [[nodiscard]] std::stop_token lost() const { return stop_.get_token(); }
  /// `callback` is called once, on a thread of `notices`, when the lease is lost. If the lease is already lost, it is
  /// called at once.
  void on_lost(std::function<void()> callback, worker_pool& notices);
  /// `callback` is called on a thread of `notices` each time that renewals begin to fail.
  void on_trouble(trouble_callback callback);
  /// Why the lease was lost. Empty unless it was lost.
  [[nodiscard]] std::string loss() const;
  [[nodiscard]] loss_reason reason() const;

  // --- for the monitor ----------------------------------------------------------------------------------------------
  using callbacks = std::vector<std::function<void()>>;
  /// Called with the mutex of the monitor held. True: the lease is lost now, and tell_loss() must follow. `unused`:
  /// callbacks that will never be called. They must be destroyed without the mutex.
  [[nodiscard]] bool change(const engine::hold_changed& c, callbacks& unused);
  /// Fires the stop token, and calls the callbacks, each on a thread of `notices`. Returns the callbacks for which no
  /// thread was available. The caller must run these, because every loss must be reported.
  [[nodiscard]] callbacks tell_loss(worker_pool& notices);
  /// Calls the callbacks for trouble, unless it is not held any more. Without a thread, this is not told: it is a hint.
  void tell_trouble(worker_pool& notices, protocol::ms left);

 private:
  /// Moves the callbacks for trouble, which will not be called any more, to `to`: who destroys them there, may. Called
  /// with the mutex.
  void retire_troubles(callbacks& to);

  const std::weak_ptr<monitor> of_;
  const engine::hold_id hold_;
  const std::string lock_, owner_;
  const std::int64_t token_;
  std::atomic<protocol::ms> valid_until_;
  std::atomic<phase> phase_{phase::held};
  std::stop_source stop_;
  mutable std::mutex guard_;  // for the members below
  callbacks callbacks_;
  std::vector<std::shared_ptr<const trouble_callback>> troubles_;
  bool told_ = false;
  std::string loss_;
  loss_reason reason_ = loss_reason::none;
};

/// The state behind a dlock::lease.
class held_state {
 public:
  held_state(std::shared_ptr<runtime> c, std::shared_ptr<lease_state> r, bool in_the_background);
  held_state(const held_state&) = delete;
  held_state& operator=(const held_state&) = delete;
  ~held_state();

  std::shared_ptr<runtime> core;
  std::shared_ptr<lease_state> record;
  std::atomic<bool> in_background;  // the destructor of the lease does not wait for the release
};

}  // namespace dlock::detail
