#pragma once

/// @file
/// Configuration of clients and of locks.

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace dlock {

/// Severity of a log message. docs/operations.md lists dlock's messages and their levels.
enum class log_level {
  debug,    ///< Details of the MongoDB driver.
  info,     ///< Progress, for example that notifications work again.
  warning,  ///< A problem that dlock works around, for example a renewal without an answer.
  error     ///< A lost lease, or a user callback that threw an exception.
};

/// Callback for the library's messages (docs/operations.md lists them). Without one the library is silent: it never
/// prints.
///
/// - It also gets the messages of the MongoDB driver. The driver has one log per process, so these are of all clients.
/// - Each message is one line and printable() (text.hpp).
/// - It is called for one message at a time, on a thread that does nothing else. No mutex of the library is held
///   meanwhile.
/// - It is never called after the client and its leases are gone.
/// - An exception from it is swallowed.
///
/// @par Use of libmongoc in the same process
/// libmongoc has one log handler per process, not per client. The first client replaces it and calls mongoc_init().
/// This also happens if no `log` is given; the driver's messages are then dropped.
/// @par
/// A program that uses libmongoc or mongocxx itself sets its own handler after that. dlock then only misses the
/// driver's messages.
/// @par
/// dlock never calls mongoc_cleanup(), and no program needs to. If you call it (mongocxx::instance does, in its
/// destructor), do so after all clients and leases are gone. If the server was out of reach, wait 15 s more: a thread
/// may still be in the driver, for up to three time-outs of up to 5 s each.
using log_callback = std::function<void(log_level level, std::string_view message)>;

/// How waiters judge that a holder is gone, so that the lock may pass on. All users of a lock must agree.
enum class expiry {
  /// By the server's clock. A lease ends at the time `until` in its document. client_options::clock_skew allows for
  /// servers whose clocks differ.
  server_clock,
  /// By the waiter's own clock. A holder is gone if its entry has not changed for its whole lease while the waiter
  /// watched. No server's clock matters, however far it jumps. (The idea: Kubernetes' leader election.)
  ///
  /// The price:
  /// - A take-over may take up to one lease longer.
  /// - A try takes over only if earlier tries or waits of this client have watched for so long.
  /// - Idle documents are never swept.
  /// - mongo-dlock cannot use the lock.
  ///
  /// See docs/adr/0016-observed-expiry.md.
  observed,
};

/// Client configuration.
///
/// Names and defaults are mongo-dlock's. An option whose default differs, or that mongo-dlock does not have, says so.
/// The client's constructor checks every option before any I/O, and throws errc::invalid_argument.
struct client_options {
  /// MongoDB connection string.
  ///
  /// - A URL that names one member finds the member's replica set, unless it has `directConnection=true`.
  /// - `w`, `journal`, `readPreference` and `retryWrites` in it have no effect on locks.
  /// - `socketTimeoutMS`, `connectTimeoutMS`, `serverSelectionTimeoutMS` and `waitQueueTimeoutMS` are lowered to a
  ///   third of exp_delta (at least 0.5 s and at most 5 s), and to at most half of operation_timeout. Smaller values
  ///   stay.
  /// - `heartbeatFrequencyMS` is lowered to 2 s. Smaller values stay.
  /// - `maxPoolSize` (default: 100) is the number of commands that may run at once. Up to 24 more connections serve
  ///   renewals and notifications.
  ///
  /// Connections are opened when they are needed, and kept. A thread that waits for a lock needs none.
  /// docs/operations.md has more on sizes.
  std::string url = "mongodb://localhost:27017";

  /// Database of the locks. At most 63 bytes. All processes that share a lock must use the same one.
  std::string db = "dlocks";
  /// Collection of the locks. At most 190 bytes. All processes that share a lock must use the same one.
  std::string coll = "dlocks";

  /// Connection string, with database, of the notification channel.
  ///
  /// - Default: the servers and credentials of `url`, with the database `mongo_dlock_notif`. (mongo-dlock's default is
  ///   always localhost.)
  /// - If it is given, even with the same servers, it has a connection pool of its own.
  std::optional<std::string> notif_url;

  /// Collection of the notification channel. At most 190 bytes. The names of the inboxes (the other collections of the
  /// channel) begin with it. It must not be the collection of the locks.
  std::string notif_channel = "mongo_dlock_notif";

  /// Time from the last use of a lock until MongoDB's TTL index may remove its document, in s. 1 s to 2^31-1 s.
  ///
  /// If the collection has an index with another value, that one is used, and the log has a warning.
  ///
  /// Below 30 s, the index may remove the document too early, with the mark that refuses late commands of an abandoned
  /// acquisition (a tombstone: docs/protocol.md). Such a command can then take the lock for one exp_delta although
  /// nobody holds it. Two clients never hold it.
  std::chrono::seconds grace{60};

  /// Lease time (TTL), in ms: how long an acquired lock stays valid without renewal. 200 ms to one year.
  ///
  /// This value should be the shortest of all locks of the client: the limit for a single wait for the network follows
  /// from it (see url), not from lock_options::exp_delta. Example: with 30 s here, that limit is 5 s. So if one renewal
  /// is sent on a dead connection, a lock with 2 s is lost. A short value here does no harm to locks with a longer TTL.
  std::chrono::milliseconds exp_delta{5000};

  /// Whether held locks are renewed in the background. mongo-dlock's default is off.
  bool autorefresh = true;

  /// Longest time between two polls of a waiter, in ms. 50 ms to one year. A waiter polls in case a notification is
  /// lost.
  std::chrono::milliseconds wait_lock_period{5000};

  /// Maximum clock difference between members of the replica set (or between two mongos), in ms. 0 to 1 hour.
  ///
  /// A waiter takes a lock over only this long after the end of the holder's lease. Use the same value in all
  /// processes. mongo-dlock has no such option.
  std::chrono::milliseconds clock_skew{500};

  /// Expiry of the locks whose lock_options::expiry is not set. mongo-dlock has no such option.
  dlock::expiry expiry = dlock::expiry::server_clock;

  /// Limit for the constructor's first contact with the server, in ms. 100 ms to one year.
  ///
  /// The default is longer than an election takes. Problems that waiting cannot solve (credentials, a certificate, the
  /// name of the replica set) fail at once. mongo-dlock has no such option.
  std::chrono::milliseconds connect_timeout{30000};

  /// Time within which a call without a timeout of its own must get an answer from the server, in ms. 100 ms to 1 hour.
  /// mongo-dlock has no such option.
  std::chrono::milliseconds operation_timeout{10000};

  /// Description of this client for people. It is stored with what this client holds. At most 200 bytes of UTF-8
  /// without NUL. Default: "host:pid program". mongo-dlock has no such option.
  std::optional<std::string> who;

  /// Callback for log messages: see log_callback. Default: none. mongo-dlock has no such option.
  log_callback log;

  /// Makes the label under which client::metrics() counts a lock, from the lock's id. Default: none, then locks are
  /// counted by kind only.
  ///
  /// - The first 100 labels that it returns are counted. All others count together, as `other`. So it must map ids to
  ///   few labels, for example `order-4711` to `order`.
  /// - It is called at each acquisition, on the calling thread. No mutex of the library is held meanwhile. It must be
  ///   thread-safe and fast, and give the same label for the same id.
  /// - If it throws, the acquisition counts as `other`.
  ///
  /// mongo-dlock has no such option.
  std::function<std::string(std::string_view id)> metrics_label;
};

/// Lock configuration. What is not given comes from the client.
struct lock_options {
  /// The lock's id. Locks with equal ids are the same lock. 1 to 1,000 bytes of UTF-8 without NUL. Default: a new UUID
  /// v4.
  std::optional<std::string> id;
  /// See client_options::exp_delta. It should not be shorter than the client's.
  std::optional<std::chrono::milliseconds> exp_delta;
  std::optional<bool> autorefresh;                            ///< See client_options::autorefresh.
  std::optional<std::chrono::milliseconds> wait_lock_period;  ///< See client_options::wait_lock_period.
  std::optional<dlock::expiry> expiry;                        ///< See client_options::expiry.
  /// Whether a release waits until a majority of the replica set has acknowledged it.
  ///
  /// By default, the release of a lock that nobody waits for returns when the primary has it, and the client confirms
  /// it in the background. If the primary fails before a majority has it, the lock is taken again: until the client
  /// releases it once more, about a second after the election of a new primary, or if the process is dead, until its
  /// lease ends. Two clients never hold it.
  ///
  /// dlock::election always waits for a majority. mongo-dlock has no such option.
  bool durable_release = false;

  /// How many calls of this client may use one grant of the lock, one after the other. 1 to 999. 1: each has its own.
  ///
  /// With more, the lease passes from a call that releases it to the next call of this client that waits for it,
  /// without a command to the server: many thousand times a second. Each turn has a higher fencing token. It is for
  /// locks that many threads of a process want, each for a short time. (The idea: lock cohorting, Dice and others
  /// 2012.)
  ///
  /// - It is for exclusive waits of a mutex or a shared_mutex with the same options, and with autorefresh. Elections
  ///   and semaphores ignore it.
  /// - Other processes wait longer: until so many turns are over, or until no turn begins any more. A turn begins only
  ///   within 100 ms of an answer of the server: that to the grant, or that to a renewal.
  /// - Events of the turns go to subscribers of this client only. Other clients get those of the grant and the release.
  ///
  /// See docs/adr/0031-local-turns.md. mongo-dlock has no such option.
  int local_turns = 1;

  /// For how long after its grant the client keeps a lease that was released and that nobody waits for, in ms. 0 (not
  /// at all) to half of exp_delta.
  ///
  /// If a call of this client wants the lock again before this time is over, it gets the lease at once, without a
  /// command to the server, with a higher fencing token. When the time is over, the lock is released on the server. It
  /// is for a lock that one process uses again and again, and others seldom.
  ///
  /// - If another client waits for the lock, this one is told (a recall), and releases it at once. Without
  ///   notifications, or if the waiter is an older version or mongo-dlock, the waiter waits until the time is over.
  /// - A try of another client waits for such a release for up to 1 s. So do not use it for locks that others only try.
  /// - If the process dies, others wait for the rest of its lease, as for any holder.
  /// - As local_turns, it is only for exclusive use with the same options, and with autorefresh. Elections and
  ///   semaphores ignore it.
  ///
  /// See docs/adr/0032-linger.md. mongo-dlock has no such option.
  std::chrono::milliseconds linger{0};

  /// What others see of the waiter, and then of the holder: what it does, for whom, how far it is. For people; it
  /// decides nothing. At most 1,024 bytes of UTF-8 without NUL. lease::set_note() changes it while the lock is held.
  ///
  /// It is stored in the lock's document, and everybody who may read the locks sees it. The value of an election is its
  /// note: one that is given to election::campaign() counts instead of this one. local_turns and linger pass a lease on
  /// only to a call with the same note. mongo-dlock has no such option.
  std::string note;
};

}  // namespace dlock
