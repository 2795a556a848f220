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

/// Holds a lock for a scope. It throws where the other functions return an outcome. (The idea: std::lock_guard.)
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
/// check() tells what was true when it looked: the lease can end right after it. So also give token() to the resource
/// that the lock guards.
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
  /// Blocks for at most `options.timeout` plus 100 ms. See wait_options::timeout for no timeout, and for 0 or less.
  /// @param lock A mutex, shared_mutex::shared(), shared_mutex::exclusive() or semaphore::take().
  /// @param options How to wait.
  /// @throws dlock::error with errc::not_acquired if the outcome is not outcome::acquired. It is retryable if the
  ///   outcome is outcome::busy or outcome::timed_out.
  /// @throws dlock::error see @ref mutex_errors "Errors of a mutex".
  /// @throws ... whatever `options.on_wait` throws.
  explicit guard(const claim& lock, wait_options options = {});
  /// Releases the lock.
  /// @par Blocking
  /// Blocks as lease::~lease() does.
  ~guard();
  guard(const guard&) = delete;
  guard& operator=(const guard&) = delete;

  /// Checks that the lock is held: see lease::check().
  /// @throws dlock::error with errc::not_held if the lease was lost or released.
  /// @throws dlock::error with errc::forked in a forked child.
  void check() const { lease_.check(); }
  /// The fencing token: see lease::token(). @return Positive and below 2^53.
  [[nodiscard]] std::int64_t token() const { return lease_.token(); }
  /// Stop token that is triggered when the lease is lost: see lease::lost(). @return The token.
  [[nodiscard]] std::stop_token lost() const { return lease_.lost(); }
  /// The lease, for its other members, such as lease::on_lost(). It must not be moved out. @return The lease.
  [[nodiscard]] lease& operator*() noexcept { return lease_; }
  /// Access to the lease's members, as operator*(). @return The lease; never null.
  [[nodiscard]] lease* operator->() noexcept { return &lease_; }

 private:
  lease lease_;
};

}  // namespace dlock
