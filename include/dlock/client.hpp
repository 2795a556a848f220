#pragma once

/// @file
/// The client: one process's access to the locks of one collection.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <dlock/events.hpp>
#include <dlock/export.hpp>
#include <dlock/history.hpp>
#include <dlock/inspect.hpp>
#include <dlock/members.hpp>
#include <dlock/metrics.hpp>
#include <dlock/options.hpp>

namespace dlock {

namespace detail {
class runtime;
struct testing;
}  // namespace detail

/// Access of one process to the locks of one collection. Make one client per process (or per collection) and share it.
///
/// A client has a pool of connections, threads that renew leases, and a thread that watches when leases end.
///
/// Move-only. Calls on a client that was moved from throw errc::closed.
///
/// In a forked child the parent's client does not work: every call throws errc::forked, the destructor does nothing,
/// and what the parent holds stays the parent's.
///
/// @anchor client_errors
/// @par Errors
/// Functions that ask the server throw dlock::error with
/// - errc::unavailable (retryable) if the server gave no answer,
/// - errc::authentication, errc::not_authorized, errc::unsupported_server or errc::server if the server refused,
/// - errc::closed, errc::forked.
///
/// @par Thread safety
/// All members are thread-safe, except moving and destroying.
/// @par Blocking
/// Members do not block unless they say so.
class DLOCK_API client {
 public:
  /// Checks every option, then contacts the server.
  ///
  /// The first contact finds the replica set, checks the server's version, and makes sure that the collection has its
  /// TTL index.
  /// @par Blocking
  /// Blocks for at most `options.connect_timeout` plus 100 ms.
  /// @param options Client configuration.
  /// @throws dlock::error with errc::invalid_argument if an option is not valid (before any I/O), if TLS cannot use a
  ///   file that the URL names, or if `replicaSet` is not the name of the servers' replica set (both at the first
  ///   contact).
  /// @throws dlock::error with errc::unavailable (retryable) if there was no contact in time.
  /// @throws dlock::error with errc::authentication if the credentials were refused or a certificate is not trusted.
  /// @throws dlock::error with errc::not_authorized if a right is missing.
  /// @throws dlock::error with errc::unsupported_server if the server is older than MongoDB 4.4.
  /// @throws dlock::error with errc::server if the server refused anything else, for example because an index on `et`
  ///   is not a TTL index.
  /// @throws std::system_error if the process has no file descriptors or threads left.
  explicit client(client_options options = {});

  /// Calls close(), if that was not called. Then ends the client's threads, if no other handle of the client is left.
  ///
  /// Lock objects, claims, leases and asynchronous calls are handles. If one outlives the client, the threads end with
  /// the last of them, which then blocks instead of this destructor.
  ///
  /// If a thread is still inside the driver at exit(), exit() waits for it, for at most 5 s. So destroy clients before
  /// exit().
  /// @par Blocking
  /// Blocks as close(). Then it blocks for up to 0.5 s in which the driver ends its own threads, for up to 1 s if
  /// threads hang, and for up to 0.7 s more if the log callback hangs.
  ~client();
  /// Takes over the other client.
  client(client&&) noexcept;
  /// Ends the present client as ~client() does, then takes over the other one.
  /// @par Blocking
  /// Blocks as ~client().
  /// @return This object.
  client& operator=(client&&) noexcept;

  /// Ends this client. A second call does nothing. Does not throw.
  ///
  /// - No lock is released. A held lock stays held until its lease ends. It is not renewed any more, and its loss is
  ///   reported at lease::valid_until(). The lease object may outlive the client.
  /// - Calls that wait for a lock end with outcome::cancelled within 1 s. They leave the queue if the server answers
  ///   that fast.
  /// - Notices and events for other processes are still sent, if that takes at most 0.3 s.
  /// - Later calls throw errc::closed, except releases, and what only reads this client: options(), metrics() and
  ///   notifications().
  /// @par Blocking
  /// Blocks for at most 1 s.
  void close() noexcept;

