#pragma once

/// @file
/// A held lock: its validity, its fencing token, its loss, its release.

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include <dlock/clock.hpp>
#include <dlock/export.hpp>

namespace dlock {

namespace detail {
class held_state;
struct claimed;
}  // namespace detail

/// Result of a release.
enum class release_result {
  released,  ///< The lock was held. It is free now, or handed to the next waiter. See lock_options::durable_release.
  not_held,  ///< There was nothing to release: never acquired, or already released.
  lost,      ///< The lease was lost before. Another client may have held the lock since.
};

/// Callback of lease::async_release(). Its first argument is what release() would have thrown. If that is null, the
/// second one is the result. It is called as @ref callbacks "acquire_callback" is.
using release_callback = std::function<void(std::exception_ptr, release_result)>;

/// Callback of lease::on_trouble(). `left` is the rest of the lease, in ms.
using trouble_callback = std::function<void(std::chrono::milliseconds left)>;

/// Reason why a lease was lost. Later versions may add values.
enum class loss_reason {
  none,     ///< The lease is not lost.
  expired,  ///< The lease ended: no renewal was answered in time, or autorefresh is off.
  removed,  ///< The server no longer lists this holder: its entry was removed, taken over or revoked.
  revoked,  ///< An operator revoked the lease, and this client was told so.
};

/// A lock that is held. The destructor releases it.
///
/// A lease is valid until valid_until(). Renewals move this time forward. If the server cannot be reached in time, or
/// says that this holder is gone, the lease is lost. lost() is triggered *before* the server can admit anybody else.
///
/// A process that is frozen past the end of its lease learns of the loss only when it runs again. To be safe even then,
/// give token() to the resource that the lock guards, and let the resource refuse smaller tokens. This is a "fencing
/// token". (The idea: Kleppmann, "How to do distributed locking", 2016.)
///
/// Callbacks of a loss run on library threads: see lost() and on_lost(). If the process can start no more threads, they
/// run on a thread that exists, perhaps that of a caller.
///
/// Move-only. A lease that was moved from is empty.
///
/// @par Thread safety
/// All members are thread-safe, except moving and destroying.
/// @par Blocking
/// Members do not block unless they say so.
class DLOCK_API lease {
 public:
  /// Makes an empty lease: it holds nothing.
  lease() noexcept;
  /// Takes over the other lease.
  lease(lease&&) noexcept;
  /// Releases the present lease as ~lease() does, then takes over the other one.
  /// @par Blocking
  /// Blocks as ~lease().
  /// @return This object.
  lease& operator=(lease&&) noexcept;

  /// Releases the lock like release(). Never throws.
  ///
  /// What could not be released in time is tried again in the background. At the latest the lock becomes free when its
  /// lease ends. In a forked child the destructor does nothing.
  /// @par Blocking
  /// Blocks for at most 5 s, or operation_timeout if that is shorter. It does not block if the lease is of an
  /// asynchronous call, or after async_release(): then the release goes on in the background.
  ~lease();

  /// The lock's id. id(), owner() and token() do not change when the lease is released or lost.
  /// @return UTF-8; "" if empty.
  [[nodiscard]] const std::string& id() const;

  /// Identity of this acquisition: the holder's id in the lock's document. With lock_options::local_turns or linger,
  /// the uses of one grant after the first have `+1`, `+2` and so on behind it.
  /// @return UTF-8; "" if empty.
  [[nodiscard]] const std::string& owner() const;

  /// The fencing token. It is larger than the token of every earlier grant of this lock.
  /// @return Positive and below 2^53; 0 if empty.
  [[nodiscard]] std::int64_t token() const;

  /// End of the time for which the lock is surely held, as far as is known now. Each renewal moves it forward.
  /// @return The time at which the last successful request was *sent*, plus the TTL, minus a margin: a tenth of the
  ///   TTL, but at least 20 ms and at most 500 ms.
  [[nodiscard]] boot_clock::time_point valid_until() const;

  /// Remaining validity: valid_until() minus the current time.
  /// @return ms; 0 if the lease is lost, released or empty, or in a forked child.
  [[nodiscard]] std::chrono::milliseconds valid_for() const;

  /// Whether the lock is held now. @return True if valid_for() > 0.
  [[nodiscard]] bool held() const;

  /// Checks that the lock is held now, for code that uses exceptions. See held().
  /// @throws dlock::error with errc::not_held if the lease was lost or released, or is empty. The message says which.
  /// @throws dlock::error with errc::forked in a forked child.
  void check() const;

  /// Stop token that is triggered when the lease is lost. A release does not trigger it.
  ///
  /// Each std::stop_callback on it runs on a library thread that serves this lease only, one after the other. If it is
  /// registered after the loss, it runs at once, on the registering thread.
  ///
  /// A callback may block: that delays the other callbacks on this token, nothing else. It may call every function of
  /// the library. It must not throw.
  /// @return The token; for an empty lease a token without a stop state.
  [[nodiscard]] std::stop_token lost() const;

  /// Human-readable loss reason. @return One line; "" unless the lease is lost.
  [[nodiscard]] std::string loss() const;
  /// Loss reason for programs. @return loss_reason::none unless the lease is lost.
  [[nodiscard]] loss_reason reason() const;

