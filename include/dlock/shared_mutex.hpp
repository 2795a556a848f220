#pragma once

/// @file
/// The distributed readers/writer lock.

#include <memory>
#include <string>

#include <dlock/acquire.hpp>
#include <dlock/client.hpp>
#include <dlock/export.hpp>
#include <dlock/lease.hpp>
#include <dlock/options.hpp>

namespace dlock {

/// Result of a downgrade.
enum class downgrade_result {
  downgraded,  ///< The lock is held in shared mode now. It was exclusive, or shared already.
  not_held,    ///< This object holds nothing.
  lost,        ///< The lease was lost. Another client may have held the lock since.
};

/// A distributed shared/exclusive (readers/writer) lock: one exclusive holder, or any number of shared holders.
///
/// @code{.cpp}
/// dlock::shared_mutex rates{locks, "rates"};
/// if (auto reading = rates.acquire_shared()) use(*reading);
/// @endcode
///
/// First come, first served. Readers that follow each other in the queue are admitted together. A reader that comes
/// after a waiting writer waits behind it. So neither readers nor writers starve.
///
/// One object is one participant, as with mutex. Objects are cheap. Move-only. An object that was moved from may only
/// be assigned or destroyed.
///
/// @par Fencing
/// A guarded resource needs two numbers: the highest token of an exclusive holder, and the highest token of any holder.
/// - It accepts a shared request if its token is at least the first number.
/// - It accepts an exclusive request if its token is at least the second number.
/// @par
/// The reason: each shared holder has a token of its own, and an exclusive holder may come and go between two of them.
/// See examples/fencing.cpp; docs/kinds.md says why this is enough.
///
/// @par Errors
/// As @ref mutex_errors "Errors of a mutex".
/// @par Thread safety
/// All members are thread-safe, except moving and destroying.
/// @par Blocking
/// Members do not block unless they say so.
class DLOCK_API shared_mutex {
 public:
  /// Makes a lock object. Does no I/O. See mutex::mutex(client&, lock_options).
  /// @param owner The client.
  /// @param options Id and settings. Settings that are not given come from the client.
  /// @throws dlock::error with errc::invalid_argument if an id or duration is not valid.
  /// @throws dlock::error with errc::closed if the client was moved from.
  /// @throws dlock::error with errc::forked in a forked child.
  shared_mutex(client& owner, lock_options options);
  /// As shared_mutex(client&, lock_options), with the client's settings.
  /// @param owner The client.
  /// @param id The lock's id: 1 to 1,000 bytes of UTF-8 without NUL.
  shared_mutex(client& owner, std::string id);
  /// As shared_mutex(client&, std::string).
  /// @param owner The client.
  /// @param id The lock's id, NUL-terminated.
  shared_mutex(client& owner, const char* id) : shared_mutex(owner, std::string(id)) {}
  /// Destroys the object, not the lease: see mutex::~mutex().
  /// @par Blocking
  /// Blocks as mutex::~mutex().
  ~shared_mutex();
  /// Takes over the other object's state.
  shared_mutex(shared_mutex&&) noexcept;
  /// Takes over the other object's state.
  /// @par Blocking
  /// Blocks as mutex::~mutex().
  /// @return This object.
  shared_mutex& operator=(shared_mutex&&) noexcept;

  /// The lock's id. @return UTF-8.
  [[nodiscard]] const std::string& id() const;

  /// Makes one attempt to acquire the lock in exclusive mode: see mutex::try_acquire().
  ///
  /// There is no upgrade. If this object holds the lock in shared mode, the outcome is outcome::already_held. The
  /// reason: two readers that upgrade would wait for each other for ever. Release, acquire, and read again what you had
  /// read (docs/adr/0012-no-upgrade.md).
  /// @par Blocking
  /// Blocks for at most operation_timeout plus 100 ms.
  /// @return As mutex::try_acquire().
  /// @throws dlock::error as mutex::try_acquire().
  acquisition try_acquire();
  /// Waits for the lock in exclusive mode: see mutex::acquire(). There is no upgrade: see try_acquire().
  /// @par Blocking
  /// Blocks for at most `options.timeout` plus 100 ms. See wait_options::timeout for no timeout, and for 0 or less.
  /// @param options How to wait.
  /// @return As mutex::acquire().
  /// @throws dlock::error as mutex::acquire().
  /// @throws ... whatever `options.on_wait` throws.
  acquisition acquire(wait_options options = {});

