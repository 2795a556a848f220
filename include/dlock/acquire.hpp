#pragma once

/// @file
/// What all kinds of locks share: outcomes, wait options, the result of an attempt.

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include <dlock/export.hpp>
#include <dlock/lease.hpp>

namespace dlock {

namespace detail {
class lock_core;
struct claimed;
}  // namespace detail

/// Outcome of an attempt to acquire. None of these is an error.
enum class outcome {
  acquired,      ///< The lock is held. The acquisition carries the lease.
  busy,          ///< Others hold the lock or wait for it. Only with try_acquire, or a timeout of 0 or less.
  timed_out,     ///< The deadline passed while another holder, or another call of this client, had the lock.
  cancelled,     ///< The stop token was triggered, or the client was closed.
  already_held,  ///< This very object holds, acquires or releases the lock. Nothing was sent.
};

/// Name of an outcome. Does not block, does not fail, thread-safe.
/// @param value The outcome.
/// @return Static text: "acquired", "busy" and so on.
DLOCK_API [[nodiscard]] const char* to_string(outcome value) noexcept;

/// The holder that stands in the way, for people and logs. A snapshot: it may be out of date when you read it.
struct holder_info {
  /// The holder's description (client_options::who), by default "host:pid program". Use printable() to show it. "" for
  /// mongo-dlock.
  std::string who;
  std::int64_t token = 0;                ///< Its fencing token; 0 for mongo-dlock, or if somebody edited it.
  std::chrono::milliseconds expires_in;  ///< Remaining lease unless it renews, in ms; at most 34 years.
  bool foreign = false;                  ///< True if the holder is a client of mongo-dlock (Node.js).
};

/// What a waiter learns each time it looks at the lock. A snapshot.
struct wait_status {
  /// Number of waiters ahead; 0 is the head of the queue. Exclusive calls of one client share one place in the server's
  /// queue: this counts those ahead of that place, and the calls of this client that come first.
  std::int64_t place = 0;
  /// Number of waiters, this one included: those in the server's queue, and the calls of this client that wait for
  /// their turn.
  std::int64_t queue_length = 0;
  std::optional<holder_info> holder;  ///< One of the holders, if there is one.
};

/// How to wait for a lock.
struct wait_options {
  /// Longest wait, in ms. The call returns at most 100 ms after it.
  /// - None: no limit.
  /// - 0 or less: one attempt, as mutex::try_acquire() makes, with operation_timeout plus 100 ms as limit.
  std::optional<std::chrono::milliseconds> timeout;
  /// Cancels the wait; the outcome is outcome::cancelled.
  ///
  /// The call returns at once if nothing was sent for it yet, or if another call of this client takes over its place in
  /// the queue. Else it returns when the server has confirmed that the waiter left the queue, or after 400 ms. Without
  /// a confirmation by then, the client goes on trying in the background.
  std::stop_token stop;
  /// Progress callback. It is called on the waiting thread, with the newest place in the queue, after each answer that
  /// says "still queued". For a call that waits behind another call of this client, it is called at once, and then at
  /// most once a second.
  ///
  /// The wait goes on while it runs: the place is kept, and a grant is taken, held and renewed. The callback should
  /// return soon: the call returns only after it, even if `timeout` or `stop` ended the wait meanwhile. It must not use
  /// the same lock object.
  ///
  /// An exception from it ends the call and is rethrown. The client then leaves the queue, and releases what was
  /// acquired meanwhile, in the background.
  std::function<void(const wait_status&)> on_wait;
};

/// Result of an attempt: an outcome and, if it is outcome::acquired, the lease. Move-only.
///
/// @par Thread safety
/// Const members are thread-safe. The lease has its own rules.
/// @par Blocking
/// Members never block, except the destructor and assigning: they release a lease that was not moved out, as ~lease()
/// does.
class [[nodiscard]] DLOCK_API acquisition {
 public:
  /// Only the library needs to make acquisitions.
  /// @param what The outcome.
  /// @param held The lease; empty unless acquired.
  /// @param holder The holder that stands in the way, if known.
  acquisition(outcome what, lease held, std::optional<holder_info> holder);

