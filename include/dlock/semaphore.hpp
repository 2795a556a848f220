#pragma once

/// @file
/// The distributed semaphore.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <dlock/acquire.hpp>
#include <dlock/client.hpp>
#include <dlock/export.hpp>
#include <dlock/options.hpp>

namespace dlock {

/// A distributed counting semaphore of N permits. One or several are taken at a time, all or none.
///
/// @code{.cpp}
/// dlock::semaphore slots{locks, "api-calls", 8};
/// if (auto slot = slots.acquire()) use(*slot);
/// @endcode
///
/// Permits are held by a lease. If a process dies, its permits come back when the lease ends. So no permit is lost for
/// good. (Compare Redisson's RPermitExpirableSemaphore.)
///
/// First come, first served: a waiter for three permits is not passed by waiters for one.
///
/// Unlike a mutex, one object may hold many permits. Each acquire is a participant of its own, with a lease of its own;
/// to release that lease gives its permits back. Objects are cheap and copyable. An object that was moved from may only
/// be assigned or destroyed.
///
/// A fencing token tells which of two permits is newer. A resource cannot enforce N with it (docs/kinds.md).
///
/// @par Errors
/// As @ref mutex_errors "Errors of a mutex".
/// @par Thread safety
/// All members are thread-safe, except assigning, moving and destroying.
/// @par Blocking
/// Members do not block unless they say so. Assigning and destroying block as mutex::~mutex().
class DLOCK_API semaphore {
 public:
  /// Makes a semaphore object. Does no I/O.
  /// @param owner The client.
  /// @param options Id and settings. Settings that are not given come from the client.
  /// @param permits N: from 1 to 1,000,000, the same for all users of this id.
  /// @throws dlock::error with errc::invalid_argument if N, an id or a duration is not valid.
  /// @throws dlock::error with errc::closed if the client was moved from.
  /// @throws dlock::error with errc::forked in a forked child.
  semaphore(client& owner, lock_options options, std::int64_t permits);
  /// As semaphore(client&, lock_options, std::int64_t), with the client's settings.
  /// @param owner The client.
  /// @param id The semaphore's id: 1 to 1,000 bytes of UTF-8 without NUL.
  /// @param permits N: from 1 to 1,000,000, the same for all users of this id.
  semaphore(client& owner, std::string id, std::int64_t permits);

  /// The lock's id. @return UTF-8.
  [[nodiscard]] const std::string& id() const;
  /// The number of permits (N) of this object. A resize() of another object does not change it. @return N.
  [[nodiscard]] std::int64_t permits() const;

  /// Makes one attempt to take `k` permits: see mutex::try_acquire().
  /// @par Blocking
  /// Blocks for at most operation_timeout plus 100 ms.
  /// @param k Number of permits, from 1 to permits().
  /// @return As mutex::try_acquire(); never outcome::already_held.
  /// @throws dlock::error as mutex::try_acquire().
  /// @throws dlock::error with errc::invalid_argument if `k` is out of range.
  /// @throws dlock::error with errc::configuration if others use this id with another N, or as a mutex. what() names
  ///   both.
  acquisition try_acquire(std::int64_t k = 1);
  /// Waits for one permit: acquire(1, options).
  /// @par Blocking
  /// Blocks for at most `options.timeout` plus 100 ms. See wait_options::timeout for no timeout, and for 0 or less.
  /// @param options How to wait.
  /// @return As mutex::acquire(); never outcome::already_held.
  /// @throws dlock::error as acquire(std::int64_t, wait_options).
  acquisition acquire(wait_options options = {}) { return acquire(1, std::move(options)); }
  /// Waits for `k` permits: see mutex::acquire().
  /// @par Blocking
  /// Blocks for at most `options.timeout` plus 100 ms. See wait_options::timeout for no timeout, and for 0 or less.
  /// @param k Number of permits, from 1 to permits().
  /// @param options How to wait.
  /// @return As mutex::acquire(); never outcome::already_held.
  /// @throws dlock::error as mutex::acquire().
  /// @throws dlock::error with errc::invalid_argument if `k` is out of range.
  /// @throws dlock::error with errc::configuration if others use this id with another N, or as a mutex. what() names
  ///   both.
  /// @throws ... whatever `options.on_wait` throws.
  acquisition acquire(std::int64_t k, wait_options options = {});

  /// acquire() without a thread that waits: see mutex::async_acquire().
  /// @param k Number of permits, from 1 to permits().
  /// @param options How to wait.
  /// @param callback The function to call with the result.
  /// @throws dlock::error as mutex::async_acquire().
  /// @throws dlock::error with errc::invalid_argument if `k` is out of range.
  void async_acquire(std::int64_t k, wait_options options, acquire_callback callback);
  /// try_acquire() without a thread that waits: see mutex::async_acquire().
  /// @param k Number of permits, from 1 to permits().
  /// @param callback The function to call with the result.
  /// @throws dlock::error as async_acquire().
  void async_try_acquire(std::int64_t k, acquire_callback callback);

  /// `k` permits as input of acquire_all(). Does no I/O.
  /// @param k Number of permits, from 1 to permits().
  /// @return The claim.
  /// @throws dlock::error with errc::invalid_argument if `k` is out of range.
  [[nodiscard]] claim take(std::int64_t k) const;

  /// Result of resize(): the users of the semaphore at that moment.
  struct resized {
    std::int64_t in_use = 0;   ///< Number of holders. They keep their permits.
    std::int64_t waiting = 0;  ///< Number of waiters that still wait.
  };
  /// Changes N for all users, and for this object.
  ///
  /// - More permits: waiters are admitted at once.
  /// - Fewer permits: no holder loses a permit. No waiter is admitted until its permits fit into N. A waiter for more
  ///   than N fails with errc::configuration.
  ///
  /// Other objects keep the old number, and their calls fail with errc::configuration while the semaphore is in use. So
  /// change their settings as well. When nobody uses the semaphore, its next user sets the number.
  ///
  /// If nobody uses the semaphore at the moment, only this object changes. If resize() throws, this object keeps its
  /// old number.
  /// @par Blocking
  /// Blocks for at most operation_timeout plus 100 ms.
  /// @param permits The new N: from 1 to 1,000,000.
  /// @return The users; std::nullopt if nobody uses the semaphore.
  /// @throws dlock::error with errc::invalid_argument if N is out of range.
  /// @throws dlock::error with errc::unavailable (retryable, perhaps in doubt) if no answer came in time, or if others
  ///   resized it again and again.
  /// @throws dlock::error with errc::configuration if the id is in use with another expiry.
  /// @throws dlock::error with errc::not_a_lock if somebody edited the lock's document.
  /// @throws dlock::error see @ref client_errors "Errors of the client".
  std::optional<resized> resize(std::int64_t permits);

 private:
  struct state;
  std::shared_ptr<state> state_;
};

}  // namespace dlock
