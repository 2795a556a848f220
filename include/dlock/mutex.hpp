#pragma once

#include <memory>
#include <string>

#include <dlock/acquire.hpp>
#include <dlock/client.hpp>
#include <dlock/lease.hpp>
#include <dlock/options.hpp>

namespace dlock {

/// A distributed mutual-exclusion lock.
///
///     dlock::client locks;
///     dlock::mutex job{locks, "some-task"};
///     if (auto got = job.acquire()) {
///       do_it(got->token(), got->lost());
///     }
///
/// Cheap and thread-safe. One object is one participant: while it holds the lock or is acquiring it, acquiring through
/// the same object answers already_held at once; threads that compete use an object each. First come, first served:
/// waiters queue on the server, and nobody passes the head.
///
/// Not reentrant, on purpose (docs/adr/0011-no-reentrancy.md). A mutex and a shared_mutex of one id are one lock.
///
/// It is no C++ Mutex on purpose (std::lock_guard does not compile): `lock()` could not say that the lease was lost.
///
/// Failures are dlock::error. Acquiring throws unavailable (retryable, perhaps in_doubt); authentication,
/// not_authorized, unsupported_server, server; not_a_lock; configuration, if the id is in use as another kind of lock
/// or with another expiry; closed, forked. Releasing throws what lease::release() does. An error of an acquire never
/// leaves the lock held without end: what the server may have done is undone in the background, or runs out with its
/// lease.
class mutex {
 public:
  /// Does no I/O. Throws dlock::error: invalid_argument for an id or duration that makes no sense; closed if the client
  /// was moved from; forked. The mutex may outlive the client: acquiring then throws closed, releasing works.
  mutex(client& owner, lock_options options);
  mutex(client& owner, std::string id);
  mutex(client& owner, const char* id) : mutex(owner, std::string(id)) {}
  /// A lock with a new UUID v4 as its id.
  explicit mutex(client& owner) : mutex(owner, lock_options{}) {}
  ~mutex();
  mutex(mutex&&) noexcept;
  mutex& operator=(mutex&&) noexcept;

  /// The lock's id. Does not block.
  [[nodiscard]] const std::string& id() const;

  /// One attempt; never queues. mongo-dlock's `lock`. Blocks for at most operation_timeout plus 100 ms.
  /// Outcomes: acquired, busy, already_held, cancelled (client closed).
  acquisition try_acquire();

  /// Waits in the queue until it is this object's turn. mongo-dlock's `wait_lock`. Outcomes: all but busy (unless
  /// timeout <= 0). While the server gives no answer it goes on trying up to the timeout, or for operation_timeout
  /// without one, then throws unavailable. An outage that begins after a first answer is waited out. Rethrows what
  /// options.on_wait throws.
  acquisition acquire(wait_options options = {});

  /// Releases what this object holds: its lease's release(), with operation_timeout. mongo-dlock's `unlock`. not_held
  /// if it holds nothing.
  [[nodiscard]] release_result release();

  /// For acquire_all().
  operator claim() const;  // NOLINT(google-explicit-constructor): a mutex is wanted in one way only

 private:
  std::shared_ptr<detail::lock_core> core_;
};

}  // namespace dlock
