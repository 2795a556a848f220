#pragma once

/// @file
/// Locks seen from outside: client::inspect(), client::list(), client::revoke(). For people on call and their tools.
/// All of it is a snapshot. Times are by the server's clock.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <dlock/export.hpp>
#include <dlock/options.hpp>

namespace dlock {

/// Mode in which a lock is held or wanted.
enum class lock_mode {
  exclusive,  ///< Exclusive: a mutex, an election, or a shared_mutex in exclusive mode.
  shared,     ///< Shared mode of a shared_mutex.
  permits,    ///< Permits of a semaphore.
};

/// Name of a mode. Does not block, does not fail, thread-safe.
/// @param value The mode.
/// @return Static text: "exclusive", "shared", "permits".
DLOCK_API [[nodiscard]] const char* to_string(lock_mode value) noexcept;

/// A holder of a lock. A snapshot.
///
/// Times are by the server's clock. A time before 1970 or after 2262 is shown as that limit. Nobody writes such times
/// on purpose.
struct lock_holder {
  /// The client's description (client_options::who). Use printable() (text.hpp) to show it. "" for mongo-dlock.
  std::string who;
  lock_mode mode = lock_mode::exclusive;        ///< Mode in which it holds the lock.
  std::int64_t permits = 0;                     ///< Number of permits that it holds of a semaphore; else 0.
  std::int64_t token = 0;                       ///< Its fencing token; 0 for mongo-dlock, or if somebody edited it.
  std::chrono::system_clock::time_point since;  ///< Time of its grant.
  std::chrono::system_clock::time_point until;  ///< End of its lease, unless it renews.
  /// Whether its lease has ended. In lock_state::holders: the lock passes on when clock_skew is over, too. Always false
  /// with expiry::observed, because one look cannot tell.
  bool expired = false;
  bool revoked = false;  ///< It was revoked: see client::revoke().
  bool foreign = false;  ///< It is a client of mongo-dlock (Node.js).
  /// It was released by lease::release_at_least(): nobody uses the lock, but it stays taken until `until`.
  /// client::revoke() passes it on at once. In the document, its id has "/kept" at the end.
  bool kept = false;
  /// It was acquired with lock_options::linger: its client may keep the lock without using it.
  bool lingering = false;
  /// What it publishes: lock_options::note, or the value of a leader. Use printable() (text.hpp) to show it.
  std::string value;

  /// Compares all members. @param a One. @param b Another one. @return Whether they are equal.
  friend bool operator==(const lock_holder& a, const lock_holder& b) = default;
};

/// A waiter in the queue of a lock. A snapshot.
struct lock_waiter {
  std::string who;                              ///< As lock_holder::who.
  lock_mode mode = lock_mode::exclusive;        ///< Mode that it wants.
  std::int64_t permits = 0;                     ///< Number of permits that it wants of a semaphore; else 0.
  std::chrono::system_clock::time_point since;  ///< Time at which it joined the queue.
  std::string value;                            ///< As lock_holder::value.

  /// Compares all members. @param a One. @param b Another one. @return Whether they are equal.
  friend bool operator==(const lock_waiter& a, const lock_waiter& b) = default;
};

/// State of a lock. A snapshot.
struct lock_state {
  std::string id;                            ///< The lock's id.
  std::int64_t permits = 0;                  ///< Number of permits (N) of a semaphore; else 0.
  std::int64_t token = 0;                    ///< Last fencing token that was granted.
  std::vector<lock_holder> holders;          ///< If empty, the lock is free, or the first waiter gets it in a moment.
  std::vector<lock_waiter> waiters;          ///< In the order in which they will be served.
  std::chrono::system_clock::time_point at;  ///< Time of the snapshot.
  dlock::expiry expiry = dlock::expiry::server_clock;  ///< How waiters judge that a holder is gone.
  /// Past holders whose lease ended by itself: they died, or release_at_least() kept the lock until now. They are
  /// listed until the next client uses the lock. They block only clients whose clock_skew is greater than this
  /// client's.
  std::vector<lock_holder> expired;

  /// Compares all members. @param a One. @param b Another one. @return Whether they are equal.
  friend bool operator==(const lock_state& a, const lock_state& b) = default;
};

/// What client::revoke() does with the lock.
enum class revocation {
  /// Safe. The holder is told that its lease is lost: at once if notifications work, else at its next renewal. The lock
  /// passes on when the holder releases it, or when its lease ends. Nobody else is admitted while the holder may
  /// believe that it holds the lock.
  when_released,
  /// Unsafe. The lock passes on at once, and the holder is told as above. Until the holder has heard of it, two clients
  /// may believe that they hold the lock.
  at_once,
};

}  // namespace dlock
