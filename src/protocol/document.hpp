#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The document of a lock, and the requests and replies. docs/protocol.md explains them. Pure values, no I/O.
/// Times are milliseconds since the Unix epoch on the server's clock. Durations are in milliseconds.
namespace dlock::protocol {

using ms = std::int64_t;

/// By how much the fencing token rises with each grant. The numbers between two tokens are for sub-tokens.
inline constexpr std::int64_t token_step = 1000;
/// Tokens stay below 2^53, so that JSON can carry them in every language.
inline constexpr std::int64_t token_limit = std::int64_t{1} << 53;
/// How far a token may be ahead of the server's clock, in the unit of that clock. A burst of grants gets ahead of the
/// clock by the number of grants. A clock that is set back leaves the tokens ahead by as much as it is set back. No
/// server has given a token that is higher than this.
inline constexpr ms token_lead = 365 * 86'400'000LL;
/// The smallest number that is too high for a token.
[[nodiscard]] constexpr std::int64_t end_of_tokens(ms now) {
  return (now + token_lead) * token_step;
}
/// Whether a server may have granted it at about `now`.
[[nodiscard]] constexpr bool is_token(std::int64_t fence, ms now) {
  return fence > 0 && fence < token_limit && fence < end_of_tokens(now);
}

/// What a holder or waiter asks for: the lock alone (exclusive), or `weight` units of its capacity.
struct claim {
  bool exclusive = true;
  std::int64_t weight = 0;  // 0 if exclusive
  bool operator==(const claim&) const = default;
};

struct holder {
  std::string id;
  claim what;
  ms delta = 0;
  ms since = 0;
  ms until = 0;
  std::int64_t fence = 0;
  std::string who;
  std::string client;
  bool announced = true;  // false for an heir: admitted by a command of another one, no command of its own since
  bool revoked = false;   // somebody has revoked it: its lease is not renewed any more
  std::string value;      // what the holder publishes
  std::int64_t seq = 0;   // the number of its last amend; 0: never amended
  // With observed expiry only. Each command of the owner changes `beat`. If others have seen the same beat for the time
  // `span`, they may remove the entry.
  std::int64_t beat = 0;
  ms span = 0;
  /// A kept entry: nobody owns it any more. A release has left it, so that the lock stays taken for a while.
  [[nodiscard]] bool is_kept() const { return id.ends_with("/kept"); }
  bool operator==(const holder&) const = default;
};

struct waiter {
  std::string id;
  claim what;
  ms delta = 0;
  ms term = 0;  // the first term: the lease that it gets as an heir, until its own first command
  ms seen = 0;
  ms until = 0;
  std::string who;
  std::string client;
  ms since = 0;
  std::string value;
  std::int64_t beat = 0;  // see holder::beat
  ms span = 0;
  bool operator==(const waiter&) const = default;
};

/// An acquisition that was given up before its request was answered. The server refuses a try or an enqueue with its
/// id.
struct tombstone {
  std::string id;
  ms until = 0;
  bool operator==(const tombstone&) const = default;
};

/// The end of the id of an acquisition whose owner may keep the lease for a while after it has used it
/// (docs/adr/0032-linger.md).
inline constexpr std::string_view linger_mark = "/linger";
[[nodiscard]] inline bool lingers(const std::string& id) {
  return id.ends_with(linger_mark);
}

/// The values of `lockd` that mongo-dlock and dlock write.
enum class lockd_flag { absent, one, yes, no };

struct document {
  std::int64_t fence = 0;
  std::int64_t rev = 0;
  std::int64_t cap = 0;      // 0 = absent: no capacity
  std::int64_t resized = 0;  // `rev` of the last transition that changed the capacity; 0 = absent
  std::vector<holder> holders;
  std::vector<waiter> waiters;
  std::vector<tombstone> gone;
  lockd_flag lockd = lockd_flag::absent;
  std::optional<ms> ct, et, mine;
  bool observed = false;  // it has observed expiry; then lockd, ct, et and mine are absent
  bool operator==(const document&) const = default;
};

enum class operation {
  try_,
  enqueue,
  heartbeat,
  peek,  // a waiter polls without changing anything
  renew,
  release,
  cancel,
  amend,   // a holder asks for less (downgrade), or publishes another value
  revoke,  // marks a holder, usually of another client: its lease ends when it releases, or at its `until`
  resize,  // changes the capacity; waiters that do not fit any more are removed
};

/// Which command carries a request out. Only `whole` does what the operation says in every case. The others are tried
/// first where they may be enough, and change nothing in other cases (short_form.hpp, express.hpp).
enum class form { whole, brief, express };

/// With observed expiry: an entry, and the beat that was seen.
struct pulse {
  std::string id;
  std::int64_t beat = 0;
  bool operator==(const pulse&) const = default;
};

/// How many tombstones are kept with observed expiry. There, no clock tells when they expire.
inline constexpr std::int64_t tombstones = 32;

struct request {
  operation op = operation::try_;
  std::string lock;  // the document's _id
  std::string id;    // this acquisition
  claim what;
  std::int64_t cap = 0;  // 0 = none
  /// amend: takes effect only if the `seq` of the holder is lower, so that a late copy undoes nothing. Each amend of a
  /// holder has another one.
  std::int64_t seq = 0;
  /// resize: takes effect only if `resized` of the document has this value, for the same reason.
  std::int64_t resized = 0;
  ms delta = 5000;         // TTL
  ms life = 15000;         // how long the entry of a waiter lives without a heartbeat
  ms term = 5000;          // see waiter::term
  ms skew = 500;           // for others, an entry expires this long after its `until`
  ms keep = 0;             // release: keep the entry until since + keep; with observed expiry, until now + keep
  ms tomb = 0;             // cancel: leave a tombstone for this time
  std::int64_t floor = 0;  // the highest token this client has seen
  std::string who;
  std::string client;
  std::string value;
  /// release: in the express form, the primary's acknowledgement is enough (docs/adr/0030-early-release.md).
  bool early = false;
  /// A hint. A try or an enqueue may be tried in another form only if it is the first command of its id.
  form how = form::whole;
  bool observed = false;  // the lock has observed expiry (docs/adr/0016-observed-expiry.md)
  /// try, enqueue and heartbeat, with observed expiry: entries that were watched for their span. They are removed if
  /// they still have the same beat.
  std::vector<pulse> expire;
};

/// Whether the operation only reads. It reads what a majority has acknowledged, but the result proves nothing.
[[nodiscard]] inline bool only_reads(const request& r) noexcept {
  return r.op == operation::peek;
}
/// Whether the operation may create the document.
[[nodiscard]] inline bool creates(const request& r) noexcept {
  return r.op == operation::try_ || r.op == operation::enqueue || (r.op == operation::cancel && r.tomb > 0);
}
/// Whether the operation needs a holder with its id, in a lock that mongo-dlock has not taken. Otherwise it finds no
/// document.
[[nodiscard]] inline bool targets_holder(const request& r) noexcept {
  return r.op == operation::renew || r.op == operation::release || r.op == operation::amend ||
         r.op == operation::revoke;
}
/// Whether the operation belongs to somebody who wants the lock. With observed expiry, such an operation removes
/// expired entries of others, and its reply has signs.
[[nodiscard]] inline bool watches(const request& r) noexcept {
  return r.op == operation::try_ || r.op == operation::enqueue || r.op == operation::heartbeat;
}
/// How many of the waiters just before its own place are in such a reply.
inline constexpr std::int64_t watched_waiters = 3;

/// What everybody may see of a holder.
struct holder_summary {
  std::string who;
  std::int64_t fence = 0;
  ms until = 0;
  // Only if its owner may keep the lease for a while after it has used it:
  std::string lingering = {};  // its id
  std::string client = {};     // whose inbox a recall goes to
  bool operator==(const holder_summary&) const = default;
};

/// A holder that was admitted by the command of another acquisition, and that has not sent a command since.
struct heir {
  std::string id;
  std::string client;
  std::int64_t fence = 0;
  ms since = 0;
  ms until = 0;
  bool operator==(const heir&) const = default;
};

/// With observed expiry: an entry that has to be watched.
struct sign {
  std::string id;
  std::int64_t beat = 0;
  ms span = 0;
  bool operator==(const sign&) const = default;
};

/// What the server says after an operation. Its size does not depend on the queue (except for the heirs and the signs).
struct reply {
  bool found = false;         // the operation found a document
  bool valid = true;          // ... and it is a lock, with the kind of expiry that was asked for
  bool other_expiry = false;  // it is a lock with the other kind of expiry
  std::string defect;         // the field that makes it not valid, "fence" or "rev": no server wrote such a number
  ms now = 0;
  std::int64_t rev = 0;
  std::int64_t fence = 0;
  std::int64_t cap = 0;
  std::int64_t resized = 0;
  std::optional<holder> mine;           // my entry among the holders
  std::int64_t place = -1;              // my place among the waiters; -1 = none
  bool dead = false;                    // my id has a tombstone
  std::int64_t holders = 0;             // number of holders
  std::int64_t queue = 0;               // number of waiters
  std::optional<holder_summary> first;  // the first holder
  std::optional<ms> next_end;           // the earliest `until` among the holders
  std::optional<ms> head_until;         // peek: `until` of the first waiter
  std::optional<ms> foreign_until;      // mongo-dlock holds it: its `et`
  std::vector<heir> heirs;
  /// try, enqueue and heartbeat, with observed expiry: the holders, and the waiters just before me.
  std::vector<sign> signs;
  bool instead = false;  // a peek was asked for, but this is the answer to a heartbeat
  /// Only in an answer to the short or the express form: nobody else holds or waits, and there is no tombstone. So the
  /// express form may be enough next time.
  bool calm = false;
  bool operator==(const reply&) const = default;
};

}  // namespace dlock::protocol