  /// Outcome of the attempt. @return The outcome. Moving the lease out does not change it.
  [[nodiscard]] outcome result() const noexcept { return result_; }
  /// Whether the attempt acquired the lock. @return True if result() is outcome::acquired.
  [[nodiscard]] explicit operator bool() const noexcept { return result_ == outcome::acquired; }

  /// The lease. Move it out to keep it: `dlock::lease l = std::move(*a);`. Otherwise it is released with the
  /// acquisition.
  /// @return The lease; empty unless acquired.
  [[nodiscard]] lease& operator*() noexcept { return lease_; }
  /// Access to the lease's members, as operator*(). @return The lease; never null.
  [[nodiscard]] lease* operator->() noexcept { return &lease_; }

  /// Who holds the lock, for outcome::busy and outcome::timed_out.
  /// @return None if the server named no holder. Without meaning for other outcomes.
  [[nodiscard]] const std::optional<holder_info>& holder() const noexcept { return holder_; }

 private:
  outcome result_;
  lease lease_;
  std::optional<holder_info> holder_;
};

/// Callback of an asynchronous acquisition. Its first argument is what the blocking call would have thrown. If that is
/// null, the second one is what the call would have returned.
///
/// @anchor callbacks
/// It is called exactly once, on a library thread, never within the call that began the operation. It may run before
/// that call has returned. No mutex of the library is held, and it may call every function. An exception from it is
/// logged. The thread that called it destroys it.
///
/// A client has eight threads for these callbacks. A callback that blocks keeps its thread. While all eight block,
/// further callbacks wait. So do long work elsewhere, and do not wait in a callback for the callback of another call.
///
/// The lease differs from that of a blocking call: its destructor releases it in the background, and does not block.
///
/// The operation goes on if the lock object is destroyed. client::close() ends it with outcome::cancelled, within about
/// half a second. Until its end, the operation is a handle of the client (see client::~client()). In a forked child,
/// callbacks of the parent's operations are not called.
/// @see docs/async.md
using acquire_callback = std::function<void(std::exception_ptr, acquisition)>;

/// A lock and the mode in which it is wanted: the input of acquire_all().
///
/// A mutex converts to a claim. shared_mutex::shared(), shared_mutex::exclusive() and semaphore::take() make one. A
/// claim shares the state of the object that it was made from. That object may be destroyed before the claim. Copyable.
///
/// @par Thread safety
/// Const members are thread-safe.
/// @par Blocking
/// Members never block.
class DLOCK_API claim {
 public:
  /// The lock's id. @return UTF-8.
  [[nodiscard]] const std::string& id() const;

  /// Waits for the lock without a thread, as mutex::async_acquire() does, for each kind of lock and each mode.
  ///
  /// A claim of a semaphore is one participant: while it holds its permits, the outcome is outcome::already_held.
  /// @param options How to wait. See mutex::async_acquire().
  /// @param callback The function to call with the result.
  /// @throws dlock::error as mutex::async_acquire().
  void async_acquire(wait_options options, acquire_callback callback) const;
  /// Makes one attempt without a thread, as mutex::async_try_acquire() does.
  /// @param callback The function to call with the result.
  /// @throws dlock::error as mutex::async_acquire().
  void async_try_acquire(acquire_callback callback) const;

 private:
  friend class mutex;
  friend class shared_mutex;
  friend class semaphore;
  friend struct detail::claimed;
  DLOCK_LOCAL claim(std::shared_ptr<detail::lock_core> lock, std::int64_t weight);
  std::shared_ptr<detail::lock_core> lock_;
  std::int64_t weight_;  // 0: exclusive
};

}  // namespace dlock
