#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <dlock/acquire.hpp>
#include <dlock/client.hpp>
#include <dlock/lease.hpp>
#include <dlock/options.hpp>

namespace dlock {

namespace detail {
class observer;
}

/// Who leads. A snapshot: it may be over when you read it. Only the leader's own lease says that it still leads.
struct leader_info {
  std::string who;                              ///< What its client said of itself.
  std::string value;                            ///< What it publishes.
  std::int64_t token = 0;                       ///< Its fencing token, which rises; 0: somebody edited it.
  std::chrono::system_clock::time_point since;  ///< By the server's clock.
};

/// nullopt: nobody leads.
using leader_callback = std::function<void(const std::optional<leader_info>&)>;

/// Calls come for as long as this lives. Move-only.
class observation {
 public:
  observation() noexcept;
  observation(observation&&) noexcept;
  observation& operator=(observation&&) noexcept;
  /// end()
  ~observation();

  /// No call of the callback begins any more. Waits for one that is in progress, at most 1 s, unless it is this very
  /// thread's. Idempotent.
  void end() noexcept;

 private:
  friend class election;
  explicit observation(std::shared_ptr<detail::observer> o) noexcept;
  std::shared_ptr<detail::observer> observer_;
};

/// An election: of all who campaign one is the leader, and the next one follows when it resigns or is lost. The idea
/// and the words are etcd's.
///
///     dlock::election cluster{locks, "scheduler"};
///     if (auto leading = cluster.campaign("10.0.0.7:8080")) schedule(leading->lost(), leading->token());
///
/// It is a mutex whose holder publishes a value, and all that mutex says holds here: a leader is told that it is lost
/// before another one can be elected, candidates are elected in the order in which they came, the token fences.
/// Thread-safe. One object is one candidate.
class election {
 public:
  /// As mutex's: no I/O. Throws dlock::error: invalid_argument for an id or duration that makes no sense, closed,
  /// forked.
  election(client& owner, lock_options options);
  election(client& owner, std::string id);
  ~election();
  election(election&&) noexcept;
  election& operator=(election&&) noexcept;

  /// The election's id, which is the lock's. Does not block.
  [[nodiscard]] const std::string& id() const;

  /// Waits until this object is the leader: mutex::acquire(). `value`, at most 1,024 bytes of UTF-8, is what others
  /// then see: an address, say. Throws dlock::error as acquire() does, and invalid_argument for another value.
  acquisition campaign(std::string value = {}, wait_options options = {});

  /// Publishes another value. False if this object does not lead (any more). Blocks for at most operation_timeout plus
  /// 100 ms. Throws dlock::error: invalid_argument; unavailable (retryable, in_doubt): it still leads, with one of the
  /// two values, and calling again asks again; not_a_lock, if somebody edited the lock's document; authentication,
  /// not_authorized, unsupported_server, server; closed, forked.
  [[nodiscard]] bool proclaim(std::string value);

  /// Gives up the lead: mutex::release(). not_held if this object does not lead.
  [[nodiscard]] release_result resign();

  /// Asks the server who leads. Blocks for at most operation_timeout plus 100 ms. Throws dlock::error: unavailable
  /// (retryable); authentication, not_authorized, unsupported_server, server; closed, forked.
  [[nodiscard]] std::optional<leader_info> leader() const;

  /// Calls `callback` with who leads now, and then at each change: another leader, none, another value. Changes are
  /// pushed; where pushes do not work, and for a leader that dies, it looks every wait_lock_period and when a lease
  /// ends. Of changes in quick succession it may see the last one only. One call at a time, on a library thread; it may
  /// block, throw (that is logged), call anything, and end its own observation. While the server does not answer there
  /// are no calls; a warning goes to the log. It is silent once the client is closed. Does not block. Throws
  /// dlock::error: invalid_argument for an empty callback; unavailable (retryable) if no thread can be had; closed,
  /// forked.
  [[nodiscard]] observation observe(leader_callback callback);

 private:
  std::shared_ptr<detail::lock_core> core_;
};

}  // namespace dlock
