#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace dlock {

enum class log_level { debug, info, warning, error };

/// Receives the library's messages (docs/operations.md lists them), the MongoDB driver's own included (those of all
/// clients in the process: the driver has one log). Each is one line, and printable() (text.hpp). Called one message at
/// a time on a thread that does nothing else, never under a lock, never after the client and its leases are gone. An
/// exception from it is swallowed. Without one the library says nothing: it never prints.
///
/// libmongoc's log handler is the process's, not a client's: the first client that is made replaces it (also if no
/// `log` is given: then the driver's messages go nowhere) and calls mongoc_init(). A program that uses libmongoc or
/// mongocxx itself sets its handler again after that; dlock then only misses the driver's messages. dlock never calls
/// mongoc_cleanup(), and no program needs to. Whoever does, as mongocxx::instance does when it is destroyed, must do it
/// after all clients and leases are gone, and if the server was out of reach 15 s later: a thread that is stuck in the
/// driver is let go of (client::close()), and its time-outs are three of up to 5 s.
using log_callback = std::function<void(log_level level, std::string_view message)>;

/// How it is judged that a holder is gone, so that its lock may pass on. All who use a lock must agree.
enum class expiry {
  /// By the server's clock, which ends a lease at its `until`; `clock_skew` is the allowance for servers that disagree.
  server_clock,
  /// By whoever waits: the holder's entry has not changed for its whole lease on the waiter's own clock. No server's
  /// clock matters, however far it jumps. The price: a take-over may take up to a lease longer; a try takes over only
  /// if this client has watched for so long by earlier tries or waits; idle documents are never swept; mongo-dlock
  /// cannot use the lock. docs/adr/0016-observed-expiry.md.
  observed,
};

/// What a client is made of. Names and defaults are mongo-dlock's; where a default differs, it says so.
/// Everything is checked by the client's constructor, before any I/O.
struct client_options {
  /// MongoDB connection string. A URL that names one member discovers the member's replica set, unless it says
  /// `directConnection=true`. `w`, `journal`, `readPreference` and `retryWrites` in it do not affect locks.
  /// `socketTimeoutMS`, `connectTimeoutMS`, `serverSelectionTimeoutMS` and `waitQueueTimeoutMS` are lowered to a third
  /// of the client's exp_delta (0.5 to 5 s; at most half of operation_timeout), `heartbeatFrequencyMS` to 2 s; smaller
  /// values stay. `maxPoolSize` (default: 100) is how many commands may be under way at once; for renewals and
  /// notifications there are up to 24 connections on top. Connections are opened when they are needed, and kept; a
  /// thread that waits for a lock needs none. docs/operations.md has more on sizes.
  std::string url = "mongodb://localhost:27017";

  /// Database and collection of the locks, at most 63 and 190 bytes. Every process that shares a lock must use the
  /// same.
  std::string db = "dlocks";
  std::string coll = "dlocks";

  /// Connection string, with database, of the notification channel.
  /// Default: `mongodb://localhost:27017/mongo_dlock_notif` if `url` has its default too, else `url`'s server and
  /// credentials with database mongo_dlock_notif (mongo-dlock stays with localhost there). If it is given, even as the
  /// same server, it has a pool of connections of its own.
  std::optional<std::string> notif_url;

  /// The channel's collection, at most 190 bytes; the inboxes' names begin with it. Not the locks' own.
  std::string notif_channel = "mongo_dlock_notif";

  /// Seconds after a lock's end at which MongoDB's TTL index may remove its document. 1 s to 2^31-1 s.
  /// An existing index with another value is adopted, with one warning.
  /// Below 30 s it may remove what keeps a late request out (a tombstone, docs/protocol.md): if a command of an
  /// acquisition that was given up arrives after that, the lock is taken for one exp_delta although nobody holds it.
  /// Two never hold it.
  std::chrono::seconds grace{60};

  /// Lease time (TTL): how long an acquired lock stays valid unless it is renewed. 200 ms to a year.
  /// Let the client's be the shortest of all its locks: the limit of a single wait for the network follows from this
  /// one (see url), not from lock_options::exp_delta. With 30 s here that is 5 s, and a lock of 2 s is lost as soon as
  /// one renewal gets onto a connection on which nothing comes back. Longer ones lose nothing by it.
  std::chrono::milliseconds exp_delta{5000};

  /// Whether held locks are renewed in the background. mongo-dlock's default is off; here it is on.
  bool autorefresh = true;

  /// The longest time between two looks at the lock while waiting for it. 50 ms to a year.
  std::chrono::milliseconds wait_lock_period{5000};

  /// How far two clocks of the server's members (or two mongos) may be apart: a rival may take a lease over only
  /// this long after its end. 0 to 1 hour. Use one value in the whole fleet. No mongo-dlock counterpart.
  std::chrono::milliseconds clock_skew{500};

  /// Of the locks that say nothing else. No mongo-dlock counterpart.
  dlock::expiry expiry = dlock::expiry::server_clock;

  /// The limit of the constructor's first contact. The default is more than an election takes. What waiting cannot mend
  /// (credentials, a certificate, the name of the set) is an error at once. 100 ms to a year. No mongo-dlock
  /// counterpart.
  std::chrono::milliseconds connect_timeout{30000};

  /// The time a call without a deadline of its own may take to reach the server and get an answer. 100 ms to 1 hour.
  std::chrono::milliseconds operation_timeout{10000};

  /// For people, stored with what this client holds. Default: "host:pid program". At most 200 bytes of UTF-8.
  std::optional<std::string> who;

  /// See log_callback. Default: none.
  log_callback log;
};

/// What a lock is made of; what is not given comes from the client.
struct lock_options {
  /// Locks of equal id are the same lock. 1 to 1,000 bytes of UTF-8 without NUL. Default: a new UUID v4.
  std::optional<std::string> id;
  /// Not shorter than the client's: see client_options::exp_delta.
  std::optional<std::chrono::milliseconds> exp_delta;
  std::optional<bool> autorefresh;
  std::optional<std::chrono::milliseconds> wait_lock_period;
  std::optional<dlock::expiry> expiry;
};

}  // namespace dlock