  /// Registers a callback for the loss of the lease. Several may be registered.
  ///
  /// The callback is called once, on a library thread of its own; at once if the lease is lost already. It is never
  /// called if the lease is released first, is empty, or belongs to a parent process.
  ///
  /// The callback may block for any time and call every function. An exception from it is logged and swallowed.
  /// @param callback The function to call.
  /// @throws dlock::error with errc::invalid_argument if `callback` is empty.
  void on_lost(std::function<void()> callback);

  /// Registers a callback for failing renewals: a renewal got no answer, or was refused. The lease is still held, and
  /// the client tries again. Several may be registered.
  ///
  /// Use it to begin no new work before the lease is lost, or to tell an operator.
  ///
  /// The callback is called on a library thread of its own, once each time that renewals begin to fail, with the rest
  /// of the lease (see valid_for()). If renewals recover and fail again, it is called again, perhaps while an earlier
  /// call still runs. It is a hint: it is not called if the process can start no thread, and it may be called just
  /// after a release or a loss.
  ///
  /// A loss may come without it:
  /// - if the lock was removed or revoked, or if autorefresh is off,
  /// - if the process or the machine was stopped,
  /// - if a single wait for the network takes longer than the lease, because client_options::exp_delta is longer than
  ///   lock_options::exp_delta.
  ///
  /// The callback may block for any time and call every function. An exception from it is logged and swallowed. After a
  /// release or a loss it is destroyed.
  /// @param callback The function to call.
  /// @throws dlock::error with errc::invalid_argument if `callback` is empty.
  void on_trouble(trouble_callback callback);

  /// Publishes another note: see lock_options::note. Others see it in lock_holder::value.
  ///
  /// It works as election::proclaim(), for every kind of lock. But no event is published: observers of an election see
  /// it at their next poll. After it, lock_options::local_turns and linger do nothing for this lease: its release is
  /// sent to the server.
  /// @par Blocking
  /// Blocks for at most operation_timeout plus 100 ms.
  /// @param note The note; "" for none. At most 1,024 bytes of UTF-8 without NUL.
  /// @return False if the lock is not held any more, or the lease is empty.
  /// @throws dlock::error with errc::invalid_argument if `note` is not valid.
  /// @throws dlock::error with errc::unavailable (retryable, perhaps in doubt) if no answer came in time. The lock is
  ///   still held, with the old note or the new one. Call again.
  /// @throws dlock::error with errc::not_a_lock if somebody edited the lock's document.
  /// @throws dlock::error see @ref client_errors "Errors of the client".
  [[nodiscard]] bool set_note(std::string note);

  /// Releases the lock, with the client's operation_timeout as limit. See release(std::chrono::milliseconds).
  /// @par Blocking
  /// Blocks for at most operation_timeout plus 100 ms.
  /// @return What the release did.
  /// @throws dlock::error as release(std::chrono::milliseconds).
  [[nodiscard]] release_result release();

  /// Releases the lock. This also works after client::close().
  ///
  /// If the server gives no answer or refuses, the lock is not renewed any more, and the release goes on in the
  /// background. Another call asks again.
  /// @par Blocking
  /// Blocks for at most `timeout` plus 100 ms.
  /// @param timeout Limit in ms; must be positive.
  /// @return What the release did.
  /// @throws dlock::error with errc::invalid_argument if `timeout` is not positive.
  /// @throws dlock::error with errc::forked in a forked child.
  /// @throws dlock::error with errc::unavailable (retryable, in doubt) if no answer came in time.
  /// @throws dlock::error with errc::authentication, errc::not_authorized, errc::unsupported_server or errc::server (in
  ///   doubt) if the server refused.
  [[nodiscard]] release_result release(std::chrono::milliseconds timeout);

  /// Gives the lock up, but keeps it taken until `at_least` has passed since its grant. It is not renewed meanwhile.
  /// (The idea: ShedLock's lockAtLeastFor.)
  ///
  /// Use it so that cron hosts whose clocks differ run a short job once, not once each.
  ///
  /// With expiry::observed, the lock passes on when somebody has watched it for what was left of `at_least`. If this
  /// call throws, every later release, also that of the destructor, keeps the lock taken for as long.
  ///
  /// Otherwise it works like release(std::chrono::milliseconds).
  /// @par Blocking
  /// Blocks for at most `timeout` plus 100 ms.
  /// @param at_least Time since the grant, in ms, from 0 to one year.
  /// @param timeout Limit in ms; must be positive.
  /// @return What the release did.
  /// @throws dlock::error as release(std::chrono::milliseconds), and with errc::invalid_argument if `at_least` is out
  ///   of range.
  [[nodiscard]] release_result release_at_least(std::chrono::milliseconds at_least, std::chrono::milliseconds timeout);

  /// release() without a thread that waits. The lease may be destroyed meanwhile.
  /// @param callback The function to call with the result.
  /// @throws dlock::error with errc::invalid_argument if `callback` or the lease is empty.
  /// @throws dlock::error with errc::forked in a forked child.
  /// @throws dlock::error with errc::unavailable (retryable) if no thread can be started for callbacks.
  void async_release(release_callback callback);

 private:
  friend struct detail::claimed;
  DLOCK_LOCAL explicit lease(std::shared_ptr<detail::held_state> state) noexcept;
  std::shared_ptr<detail::held_state> state_;
};

}  // namespace dlock