  /// Calls `callback` for each lock_event of one lock, until the subscription ends: events of all processes, this one
  /// included.
  ///
  /// It takes a moment until events arrive: subscription::wait_until_open() waits for that. A subscription may outlive
  /// the client. It then gets no more events.
  /// @param id The lock's id.
  /// @param callback The function to call: see event_callback.
  /// @return The subscription. Keep it: its destructor ends it.
  /// @throws dlock::error with errc::invalid_argument if the id is not valid or the callback is empty.
  /// @throws dlock::error with errc::closed or errc::forked.
  [[nodiscard]] subscription subscribe(std::string id, event_callback callback);
  /// As subscribe(), for all locks of the notification channel, also those of other collections that share the channel.
  /// @param callback The function to call: see event_callback.
  /// @return The subscription. Keep it: its destructor ends it.
  /// @throws dlock::error with errc::invalid_argument if the callback is empty.
  /// @throws dlock::error with errc::closed or errc::forked.
  [[nodiscard]] subscription subscribe_all(event_callback callback);

  /// State of this client's notifications. @return A snapshot.
  /// @throws dlock::error with errc::closed (only if the client was moved from) or errc::forked.
  [[nodiscard]] notification_status notifications() const;

  /// What this client has counted since it was made. to_prometheus() writes it as text. Reading it delays no lock, and
  /// works after close(), too.
  /// @return A snapshot.
  /// @throws dlock::error with errc::closed (only if the client was moved from) or errc::forked.
  [[nodiscard]] metrics_snapshot metrics() const;

  /// Reads one lock: its holders and waiters, of all processes.
  /// @par Blocking
  /// Blocks for at most operation_timeout plus 100 ms.
  /// @param id The lock's id.
  /// @return A snapshot. None if there is no such lock: it may have been swept after its last use.
  /// @throws dlock::error with errc::invalid_argument if the id is not valid.
  /// @throws dlock::error with errc::not_a_lock if the document with this id is not a lock.
  /// @throws dlock::error see @ref client_errors "Errors of the client".
  [[nodiscard]] std::optional<lock_state> inspect(const std::string& id) const;

  /// Reads all locks of the collection whose ids begin with `prefix`.
  ///
  /// Locks that are free and not swept yet are included. Documents that are not locks are left out.
  ///
  /// The locks are read one after the other, by one cursor. So together they are not one snapshot. Ten thousand take
  /// some tens of milliseconds, and some megabytes of memory.
  /// @par Blocking
  /// Blocks for at most operation_timeout plus 100 ms, however many locks there are.
  /// @param prefix Beginning of the ids; "" for all locks.
  /// @return The locks, in the order of their ids.
  /// @throws dlock::error with errc::invalid_argument if no id can begin with `prefix`.
  /// @throws dlock::error see @ref client_errors "Errors of the client".
  [[nodiscard]] std::vector<lock_state> list(const std::string& prefix = {}) const;

  /// Asks the servers for their state, their version and their clock: all members of the replica set except hidden
  /// ones, or each mongos of the URL; with `directConnection=true`, only the server that the URL names.
  ///
  /// All are asked at once, each over a connection of its own. No rights are needed.
  /// @par Blocking
  /// Blocks for at most 2 s plus 100 ms, also if some members are down.
  /// @return The servers, in the order of their names. A server that gives no answer within 1.5 s is among them.
  /// @throws dlock::error with errc::unavailable (retryable) if all connections are busy, or no thread can be started.
  /// @throws dlock::error with errc::closed or errc::forked.
  [[nodiscard]] std::vector<member_info> members() const;

