#pragma once

/// @file
/// Several locks at once: all or none.

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
#include <dlock/export.hpp>
#include <dlock/lease.hpp>

namespace dlock {

/// Several locks that are held together and lost together. Its members work like those of lease.
///
/// Move-only. A set that was moved from is empty.
///
/// @par Thread safety
/// All members are thread-safe, except moving and destroying.
/// @par Blocking
/// Members do not block unless they say so.
class DLOCK_API lease_set {
 public:
  /// Makes an empty set: it holds nothing.
  lease_set() noexcept;
  /// Takes over the other set.
  lease_set(lease_set&&) noexcept;
  /// Releases the present set as ~lease_set() does, then takes over the other one.
  /// @par Blocking
  /// Blocks as ~lease_set().
  /// @return This object.
  lease_set& operator=(lease_set&&) noexcept;
  /// Releases all locks, as ~lease() does.
  /// @par Blocking
  /// Blocks for at most 5 s in total, or operation_timeout if that is shorter.
  ~lease_set();

  /// The ids of the locks. @return The ids, in the order in which acquire_all() got them.
  [[nodiscard]] const std::vector<std::string>& ids() const;

  /// The fencing token of one lock: see lease::token().
  /// @param id The lock's id.
  /// @return Its token.
  /// @throws dlock::error with errc::invalid_argument if the set has no such lock.
  [[nodiscard]] std::int64_t token(const std::string& id) const;
  /// The identity of one acquisition: see lease::owner().
  /// @param id The lock's id.
  /// @return Its owner.
  /// @throws dlock::error with errc::invalid_argument if the set has no such lock.
  [[nodiscard]] const std::string& owner(const std::string& id) const;

  /// End of the validity: see lease::valid_until(). @return The earliest of all leases.
  [[nodiscard]] boot_clock::time_point valid_until() const;
  /// Remaining validity: see lease::valid_for(). @return ms; the shortest of all leases.
  [[nodiscard]] std::chrono::milliseconds valid_for() const;
  /// Whether the set is held. @return True if all locks are held.
  [[nodiscard]] bool held() const;

  /// Stop token for the loss of the set: see lease::lost(). The first lost lease triggers it. The other locks stay
  /// taken until they are released.
  /// @return The token; for an empty set a token without a stop state.
  [[nodiscard]] std::stop_token lost() const;
  /// Registers a callback for the loss of the set: see lease::on_lost(). The first lost lease calls it.
  /// @param callback The function to call.
  /// @throws dlock::error with errc::invalid_argument if `callback` is empty.
  void on_lost(std::function<void()> callback);
  /// Human-readable loss reason: lease::loss() of the first lost lease, in the order of ids().
  /// @return One line; it names the lock if the set has several. "" unless a lease is lost.
  [[nodiscard]] std::string loss() const;
  /// Loss reason for programs: lease::reason() of the same lease.
  /// @return loss_reason::none unless a lease is lost.
  [[nodiscard]] loss_reason reason() const;

  /// Publishes another note for each of the locks, one after the other: see lease::set_note().
  /// @par Blocking
  /// Blocks for at most operation_timeout plus 100 ms, for each lock.
  /// @param note The note; "" for none. At most 1,024 bytes of UTF-8 without NUL.
  /// @return False if one of the locks is not held any more, or the set is empty.
  /// @throws dlock::error as lease::set_note(), at the first lock that fails. The locks after it keep their notes.
  [[nodiscard]] bool set_note(const std::string& note);

  /// Releases all locks, with the client's operation_timeout as limit for all together. See
  /// release(std::chrono::milliseconds).
  /// @par Blocking
  /// Blocks for at most operation_timeout plus 100 ms in total.
  /// @return As release(std::chrono::milliseconds).
  /// @throws dlock::error as release(std::chrono::milliseconds).
  [[nodiscard]] release_result release();
  /// Releases all locks. Every lock is tried, even if another one fails.
  /// @par Blocking
  /// Blocks for at most `timeout` plus 100 ms in total.
  /// @param timeout Limit in ms for all locks together; must be positive.
  /// @return release_result::lost if one of the leases was lost before; release_result::not_held if none was held.
  /// @throws dlock::error as lease::release(std::chrono::milliseconds): the first error, after all were tried.
  [[nodiscard]] release_result release(std::chrono::milliseconds timeout);
  /// Gives all locks up, but keeps them taken for a time: see lease::release_at_least().
  /// @par Blocking
  /// Blocks for at most `timeout` plus 100 ms in total.
  /// @param at_least Time since the grant of each lock, in ms, from 0 to one year.
  /// @param timeout Limit in ms for all locks together; must be positive.
  /// @return As release(std::chrono::milliseconds).
  /// @throws dlock::error as lease::release_at_least(): the first error, after all were tried.
  [[nodiscard]] release_result release_at_least(std::chrono::milliseconds at_least, std::chrono::milliseconds timeout);

