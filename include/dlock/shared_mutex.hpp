#pragma once

#include <memory>
#include <string>

#include <dlock/acquire.hpp>
#include <dlock/client.hpp>
#include <dlock/lease.hpp>
#include <dlock/options.hpp>

namespace dlock {

/// What a downgrade did.
enum class downgrade_result {
  downgraded,  ///< Held in shared mode now; it was exclusive, or shared already.
  not_held,    ///< This object holds nothing.
  lost,        ///< The lease was lost: somebody else may have held the lock since.
};

/// A distributed shared/exclusive (readers/writer) lock: one exclusive holder, or any number of shared ones.
///
///     dlock::shared_mutex rates{locks, "rates"};
///     if (auto reading = rates.acquire_shared()) use(*reading);
///
/// Fair in the order of arrival: readers that follow each other are admitted together, a reader that came after a
/// waiting writer waits behind it, so neither can starve the other. Cheap, thread-safe, one object is one participant,
/// as with mutex; what mutex says of errors and of blocking holds here, too.
///
/// Fencing needs two numbers. Shared holders have tokens of their own, and an exclusive one may be admitted and gone
/// between two of them. A guarded resource keeps the highest token of an exclusive holder and the highest of any, and
/// accepts a shared request if its token is at least the first, an exclusive one if it is at least the second
/// (examples/fencing.cpp; docs/kinds.md has the argument).
class shared_mutex {
 public:
  /// As mutex's: no I/O. Throws dlock::error: invalid_argument for an id or duration that makes no sense, closed,
  /// forked.
  shared_mutex(client& owner, lock_options options);
  shared_mutex(client& owner, std::string id);
  shared_mutex(client& owner, const char* id) : shared_mutex(owner, std::string(id)) {}
  ~shared_mutex();
  shared_mutex(shared_mutex&&) noexcept;
  shared_mutex& operator=(shared_mutex&&) noexcept;

  /// The lock's id. Does not block.
  [[nodiscard]] const std::string& id() const;

  /// Exclusive: mutex::try_acquire(), mutex::acquire(). If this object holds the lock in shared mode the answer is
  /// already_held: there is no upgrade, because two readers that upgrade wait for each other for ever. Release and
  /// acquire, and read again what you had read (docs/adr/0012-no-upgrade.md).
  acquisition try_acquire();
  acquisition acquire(wait_options options = {});

  /// Shared: beside other shared holders. Never passes a waiter, not even to join those that hold the lock.
  acquisition try_acquire_shared();
  acquisition acquire_shared(wait_options options = {});

  /// Exclusive to shared, in one command and without a gap: nobody exclusive comes between. Readers at the head of the
  /// queue are admitted beside it. The lease and its token stay. Blocks for at most operation_timeout plus 100 ms.
  /// Throws dlock::error: unavailable (retryable, in_doubt) if no answer came in time: it is still held, in one of the
  /// two modes, and calling again asks again; not_a_lock, if somebody edited the lock's document; authentication,
  /// not_authorized, unsupported_server, server; closed (nothing is downgraded once the client is closed), forked.
  [[nodiscard]] downgrade_result downgrade();

  /// Releases what this object holds, in either mode: mutex::release(). not_held if it holds nothing.
  [[nodiscard]] release_result release();

  /// For acquire_all(). Do not block.
  [[nodiscard]] claim exclusive() const;
  [[nodiscard]] claim shared() const;

 private:
  std::shared_ptr<detail::lock_core> core_;
};

/// "downgraded", "not_held", "lost". Never fails.
[[nodiscard]] const char* to_string(downgrade_result value) noexcept;

}  // namespace dlock
