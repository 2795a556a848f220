#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include <dlock/clock.hpp>

namespace dlock {

namespace detail {
class held_state;
struct claimed;
}  // namespace detail

/// What a release did.
enum class release_result {
  released,  ///< It was held and is now free, or handed to the next waiter.
  not_held,  ///< There was nothing to release: never acquired, or already released.
  lost,      ///< The lease had been lost before: somebody else may have held the lock since.
};

/// Why a lease was lost. More kinds may be added.
enum class loss_reason {
  none,     ///< It was not lost.
  expired,  ///< It ended: no renewal was answered in time, or autorefresh is off.
  removed,  ///< The server has it as this client's no longer: somebody removed it, took it over, or revoked it.
  revoked,  ///< An operator revoked it, and told this client so.
};

/// A lock that is held. Releases on destruction (see the destructor for its bounds).
///
/// A lease is a promise with an end: it is valid until valid_until(), which renewal keeps moving. If the server cannot
/// be reached in time, or says that the lock is gone, the lease is lost: lost() fires *before* the server can let
/// anybody else in. A process that is frozen past the end learns it only when it thaws; to be safe even then,
/// hand token() to the resource you guard and let it refuse smaller ones (a "fencing token",
/// see Kleppmann, "How to do distributed locking", 2016).
///
/// Move-only. All members are thread-safe, except moving and destroying, and do not block unless they say so.
class lease {
 public:
  /// An empty lease: holds nothing.
  lease() noexcept;
  lease(lease&&) noexcept;
  lease& operator=(lease&&) noexcept;

  /// release(), bounded by 5 s (or operation_timeout if that is shorter), never throwing; what could not be released in
  /// that time is retried in the background and at the latest runs out with its lease. In a forked child: nothing.
  ~lease();

  /// The lock's id; "" if empty. This, owner() and token() stay what they were when the lease is released or lost.
  [[nodiscard]] const std::string& id() const;

  /// The identity of this acquisition as the lock's document names its holder; "" if empty.
  [[nodiscard]] const std::string& owner() const;

  /// The fencing token: positive, below 2^53, and larger than that of any earlier grant of this lock; 0 if empty.
  [[nodiscard]] std::int64_t token() const;

  /// Until when the lock is surely held, as far as is known now: the time at which the last successful request was
  /// *sent*, plus the TTL, minus a safety margin. Moves with each renewal.
  [[nodiscard]] boot_clock::time_point valid_until() const;

  /// valid_until() - now; zero if the lease is lost, released or empty, or in a forked child.
  [[nodiscard]] std::chrono::milliseconds valid_for() const;

  /// valid_for() > 0.
  [[nodiscard]] bool held() const;

  /// A token whose stop is requested when the lease is lost (not when it is released). std::stop_callbacks registered
  /// on it run one after the other on a library thread that is this lease's alone (one that is registered after the
  /// loss: at once, on the registering thread). They may block, and keep each other waiting then, but nothing else;
  /// throw nothing; and call any function of the library.
  [[nodiscard]] std::stop_token lost() const;

  /// Why it was lost, in one line, for people; "" unless it is lost.
  [[nodiscard]] std::string loss() const;
  /// The same for programs; none unless it is lost.
  [[nodiscard]] loss_reason reason() const;

  /// Calls `callback` once when the lease is lost, on a library thread of its own; at once, on such a thread, if it is
  /// lost already; never if it is released first, or if the lease is empty or of a parent process. It may block for as
  /// long as it likes and call anything; an exception from it is logged and swallowed. Several may be registered.
  /// Throws dlock::error (invalid_argument) for an empty callback.
  void on_lost(std::function<void()> callback);

  /// Gives the lock back, also after client::close(). Blocks for at most `timeout` (default: the client's
  /// operation_timeout) plus 100 ms. Throws dlock::error: invalid_argument if `timeout` is not positive, or `at_least`
  /// not from 0 to a year; forked; unavailable (in_doubt and retryable) if no answer came in that time; authentication,
  /// not_authorized, unsupported_server or server (in_doubt) if the server refused. After any of the last five the lock
  /// is no longer renewed, the release goes on in the background, and calling again asks again.
  [[nodiscard]] release_result release();
  [[nodiscard]] release_result release(std::chrono::milliseconds timeout);

  /// Gives the lock up but keeps it taken until `at_least` has passed since its grant, without anybody renewing
  /// it: two cron hosts with differing clocks run a one-second job once. With observed expiry it passes on when
  /// somebody has watched it for what was left of that time. Otherwise like release(timeout); if it throws, any later
  /// release, the destructor's too, keeps it as long.
  [[nodiscard]] release_result release_at_least(std::chrono::milliseconds at_least, std::chrono::milliseconds timeout);

 private:
  friend struct detail::claimed;
  explicit lease(std::shared_ptr<detail::held_state> state) noexcept;
  std::shared_ptr<detail::held_state> state_;
};

}  // namespace dlock
