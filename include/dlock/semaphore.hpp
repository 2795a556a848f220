#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <dlock/acquire.hpp>
#include <dlock/client.hpp>
#include <dlock/options.hpp>

namespace dlock {

/// A distributed counting semaphore: N permits, taken one or several at a time, all or nothing.
///
///     dlock::semaphore slots{locks, "api-calls", 8};
///     if (auto slot = slots.acquire()) call(*slot);
///
/// A permit is a lease: of a process that dies it comes back when its lease runs out. Nothing else can leak one.
/// First come, first served: whoever waits for three permits is not passed by those who want one.
///
/// Unlike mutex, one object may hold many permits: each acquire is a participant of its own, and what it gives back is
/// its lease. Cheap, copyable, thread-safe. What mutex says of errors and of blocking holds here, too.
///
/// A fencing token tells old permits from new ones; it cannot enforce N at the resource (docs/kinds.md).
class semaphore {
 public:
  /// `permits`: N, 1 to 1,000,000, the same for all who use this id. Does no I/O. Throws dlock::error: invalid_argument
  /// for N, or an id or duration that makes no sense; closed if the client was moved from; forked.
  semaphore(client& owner, lock_options options, std::int64_t permits);
  semaphore(client& owner, std::string id, std::int64_t permits);

  /// The lock's id, and N as this object knows it: resize() by another object does not change it. Do not block.
  [[nodiscard]] const std::string& id() const;
  [[nodiscard]] std::int64_t permits() const;

  /// One attempt to take `k` permits, or to wait for them: mutex::try_acquire(), mutex::acquire(). Never already_held.
  /// Throws dlock::error as these do, and invalid_argument if k is not from 1 to permits(); configuration if others use
  /// this id with another number, or as a mutex: what() names both.
  acquisition try_acquire(std::int64_t k = 1);
  acquisition acquire(wait_options options = {}) { return acquire(1, std::move(options)); }
  acquisition acquire(std::int64_t k, wait_options options = {});

  /// For acquire_all(): k permits of this one. Does no I/O. Throws dlock::error: invalid_argument if k is not from 1 to
  /// permits().
  [[nodiscard]] claim take(std::int64_t k) const;

  /// What resize() found.
  struct resized {
    std::int64_t in_use = 0;   ///< Holders at that moment; they keep their permits.
    std::int64_t waiting = 0;  ///< Those who still wait.
  };
  /// Changes N for all, on purpose, and for this object. More: waiters are admitted at once. Fewer: nobody loses a
  /// permit; as long as more than N are taken, nobody is admitted. Who waits for more than N leaves the queue with
  /// errc::configuration. Other objects still ask for the old number and are told so (configuration): change their
  /// settings as well, because once nobody uses it, whoever comes next sets the number. Nothing if nobody uses the
  /// semaphore just now: then there is nothing to change but this object.
  /// Blocks for at most operation_timeout plus 100 ms. Throws dlock::error: invalid_argument for N; unavailable
  /// (retryable, perhaps in_doubt); configuration if the id is in use with another expiry; authentication,
  /// not_authorized, unsupported_server, server; closed, forked. This object then has its old number.
  std::optional<resized> resize(std::int64_t permits);

 private:
  struct state;
  std::shared_ptr<state> state_;
};

}  // namespace dlock
