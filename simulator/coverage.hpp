#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace dlock::simulator {

/// The faults that can hit a client.
enum class fault {
  lost_request,
  lost_reply,
  late_request,  // may arrive when nobody waits for it any more
  late_reply,
  doubled_request,
  no_primary,
  not_primary,
  write_concern,
  rolled_back,
  refused,       // not authorized: nothing was executed
  server_error,  // ... and nobody knows whether it was executed
  interrupted,   // by the server, which may have executed it
  not_executed,  // all connections are busy
  too_large,     // the document would be too large
  no_thread,     // that could send it
  frozen,
  killed,
  closed,
  clock_was_set,
  unheard,      // a grant notice that is lost
  late_notice,  // ... or that comes late
  deaf,         // the inbox is closed for some time
  revoked,
  edited,      // by hand: the document is deleted, or its holders are taken out
  not_a_lock,  // the document is replaced by something else, or has a number that no server gave
};
inline constexpr std::size_t faults = 25;

/// What the client is doing when the fault happens. One of its machines has a request on its way ...
enum class state {
  trying,
  enqueuing,
  beating,
  peeking,
  renewing,
  looking,  // a holder peeks
  amending,
  releasing,
  asking,  // revoke, resize
  reading,
  undoing,
  giving_back,  // a release in the background
  // ... or it has not:
  waiting,  // in the queue
  behind,   // another call of its process: it waits for its turn, locally
  retrying,
  leaving,  // the queue, after the call was cancelled
  holding,
  resting,      // a release, before it is repeated
  asking_soon,  // the same for amend, revoke, resize and read
  undoing_soon,
};
inline constexpr std::size_t states = 20;

[[nodiscard]] const char* to_string(fault f) noexcept;
[[nodiscard]] const char* to_string(state s) noexcept;

/// What a run, or many runs, have really tried. A run that tries little proves little.
struct coverage {
  std::int64_t runs = 0;
  std::int64_t acquired = 0;
  std::int64_t contended = 0;  // of these: somebody else had the lock or waited for it before
  std::int64_t nested = 0;     // of these: the process' user had another lock already
  std::int64_t passed_on = 0;  // of these: the lease of another call of the process passed on
  std::int64_t elections = 0;
  std::int64_t lost = 0;      // leases
  std::int64_t resized = 0;   // semaphores
  std::int64_t combined = 0;  // requests that went together with others
  std::int64_t renewed = 0;   // of these: renewals
  std::int64_t brief = 0;     // commands in short form
  std::int64_t express = 0;   // ... in express form
  std::int64_t early = 0;     // releases that only the primary had acknowledged
  std::int64_t by_announcement = 0;
  std::int64_t excused_clock = 0;  // overlaps after a server's clock jumped by more than clock_skew
  std::int64_t excused_edit = 0;   // ... after an edit by an operator
  std::array<std::array<std::int64_t, states>, faults> hits{};

  void hit(fault f, state s) noexcept { ++hits[static_cast<std::size_t>(f)][static_cast<std::size_t>(s)]; }
  [[nodiscard]] std::int64_t all_faults() const noexcept;
  coverage& operator+=(const coverage& o) noexcept;

  /// Why this is too little to prove anything. Empty if it is enough. If there were enough acquisitions, every fault is
  /// required in every state.
  [[nodiscard]] std::vector<std::string> vacuous() const;
  /// Some lines, for people.
  [[nodiscard]] std::string text() const;
  /// How often each fault happened in each state, and why some of them cannot.
  [[nodiscard]] std::string table() const;
};

/// Why this pair cannot happen. Null: it can.
[[nodiscard]] const char* impossible(fault f, state s) noexcept;

}  // namespace dlock::simulator