 private:
  friend struct detail::claimed;
  struct state;
  explicit lease_set(std::shared_ptr<state> s) noexcept;
  std::shared_ptr<state> state_;
};

/// Result of acquire_all(): an outcome and, if it is outcome::acquired, the leases. Move-only.
///
/// @par Thread safety
/// Const members are thread-safe. The lease set has its own rules.
/// @par Blocking
/// Members never block, except the destructor and assigning: they release a set that was not moved out, as ~lease_set()
/// does.
class [[nodiscard]] DLOCK_API joint_acquisition {
 public:
  /// Only the library needs to make joint acquisitions.
  /// @param what The outcome.
  /// @param held The leases; empty unless acquired.
  /// @param id The lock that stands in the way; "" if acquired.
  /// @param holder Its holder, if known.
  joint_acquisition(outcome what, lease_set held, std::string id, std::optional<holder_info> holder);

  /// Outcome of the attempt. @return The outcome. Moving the leases out does not change it.
  [[nodiscard]] outcome result() const noexcept { return result_; }
  /// Whether the attempt acquired all locks. @return True if result() is outcome::acquired.
  [[nodiscard]] explicit operator bool() const noexcept { return result_ == outcome::acquired; }
  /// The leases. Move them out to keep them. @return The set; empty unless acquired.
  [[nodiscard]] lease_set& operator*() noexcept { return leases_; }
  /// Access to the set's members, as operator*(). @return The set; never null.
  [[nodiscard]] lease_set* operator->() noexcept { return &leases_; }

  /// The lock that stands in the way. @return Its id; "" if acquired.
  [[nodiscard]] const std::string& id() const noexcept { return id_; }
  /// Who holds that lock, for outcome::busy and outcome::timed_out. @return None if the server named no holder.
  [[nodiscard]] const std::optional<holder_info>& holder() const noexcept { return holder_; }

 private:
  outcome result_;
  lease_set leases_;
  std::string id_;
  std::optional<holder_info> holder_;
};

/// Acquires all locks or none.
///
/// @code{.cpp}
/// auto both = dlock::acquire_all({account, rates.shared(), slots.take(2)}, {.timeout = 5s});
/// @endcode
///
/// All kinds of locks may be mixed. There is no deadlock, whatever the order of `locks`: the locks are acquired one
/// after the other in the order of their ids (compared as bytes), which is the same everywhere. (The idea: ordered
/// resources, Havender 1968.)
///
/// The call holds the locks that it has acquired while it waits for the next one. If one of them is lost meanwhile, all
/// are released and the call begins again.
///
/// Outcomes are those of mutex::acquire(). If the outcome is not outcome::acquired, or if the call throws, nothing
/// stays held: what could not be released in time is not renewed, and is released in the background.
///
/// @par Blocking
/// Blocks for at most `options.timeout` plus 100 ms. Without a timeout there is no limit. With 0 or less, it makes one
/// attempt for each lock, each as mutex::try_acquire(), and takes up to 0.4 s to release what was acquired in vain.
/// @par Thread safety
/// Thread-safe.
/// @param locks The locks and their modes, all of one client.
/// @param options As for mutex::acquire(). `timeout` counts for all locks together. `on_wait` reports the lock that the
///   call waits for at the moment.
/// @return The outcome and the leases.
/// @throws dlock::error as mutex::acquire().
/// @throws dlock::error with errc::invalid_argument if `locks` is empty, has two claims on one id, or has locks of
///   different clients.
/// @throws ... whatever `options.on_wait` throws.
DLOCK_API joint_acquisition acquire_all(const std::vector<claim>& locks, wait_options options = {});

}  // namespace dlock