  /// Revokes all holders of a lock, or the one with `token`. For operators who know that a holder is stuck. (The idea:
  /// Curator's revocation, but a holder cannot refuse it.)
  ///
  /// Holders of mongo-dlock are left alone: they cannot be told.
  ///
  /// The call reads the lock. Then it sends one command for each holder, or two if `how` is revocation::at_once or the
  /// holder is lock_holder::kept. If a command fails, the holders revoked before it stay revoked, and are not returned.
  /// Call again, or look with inspect().
  /// @par Blocking
  /// Blocks for at most operation_timeout plus 100 ms, for each command.
  /// @param id The lock's id.
  /// @param token Fencing token of the holder to revoke; none for all holders.
  /// @param how What to do with the lock.
  /// @return The revoked holders. Empty if there are none, or none with `token`.
  /// @throws dlock::error as inspect(). It is in doubt if a command got no answer.
  std::vector<lock_holder> revoke(const std::string& id, std::optional<std::int64_t> token = {},
                                  revocation how = revocation::when_released);

  /// Publishes another note for a holder in any process: see lease::set_note(). For helpers of the holder that know its
  /// lease::owner(), such as the processes under `dlock run` (DLOCK_OWNER).
  ///
  /// It also renews the lease on the server, once. The holder itself does not hear of that.
  ///
  /// If two publish a note at the same time, the later one stays.
  ///
  /// With lock_options::local_turns or linger, several owners use one grant, one after the other. The client that has
  /// the lease knows whether the turn of `owner` is over, and then returns false. Another client cannot know that, and
  /// sets the note of the present turn. That note stays until somebody sets another one, or until the next grant.
  /// @par Blocking
  /// Blocks for at most two operation_timeouts plus 100 ms.
  /// @param id The lock's id.
  /// @param owner lease::owner() of the holder.
  /// @param note The note; "" for none. At most 1,024 bytes of UTF-8 without NUL.
  /// @return False if this owner does not hold the lock any more.
  /// @throws dlock::error with errc::invalid_argument if `id` or `note` is not valid.
  /// @throws dlock::error with errc::unavailable (retryable, perhaps in doubt) if no answer came in time, or if others
  ///   changed the note again and again.
  /// @throws dlock::error as inspect().
  [[nodiscard]] bool set_note(const std::string& id, const std::string& owner, std::string note);

  /// Reads what ran under a lock lately, as record() has recorded it.
  /// @par Blocking
  /// Blocks for at most operation_timeout plus 100 ms.
  /// @param id The lock's id. The history stays when the lock's document is swept.
  /// @return The newest runs, at most 20, the newest first.
  /// @throws dlock::error with errc::invalid_argument if the id is not valid.
  /// @throws dlock::error see @ref client_errors "Errors of the client". To read the history needs a right of its own:
  ///   see docs/security.md.
  [[nodiscard]] std::vector<past_run> history(const std::string& id) const;

  /// Records a run under a lock, for history(). Call it while the lock is held, so that the next holder sees it. A
  /// majority of the replica set has acknowledged it when this function returns.
  ///
  /// If the history already has a run with this past_run::owner, that one is replaced. But a run that was recorded as
  /// lost stays lost, and one that has an end keeps it if `run` has none (run_end::unknown).
  /// @par Blocking
  /// Blocks for at most `timeout` plus 100 ms.
  /// @param id The lock's id.
  /// @param run What ran. `who`, `ended` and `ago` are ignored: this client and the server set them.
  /// @param timeout Limit in ms; must be positive.
  /// @throws dlock::error with errc::invalid_argument if the id, `run` or `timeout` is not valid.
  /// @throws dlock::error see @ref client_errors "Errors of the client". It is in doubt if a command got no answer.
  void record(const std::string& id, const past_run& run, std::chrono::milliseconds timeout);

  /// The options in force. @return The options, with defaults filled in.
  /// @throws dlock::error with errc::closed (only if the client was moved from) or errc::forked.
  [[nodiscard]] const client_options& options() const;

 private:
  friend class mutex;
  friend class shared_mutex;
  friend class semaphore;
  friend class election;
  friend struct detail::testing;
  DLOCK_LOCAL explicit client(std::shared_ptr<detail::runtime> core) noexcept;
  DLOCK_LOCAL [[nodiscard]] detail::runtime& core() const;
  std::shared_ptr<detail::runtime> core_;
};

}  // namespace dlock
