#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <dlock/events.hpp>
#include <dlock/inspect.hpp>
#include <dlock/options.hpp>

namespace dlock {

namespace detail {
class runtime;
struct testing;
}  // namespace detail

/// One process's connection to the locks of one collection: a pool of connections, the thread that renews leases
/// and the thread that watches their ends. Make one per process (or per collection) and share it.
///
/// Thread-safe. Move-only. In a forked child it is inert: every call throws errc::forked, the destructor does
/// nothing, and what the parent holds stays the parent's.
class client {
 public:
  /// Checks every option, then contacts the server: finds its replica set, checks its version, and makes sure that
  /// the collection has its TTL index. Blocks for at most `options.connect_timeout` plus 100 ms. Throws dlock::error:
  /// invalid_argument for an option (before any I/O), for a file named in the URL that TLS cannot use, or for a
  /// replicaSet that is not the servers' (both at the first contact); unavailable (retryable); authentication: refused
  /// credentials, or a certificate that is not trusted; not_authorized; unsupported_server; server, if it refuses
  /// anything else (an index on `et` that is no TTL index, say). Throws std::system_error if the process has no file
  /// descriptors or threads left.
  explicit client(client_options options = {});

  /// close(), if that was not called; then the end of the client's threads, if no handle of it is left: at most 1 s
  /// more if they hang, another 0.7 s if the log callback does, and up to half a second in which the driver ends its
  /// own. exit() waits for a thread that is still in the driver then, for at most 5 s: destroy clients before. A lock
  /// object, a lease or an observation that outlives the client keeps it going: the end is then where the last of them
  /// falls.
  ~client();
  client(client&&) noexcept;
  client& operator=(client&&) noexcept;

  /// Ends this client; idempotent. Unlocks nothing: what is held stays valid until its lease runs out, is no longer
  /// renewed, and reports lost at its deadline (the lease may outlive the client). Threads that wait for a lock come
  /// back with outcome::cancelled within 1 s and leave the queue if the server answers that fast. What other processes
  /// are to be told, wake-ups and events, is told if that takes at most 0.3 s. Later calls throw
  /// errc::closed. Does not throw. Blocks for at most 1 s.
  void close() noexcept;

  /// Calls `callback` for each lock_event of this lock in all processes, this one included, until the subscription
  /// ends. Returns at once: subscription::wait_until_open() tells when events are heard. A subscription may outlive the
  /// client; it is silent then. Throws dlock::error: invalid_argument for the id or an empty callback, closed, forked.
  [[nodiscard]] subscription subscribe(std::string id, event_callback callback);
  /// The same for all locks of the notification channel, also of other collections that share it.
  [[nodiscard]] subscription subscribe_all(event_callback callback);

  /// How the notifications are. Does not block. Throws dlock::error: closed (only if moved from), forked.
  [[nodiscard]] notification_status notifications() const;

  /// One lock as it is, whoever uses it; nothing if there is no such lock (it may have been swept after its last use).
  /// Blocks for at most operation_timeout plus 100 ms. Throws dlock::error: invalid_argument for the id; not_a_lock;
  /// unavailable (retryable); authentication, not_authorized, unsupported_server, server; closed, forked.
  [[nodiscard]] std::optional<lock_state> inspect(const std::string& id) const;

  /// All locks of the collection whose ids begin with `prefix`, in the order of their ids, those that are free and not
  /// swept yet included. Documents that are no locks are left out. Not one snapshot: each lock is as it was when it was
  /// read. Blocks like inspect(), for each hundred of them. Throws like it, but never not_a_lock: invalid_argument is
  /// for a prefix that no id can begin with.
  [[nodiscard]] std::vector<lock_state> list(const std::string& prefix = {}) const;

  /// Takes a lock off its holders, or off the one with `token`: for people who know that a holder is stuck. Returns the
  /// holders that were taken off, none if there are none (of that token). mongo-dlock's are left alone: they cannot be
  /// told.
  /// It reads the lock, and then sends one command after the other: one for each holder, two if it is at_once or the
  /// holder is only lock_holder::kept. Each of these may block for operation_timeout plus 100 ms. Throws like
  /// inspect(), in_doubt where a command went without an answer. The holders that were taken off before that stay so,
  /// and are not returned; call again, or look (inspect()), to know.
  std::vector<lock_holder> revoke(const std::string& id, std::optional<std::int64_t> token = {},
                                  revocation how = revocation::when_released);

  /// The options in force, defaults filled in. Throws dlock::error: closed (only if moved from), forked.
  [[nodiscard]] const client_options& options() const;

 private:
  friend class mutex;
  friend class shared_mutex;
  friend class semaphore;
  friend class election;
  friend struct detail::testing;
  explicit client(std::shared_ptr<detail::runtime> core) noexcept;
  [[nodiscard]] detail::runtime& core() const;
  std::shared_ptr<detail::runtime> core_;
};

}  // namespace dlock
