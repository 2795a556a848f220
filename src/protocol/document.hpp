#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// The lock's document and what may be asked of it. docs/protocol.md explains both. Pure values, no I/O.
/// Times are milliseconds since the Unix epoch on the server's clock; durations are milliseconds.
namespace dlock::protocol {

using ms = std::int64_t;

/// A step of the fencing token per grant; the room between two tokens is for sub-tokens.
inline constexpr std::int64_t token_step = 1000;
/// Tokens stay below 2^53, so that every language's JSON can carry them.
inline constexpr std::int64_t token_limit = std::int64_t{1} << 53;
/// How far above the server's clock a token may be, in its unit. A burst of grants gets ahead of the clock by their
/// number, and a clock that is set back by as much as it is; what is higher was not given by a server.
inline constexpr ms token_lead = 365 * 86'400'000LL;
/// The first number that is no token any more.
[[nodiscard]] constexpr std::int64_t end_of_tokens(ms now) {
  return (now + token_lead) * token_step;
}
/// Whether a server may have granted it at about `now`.
[[nodiscard]] constexpr bool is_token(std::int64_t fence, ms now) {
  return fence > 0 && fence < token_limit && fence < end_of_tokens(now);
}

/// What a holder or waiter asks for: the lock alone, or `weight` of its capacity.
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
  bool announced = true;  // false from an admission by somebody else's command until the owner's own
  bool revoked = false;   // an operator took it away: its lease is not renewed any more
  std::string value;      // what it publishes
  std::int64_t seq = 0;   // of its last amend; 0: it has never been amended
  // With observed expiry only: another `beat` at each command of its owner; once it was seen unchanged for `span`,
  // others may remove the entry.
  std::int64_t beat = 0;
  ms span = 0;
  /// Nobody holds it any more: a release left it, so that the lock stays taken for a while.
  [[nodiscard]] bool is_kept() const { return id.ends_with("/kept"); }
  bool operator==(const holder&) const = default;
};

struct waiter {
  std::string id;
  claim what;
  ms delta = 0;
  ms term = 0;  // the lease that an heir gets until its first command of its own
  ms seen = 0;
  ms until = 0;
  std::string who;
  std::string client;
  ms since = 0;
  std::string value;
  std::int64_t beat = 0;  // as a holder's
  ms span = 0;
  bool operator==(const waiter&) const = default;
};

/// An acquisition that was given up before its request was answered; enqueue and try refuse its id.
struct tombstone {
  std::string id;
  ms until = 0;
  bool operator==(const tombstone&) const = default;
};

/// `lockd` as mongo-dlock and we write it.
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
  bool observed = false;  // of observed expiry; then there is neither lockd nor a time
  bool operator==(const document&) const = default;
};

enum class operation {
  try_,
  enqueue,
  heartbeat,
  peek,  // a waiter looks how things are, and changes nothing
  renew,
  release,
  cancel,
  amend,   // a holder asks for less (downgrade), or publishes another value
  revoke,  // a holder is taken off by somebody else: its lease ends when it lets go, or at its `until`
  resize,  // another capacity; waiters that do not fit it any more leave
};

/// With observed expiry: an entry at a certain beat.
struct pulse {
  std::string id;
  std::int64_t beat = 0;
  bool operator==(const pulse&) const = default;
};

/// So many tombstones are kept with observed expiry, where no clock says when they are over.
inline constexpr std::int64_t tombstones = 32;

struct request {
  operation op = operation::try_;
  std::string lock;  // the document's _id
  std::string id;    // this acquisition
  claim what;
  std::int64_t cap = 0;  // 0 = none
  /// amend: only if the holder's is lower, so that a late copy undoes nothing. Another one for each amend of a holder.
  std::int64_t seq = 0;
  /// resize: only if the document's is this one, for the same reason.
  std::int64_t resized = 0;
  ms delta = 5000;         // TTL
  ms life = 15000;         // how long a waiter's entry lives without a heartbeat
  ms term = 5000;          // see waiter::term
  ms skew = 500;           // an entry ends for others this long after its `until`
  ms keep = 0;             // release: stay until this long after the grant; with observed expiry, for so long from now
  ms tomb = 0;             // cancel: leave a tombstone for so long
  std::int64_t floor = 0;  // the highest token this client has seen
  std::string who;
  std::string client;
  std::string value;
  /// A hint: the short form may do (short_form.hpp). Only for the first command of an id.
  bool brief = false;
  bool observed = false;      // the lock is of observed expiry (docs/adr/0016-observed-expiry.md)
  std::vector<pulse> expire;  // try, enqueue and heartbeat: entries that were watched for their span; gone if still so
};

/// Whether the operation only reads: what it sees is what a majority has acknowledged, and no reason to believe
/// anything.
[[nodiscard]] inline bool only_reads(const request& r) noexcept {
  return r.op == operation::peek;
}
/// Whether the operation may create the document.
[[nodiscard]] inline bool creates(const request& r) noexcept {
  return r.op == operation::try_ || r.op == operation::enqueue || (r.op == operation::cancel && r.tomb > 0);
}
/// Whether the operation needs a holder of its id in a lock that is ours, and finds nothing without.
[[nodiscard]] inline bool targets_holder(const request& r) noexcept {
  return r.op == operation::renew || r.op == operation::release || r.op == operation::amend ||
         r.op == operation::revoke;
}
/// Whether the operation is one of somebody who waits: with observed expiry it expires others, and its reply has signs.
[[nodiscard]] inline bool watches(const request& r) noexcept {
  return r.op == operation::try_ || r.op == operation::enqueue || r.op == operation::heartbeat;
}
/// So many of the waiters just before its own are in such a reply.
inline constexpr std::int64_t watched_waiters = 3;

/// A holder as everybody sees it.
struct holder_summary {
  std::string who;
  std::int64_t fence = 0;
  ms until = 0;
  bool operator==(const holder_summary&) const = default;
};

/// A holder that was admitted by somebody else's command and has not been heard of since.
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

/// What the server says after an operation: constant size, whatever the queue (but for the heirs, and the signs).
struct reply {
  bool found = false;         // a document answered to the operation
  bool valid = true;          // ... and it is a lock, of the expiry that was asked for
  bool other_expiry = false;  // it is a lock of the other expiry
  std::string defect;         // not valid, because of this field, "fence" or "rev": no server has written such a number
  ms now = 0;
  std::int64_t rev = 0;
  std::int64_t fence = 0;
  std::int64_t cap = 0;
  std::int64_t resized = 0;
  std::optional<holder> mine;           // my entry among the holders
  std::int64_t place = -1;              // my place among the waiters; -1 = none
  bool dead = false;                    // my id has a tombstone
  std::int64_t holders = 0;             // their number
  std::int64_t queue = 0;               // waiters
  std::optional<holder_summary> first;  // the first holder
  std::optional<ms> next_end;           // the earliest `until` among the holders
  std::optional<ms> head_until;         // peek: the first waiter's `until`
  std::optional<ms> foreign_until;      // mongo-dlock holds it: its `et`
  std::vector<heir> heirs;
  std::vector<sign> signs;  // try, enqueue and heartbeat, with observed expiry: the holders, and those just before me
  bool instead = false;     // a peek was asked for, and this is the answer to a heartbeat
  bool operator==(const reply&) const = default;
};

}  // namespace dlock::protocol
