#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <dlock/acquire.hpp>
#include <dlock/clock.hpp>
#include <dlock/lease.hpp>

namespace dlock {

/// Several locks that are held together and lost together. Like lease in all it does; thread-safety as there.
class lease_set {
 public:
  /// Holds nothing.
  lease_set() noexcept;
  lease_set(lease_set&&) noexcept;
  lease_set& operator=(lease_set&&) noexcept;
  /// Releases all, as ~lease does, in 5 s together.
  ~lease_set();

  /// The locks, in the order in which they were given to acquire_all().
  [[nodiscard]] const std::vector<std::string>& ids() const;

  /// lease::token() and lease::owner() of one of them. Both throw dlock::error (invalid_argument) for an id that is
  /// none of them.
  [[nodiscard]] std::int64_t token(const std::string& id) const;
  [[nodiscard]] const std::string& owner(const std::string& id) const;

  /// The earliest of all.
  [[nodiscard]] boot_clock::time_point valid_until() const;
  [[nodiscard]] std::chrono::milliseconds valid_for() const;
  /// Whether all are held.
  [[nodiscard]] bool held() const;

  /// The first loss counts: lease::lost(), lease::on_lost(), which throws for an empty callback. The others stay taken
  /// until they are released.
  [[nodiscard]] std::stop_token lost() const;
  void on_lost(std::function<void()> callback);
  /// lease::loss() of the first that is lost; of several, with its name.
  [[nodiscard]] std::string loss() const;
  /// lease::reason() of the same one.
  [[nodiscard]] loss_reason reason() const;

  /// Gives all back, in `timeout` together. `lost` if one had been lost. Throws as lease::release() does, once all
  /// have been tried: the first error.
  [[nodiscard]] release_result release();
  [[nodiscard]] release_result release(std::chrono::milliseconds timeout);
  [[nodiscard]] release_result release_at_least(std::chrono::milliseconds at_least, std::chrono::milliseconds timeout);

 private:
  friend struct detail::claimed;
  struct state;
  explicit lease_set(std::shared_ptr<state> s) noexcept;
  std::shared_ptr<state> state_;
};

/// The answer of acquire_all(). Move-only.
class [[nodiscard]] joint_acquisition {
 public:
  joint_acquisition(outcome what, lease_set held, std::string id, std::optional<holder_info> holder);

  [[nodiscard]] outcome result() const noexcept { return result_; }
  [[nodiscard]] explicit operator bool() const noexcept { return result_ == outcome::acquired; }
  [[nodiscard]] lease_set& operator*() noexcept { return leases_; }
  [[nodiscard]] lease_set* operator->() noexcept { return &leases_; }

  /// Which lock stood in the way, and who held it; "" if acquired.
  [[nodiscard]] const std::string& id() const noexcept { return id_; }
  [[nodiscard]] const std::optional<holder_info>& holder() const noexcept { return holder_; }

 private:
  outcome result_;
  lease_set leases_;
  std::string id_;
  std::optional<holder_info> holder_;
};

/// Acquires all locks or none.
///
///     auto both = dlock::acquire_all({accounts, rates.shared(), slots.take(2)}, {.timeout = 5s});
///
/// No deadlock, whatever the order given: they are acquired one after the other in the order of their ids (by bytes),
/// which is the same everywhere; all kinds may be mixed. The wait holds what it has got so far; if one of those is lost
/// meanwhile, all are given back and it begins again. options.timeout is for all of them together; zero or less: one
/// try each. on_wait speaks of the lock that is waited for.
///
/// Outcomes and errors as with mutex::acquire(): whatever it is, nothing stays held. (What the server does not take
/// back by then is given back in the background, and not renewed.) Throws dlock::error (invalid_argument) besides, for
/// no lock at all, for two claims on one id, and for locks of different clients. An exception of on_wait comes through.
joint_acquisition acquire_all(const std::vector<claim>& locks, wait_options options = {});

}  // namespace dlock
