#pragma once

/// @file
/// A lock for a scope, for code that answers with exceptions.

#include <cstdint>
#include <stop_token>

#include <dlock/acquire.hpp>
#include <dlock/error.hpp>
#include <dlock/export.hpp>
#include <dlock/lease.hpp>

namespace dlock {

/// Holds a lock for a scope, as std::lock_guard does. It throws where the other functions return an outcome.
///
/// @code{.cpp}
/// dlock::mutex job{locks, "some-task"};
/// dlock::guard held{job, {.timeout = 10s}};  // throws unless it is acquired
/// for (auto& part : parts) {
///   held.check();  // throws if the lease was lost
///   store(part, held.token());
/// }
/// @endcode
///
/// check() only tells what was true when it looked: a lease can end right after it. So give token() to the resource
/// that the lock guards, too.
///
/// Neither copyable nor movable. A function can still return one: `return dlock::guard{job};`.
///
/// @par Thread safety
/// All members are thread-safe, except destroying.
/// @par Blocking
/// Members do not block unless they say so.
class [[nodiscard]] DLOCK_API guard {
 public:
  /// Acquires the lock: waits as mutex::acquire() does.
  /// @par Blocking
  /// Blocks for at most `options.timeout` plus 100 ms.
  /// @param lock A mutex, shared_mutex::shared(), shared_mutex::exclusive() or semaphore::take().
  /// @param options How to wait. A timeout of 0: one attempt.
  /// @throws dlock::error with errc::not_acquired, unless the outcome is outcome::acquired. It is retryable if the
  ///   outcome is outcome::busy or outcome::timed_out.
  /// @throws dlock::error as mutex::acquire(): see @ref mutex_errors "Errors".
  /// @throws ... whatever `options.on_wait` throws.
  explicit guard(const claim& lock, wait_options options = {});
  /// Releases the lock.
  /// @par Blocking
  /// Blocks as lease::~lease() does.
  ~guard();
  guard(const guard&) = delete;
  guard& operator=(const guard&) = delete;

  /// Checks that the lock is held: lease::check().
  /// @throws dlock::error with errc::not_held if the lease was lost or released.
  void check() const { lease_.check(); }
  /// The fencing token: lease::token(). @return Positive and below 2^53.
  [[nodiscard]] std::int64_t token() const { return lease_.token(); }
  /// Stop token that is triggered when the lease is lost: lease::lost(). @return The token.
  [[nodiscard]] std::stop_token lost() const { return lease_.lost(); }
  /// The lease, for all else, such as lease::on_lost() and lease::release(). @return The lease; it must not be moved.
  [[nodiscard]] lease& operator*() noexcept { return lease_; }
  /// Access to the lease's members, as operator*(). @return The lease; never null.
  [[nodiscard]] lease* operator->() noexcept { return &lease_; }

 private:
  lease lease_;
};

}  // namespace dlock
