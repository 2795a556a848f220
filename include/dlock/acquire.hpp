#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include <dlock/lease.hpp>

namespace dlock {

namespace detail {
class lock_core;
struct claimed;
}  // namespace detail

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
  /// What that client said of itself ("host:pid program"), as it said it: see printable(). "" for mongo-dlock.
  std::string who;
  std::int64_t token = 0;                ///< Its fencing token; 0: mongo-dlock's, or somebody edited it.
  std::chrono::milliseconds expires_in;  ///< Left of its lease unless it renews; at most 34 years.
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
  /// Cancels the wait: outcome::cancelled. At once if nothing was sent yet; else as soon as the server has confirmed
  /// that the queue was left, 0.4 s later at most; without its answer that goes on in the background.
  std::stop_token stop;
  /// Called on the waiting thread after an answer that says "still queued", with the newest place in the queue. The
  /// wait goes on while it runs: the place is kept, and a grant is taken, held and renewed. It should return soon,
  /// because the call returns after it only, also if `timeout` or `stop` have ended the wait meanwhile. An exception
  /// from it ends the call and is rethrown; the queue is left, or what was acquired meanwhile is released, in the
  /// background. It must not use the same lock object.
  std::function<void(const wait_status&)> on_wait;
};

/// The answer of an attempt: an outcome and, if it is `acquired`, the lease. Move-only.
class [[nodiscard]] acquisition {
 public:
  acquisition(outcome what, lease held, std::optional<holder_info> holder);

  [[nodiscard]] outcome result() const noexcept { return result_; }
  [[nodiscard]] explicit operator bool() const noexcept { return result_ == outcome::acquired; }

  /// The lease; empty unless acquired. Move it out to keep it: `dlock::lease l = std::move(*a);`. It is released with
  /// the acquisition otherwise.
  [[nodiscard]] lease& operator*() noexcept { return lease_; }
  [[nodiscard]] lease* operator->() noexcept { return &lease_; }

  /// Who holds the lock, if it was busy or timed out and the server said so.
  [[nodiscard]] const std::optional<holder_info>& holder() const noexcept { return holder_; }

 private:
  outcome result_;
  lease lease_;
  std::optional<holder_info> holder_;
};

/// A lock, and how it is wanted: what acquire_all() takes. A mutex is one; shared_mutex::shared() and exclusive() and
/// semaphore::take() make one. It shares the object it was made from, which may go meanwhile. Copyable.
class claim {
 public:
  /// The lock's id.
  [[nodiscard]] const std::string& id() const;

 private:
  friend class mutex;
  friend class shared_mutex;
  friend class semaphore;
  friend struct detail::claimed;
  claim(std::shared_ptr<detail::lock_core> lock, std::int64_t weight);
  std::shared_ptr<detail::lock_core> lock_;
  std::int64_t weight_;  // 0: exclusive
};

}  // namespace dlock
