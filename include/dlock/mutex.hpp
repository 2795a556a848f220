#pragma once

/// @file
/// The distributed mutex.

#include <memory>
#include <string>

#include <dlock/acquire.hpp>
#include <dlock/client.hpp>
#include <dlock/export.hpp>
#include <dlock/lease.hpp>
#include <dlock/options.hpp>

namespace dlock {

/// A distributed mutual-exclusion lock.
///
/// @code{.cpp}
/// dlock::client locks;
/// dlock::mutex job{locks, "some-task"};
/// if (auto got = job.acquire()) {
///   do_it(got->token(), got->lost());
/// }
/// @endcode
///
/// One object is one participant. While it holds, acquires or releases the lock, another acquire through the same
/// object returns outcome::already_held at once. Threads that compete use one object each. Objects are cheap.
///
/// First come, first served: waiters queue on the server, and nobody passes the head of the queue. Calls of one client
/// share one place in that queue, and take turns at it in their order (docs/kinds.md).
///
/// Not reentrant, on purpose (docs/adr/0011-no-reentrancy.md). A mutex and a shared_mutex with the same id are one
/// lock.
///
/// It does not meet the C++ Mutex requirements, on purpose: std::lock_guard could not say that the lease was lost. Use
/// guard.
///
/// @anchor mutex_errors
/// @par Errors
/// Failures throw dlock::error. Acquiring throws it with
/// - errc::unavailable (retryable, perhaps in doubt) if the server gave no answer,
/// - errc::authentication, errc::not_authorized, errc::unsupported_server or errc::server if the server refused,
/// - errc::not_a_lock if the document with this id is not a lock,
/// - errc::configuration if the id is in use as another kind of lock, or with another expiry,
/// - errc::closed, errc::forked.
/// @par
/// Releasing throws what lease::release() throws. If acquiring throws, the lock does not stay held: what the server may
/// have done is undone in the background, or ends with its lease.
///
/// Move-only. An object that was moved from may only be assigned or destroyed.
///
/// @par Thread safety
/// All members are thread-safe, except moving and destroying.
/// @par Blocking
/// Members do not block unless they say so.
class DLOCK_API mutex {
 public:
  /// Makes a lock object. Does no I/O.
  ///
  /// The object may outlive the client: acquiring then throws errc::closed, releasing works.
  /// @param owner The client.
  /// @param options Id and settings. Settings that are not given come from the client.
  /// @throws dlock::error with errc::invalid_argument if an id or duration is not valid.
  /// @throws dlock::error with errc::closed if the client was moved from.
  /// @throws dlock::error with errc::forked in a forked child.
  mutex(client& owner, lock_options options);
  /// As mutex(client&, lock_options), with the client's settings.
  /// @param owner The client.
  /// @param id The lock's id: 1 to 1,000 bytes of UTF-8 without NUL.
  mutex(client& owner, std::string id);
  /// As mutex(client&, std::string).
  /// @param owner The client.
  /// @param id The lock's id, NUL-terminated.
  mutex(client& owner, const char* id) : mutex(owner, std::string(id)) {}
  /// As mutex(client&, lock_options), with a new UUID v4 as id.
  /// @param owner The client.
  explicit mutex(client& owner) : mutex(owner, lock_options{}) {}
  /// Destroys the object, not its lease: a held lock stays held.
  /// @par Blocking
  /// Blocks only if this is the last handle of a destroyed client: see client::~client().
  ~mutex();
  /// Takes over the other object's state.
  mutex(mutex&&) noexcept;
  /// Takes over the other object's state.
  /// @par Blocking
  /// Blocks as ~mutex().
  /// @return This object.
  mutex& operator=(mutex&&) noexcept;

  /// The lock's id. @return UTF-8.
  [[nodiscard]] const std::string& id() const;

  /// Makes one attempt to acquire the lock. It never queues. (mongo-dlock: `lock`.)
  /// @par Blocking
  /// Blocks for at most operation_timeout plus 100 ms.
  /// @return outcome::acquired, outcome::busy, outcome::already_held, or outcome::cancelled if the client was closed
  ///   meanwhile.
  /// @throws dlock::error see @ref mutex_errors "Errors of a mutex".
  acquisition try_acquire();

  /// Waits in the queue until it is this object's turn. (mongo-dlock: `wait_lock`.)
  ///
  /// If the server does not answer at all, the call tries again until the timeout (without one: for operation_timeout),
  /// and then throws errc::unavailable.
  ///
  /// If an outage begins after a first answer, the call goes on waiting. If there is no answer at the deadline either,
  /// it throws errc::unavailable.
  /// @par Blocking
  /// Blocks for at most `options.timeout` plus 100 ms. See wait_options::timeout for no timeout, and for 0 or less.
  /// @param options How to wait.
  /// @return Any outcome. outcome::busy only if the timeout is 0 or less.
  /// @throws dlock::error see @ref mutex_errors "Errors of a mutex".
  /// @throws ... whatever `options.on_wait` throws.
  acquisition acquire(wait_options options = {});

  /// acquire() without a thread that waits: `callback` gets what acquire() returns or throws.
  ///
  /// `options.timeout` and `options.stop` are as for acquire(). `options.on_wait` is called on a library thread, one
  /// call at a time, and never after `callback`. An exception from it ends the operation, and goes to `callback`.
  /// @param options How to wait.
  /// @param callback The function to call with the result: see @ref callbacks "acquire_callback".
  /// @throws dlock::error with errc::invalid_argument if `callback` is empty.
  /// @throws dlock::error with errc::closed or errc::forked.
  /// @throws dlock::error with errc::unavailable (retryable) if no thread can be started for callbacks. If the function
  ///   throws, nothing was begun, and `callback` is not called.
  void async_acquire(wait_options options, acquire_callback callback);
  /// try_acquire() without a thread that waits: see async_acquire().
  /// @param callback The function to call with the result.
  /// @throws dlock::error as async_acquire().
  void async_try_acquire(acquire_callback callback);

  /// Releases what this object holds: lease::release() of its lease. (mongo-dlock: `unlock`.)
  /// @par Blocking
  /// Blocks for at most operation_timeout plus 100 ms.
  /// @return What the release did; release_result::not_held if this object holds nothing.
  /// @throws dlock::error as lease::release().
  [[nodiscard]] release_result release();

  /// The lock as input of acquire_all() and guard. @return A claim that shares this object's state.
  operator claim() const;  // NOLINT(google-explicit-constructor): a mutex is wanted in one way only

 private:
  std::shared_ptr<detail::lock_core> core_;
};

}  // namespace dlock
