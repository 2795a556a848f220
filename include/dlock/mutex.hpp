#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include <dlock/client.hpp>
#include <dlock/lease.hpp>
#include <dlock/options.hpp>

namespace dlock {

namespace detail {
class lock_core;
}

/// What an attempt to acquire came to. None of these is an error.
enum class outcome {
  acquired,      ///< Held; the acquisition carries the lease.
  busy,          ///< try_acquire only: others hold the lock or wait for it.
  timed_out,     ///< The deadline passed; the server's last answer said that others hold it.
  cancelled,     ///< The stop token fired, or the client was closed.
  already_held,  ///< This very object holds the lock or is acquiring it. Nothing was sent.
};

/// "acquired", "busy", ... Never fails.
[[nodiscard]] const char* to_string(outcome value) noexcept;

/// Who stood in the way, for people and logs; a snapshot that may be over when you read it.
struct holder_info {
  std::string who;                       ///< What that client said of itself ("host:pid program"); "" for mongo-dlock.
  std::int64_t token = 0;                ///< Its fencing token; 0 for mongo-dlock.
  std::chrono::milliseconds expires_in;  ///< Left of its lease unless it renews.
  bool foreign = false;                  ///< Held by node's mongo-dlock.
};

/// What a waiter learns each time it looks at the lock.
struct wait_status {
  std::int64_t place = 0;             ///< 0 = head of the queue.
  std::int64_t queue_length = 0;      ///< Waiters, this one included.
  std::optional<holder_info> holder;  ///< One of the holders.
};

struct wait_options {
  /// How long to wait; none: for ever. The call returns at most 100 ms later. Zero or less: one try, as try_acquire.
  std::optional<std::chrono::milliseconds> timeout;
  /// Cancels the wait.
  std::stop_token stop;
  /// Called on the waiting thread after each answer that says "still queued". Must not call the same mutex.
  std::function<void(const wait_status&)> on_wait;
};

/// The answer of an attempt: an outcome and, if it is `acquired`, the lease. Move-only.
class [[nodiscard]] acquisition {
 public:
  acquisition(outcome what, lease held, std::optional<holder_info> holder);

  [[nodiscard]] outcome result() const noexcept { return result_; }
  [[nodiscard]] explicit operator bool() const noexcept { return result_ == outcome::acquired; }

  /// The lease; empty unless acquired. Move it out to keep it: `dlock::lease l = std::move(*a);`
  [[nodiscard]] lease& operator*() noexcept { return lease_; }
  [[nodiscard]] lease* operator->() noexcept { return &lease_; }

  /// Who holds the lock, if it was busy or timed out and the server said so.
  [[nodiscard]] const std::optional<holder_info>& holder() const noexcept { return holder_; }

 private:
  outcome result_;
  lease lease_;
  std::optional<holder_info> holder_;
};

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
/// It is no C++ Mutex on purpose (std::lock_guard does not compile): `lock()` could not say that the lease was lost.
///
/// All calls throw dlock::error for failures (unavailable, not_authorized, not_a_lock, configuration, closed, forked,
/// server). An error of an acquire never leaves the lock held without end: what the server may have done is
/// undone in the background, or runs out with its lease.
class mutex {
 public:
  /// Does no I/O. Throws dlock::error (invalid_argument) for an id or duration that makes no sense.
  mutex(client& owner, lock_options options);
  mutex(client& owner, std::string id);
  mutex(client& owner, const char* id) : mutex(owner, std::string(id)) {}
  /// A lock with a new UUID v4 as its id.
  explicit mutex(client& owner) : mutex(owner, lock_options{}) {}
  ~mutex();
  mutex(mutex&&) noexcept;
  mutex& operator=(mutex&&) noexcept;

  [[nodiscard]] const std::string& id() const;

  /// One attempt; never queues. mongo-dlock's `lock`. Blocks for at most operation_timeout plus 100 ms.
  /// Outcomes: acquired, busy, already_held, cancelled (client closed).
  acquisition try_acquire();

  /// Waits in the queue until it is this object's turn. mongo-dlock's `wait_lock`. Outcomes: all but busy (unless
  /// timeout <= 0). While the server gives no answer it goes on trying up to the timeout, or for operation_timeout
  /// without one, then throws unavailable. An outage that begins after a first answer is waited out.
  acquisition acquire(wait_options options = {});

  /// Releases what this object holds: its lease's release(). mongo-dlock's `unlock`. not_held if it holds nothing.
  [[nodiscard]] release_result release();

 private:
  std::shared_ptr<detail::lock_core> core_;
};

}  // namespace dlock