  /// Makes one attempt to acquire the lock in shared mode, beside other shared holders.
  ///
  /// It never passes a waiter, not even to join the present holders.
  /// @par Blocking
  /// Blocks for at most operation_timeout plus 100 ms.
  /// @return As mutex::try_acquire().
  /// @throws dlock::error as mutex::try_acquire().
  acquisition try_acquire_shared();
  /// Waits for the lock in shared mode. It never passes a waiter: see try_acquire_shared().
  /// @par Blocking
  /// Blocks for at most `options.timeout` plus 100 ms. See wait_options::timeout for no timeout, and for 0 or less.
  /// @param options How to wait.
  /// @return As mutex::acquire().
  /// @throws dlock::error as mutex::acquire().
  /// @throws ... whatever `options.on_wait` throws.
  acquisition acquire_shared(wait_options options = {});

  /// acquire() without a thread that waits: see mutex::async_acquire().
  /// @param options How to wait.
  /// @param callback The function to call with the result.
  /// @throws dlock::error as mutex::async_acquire().
  void async_acquire(wait_options options, acquire_callback callback);
  /// try_acquire() without a thread that waits: see mutex::async_acquire().
  /// @param callback The function to call with the result.
  /// @throws dlock::error as mutex::async_acquire().
  void async_try_acquire(acquire_callback callback);
  /// acquire_shared() without a thread that waits: see mutex::async_acquire().
  /// @param options How to wait.
  /// @param callback The function to call with the result.
  /// @throws dlock::error as mutex::async_acquire().
  void async_acquire_shared(wait_options options, acquire_callback callback);
  /// try_acquire_shared() without a thread that waits: see mutex::async_acquire().
  /// @param callback The function to call with the result.
  /// @throws dlock::error as mutex::async_acquire().
  void async_try_acquire_shared(acquire_callback callback);

  /// Changes the mode from exclusive to shared, in one command.
  ///
  /// No exclusive holder comes in between. Readers at the head of the queue are admitted beside this object. The lease
  /// and its token stay. (The idea: java.util.concurrent's ReentrantReadWriteLock.)
  /// @par Blocking
  /// Blocks for at most operation_timeout plus 100 ms.
  /// @return What the downgrade did.
  /// @throws dlock::error with errc::unavailable (retryable, perhaps in doubt) if no answer came in time. The lock is
  ///   still held, in one of the two modes. Call again.
  /// @throws dlock::error with errc::not_a_lock if somebody edited the lock's document.
  /// @throws dlock::error see @ref client_errors "Errors of the client".
  [[nodiscard]] downgrade_result downgrade();

  /// Releases what this object holds, in either mode: see mutex::release().
  /// @par Blocking
  /// Blocks for at most operation_timeout plus 100 ms.
  /// @return What the release did; release_result::not_held if this object holds nothing.
  /// @throws dlock::error as mutex::release().
  [[nodiscard]] release_result release();

  /// The lock in exclusive mode, as input of acquire_all(). @return A claim that shares this object's state.
  [[nodiscard]] claim exclusive() const;
  /// The lock in shared mode, as input of acquire_all(). @return A claim that shares this object's state.
  [[nodiscard]] claim shared() const;

 private:
  std::shared_ptr<detail::lock_core> core_;
};

/// Name of a result. Does not block, does not fail, thread-safe.
/// @param value The result.
/// @return Static text: "downgraded", "not_held", "lost".
DLOCK_API [[nodiscard]] const char* to_string(downgrade_result value) noexcept;

}  // namespace dlock
