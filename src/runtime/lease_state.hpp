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

/// Why a lease is lost whose holder the server does not find.
inline constexpr const char* no_longer_ours =
    "the server no longer has it as ours: somebody removed it, took it over, or revoked it";
/// Why a lease is lost that ended by the clock.
inline constexpr const char* not_renewed = "it was not renewed in time, before its lease ended";
inline constexpr const char* over_without_autorefresh = "its lease is over and autorefresh is off";

/// One lease as its user's handles see it: a snapshot of what the engine says of it, and who is to be told of its loss.
/// Only the monitor changes it. It owns nothing of the client.
class lease_state {
 public:
  using phase = engine::hold_phase;

  lease_state(std::weak_ptr<monitor> of, engine::hold_id hold, const engine::client::lease& granted);
  lease_state(const lease_state&) = delete;
  lease_state& operator=(const lease_state&) = delete;
  /// Nobody has it any more: the engine forgets it.
  ~lease_state();

  [[nodiscard]] engine::hold_id hold() const noexcept { return hold_; }
  [[nodiscard]] const std::string& lock() const noexcept { return lock_; }
  [[nodiscard]] const std::string& owner() const noexcept { return owner_; }
  [[nodiscard]] std::int64_t token() const noexcept { return token_; }

  [[nodiscard]] protocol::ms valid_until() const noexcept { return valid_until_; }
  [[nodiscard]] phase now() const noexcept { return phase_; }
  [[nodiscard]] bool held(protocol::ms now) const noexcept { return phase_ == phase::held && now < valid_until_; }
  /// Nobody held the lock or waited for it after the release.
  [[nodiscard]] bool left_free() const noexcept { return left_free_; }

  [[nodiscard]] std::stop_token lost() const { return stop_.get_token(); }
  /// Called once, on a thread of `notices`, when it is lost; at once if it was lost before.
  void on_lost(std::function<void()> callback, worker_pool& notices);
  /// Why; empty unless it was lost.
  [[nodiscard]] std::string loss() const;
  [[nodiscard]] loss_reason reason() const;

  // --- for the monitor ----------------------------------------------------------------------------------------------
  using callbacks = std::vector<std::function<void()>>;
  /// With its mutex. True: it is lost, and who wants to hear of it is to be told. `unused`: callbacks for nothing, to
  /// be destroyed without the mutex.
  [[nodiscard]] bool change(const engine::hold_changed& c, callbacks& unused);
  /// Fires the stop token and the callbacks, each on a thread of `notices`. Those for which no thread can be had are
  /// the caller's to run: someone must hear of a loss.
  [[nodiscard]] callbacks tell_loss(worker_pool& notices);

 private:
  const std::weak_ptr<monitor> of_;
  const engine::hold_id hold_;
  const std::string lock_, owner_;
  const std::int64_t token_;
  std::atomic<protocol::ms> valid_until_;
  std::atomic<phase> phase_{phase::held};
  std::atomic<bool> left_free_{false};
  std::stop_source stop_;
  mutable std::mutex guard_;  // for what follows
  callbacks callbacks_;
  bool told_ = false;
  std::string loss_;
  loss_reason reason_ = loss_reason::none;
};

/// What a dlock::lease points to.
class held_state {
 public:
  held_state(std::shared_ptr<runtime> c, std::shared_ptr<lease_state> r);
  held_state(const held_state&) = delete;
  held_state& operator=(const held_state&) = delete;
  ~held_state();

  std::shared_ptr<runtime> core;
  std::shared_ptr<lease_state> record;
};

}  // namespace dlock::detail
