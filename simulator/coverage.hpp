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
  frozen,
  killed,
  unheard,      // a grant notice that is lost
  late_notice,  // ... or that comes late
};
inline constexpr std::size_t faults = 13;

/// What the client is doing when the fault happens: a request of this kind is under way, or none is.
enum class state { trying, enqueuing, beating, peeking, waiting, renewing, holding, amending, releasing, undoing };
inline constexpr std::size_t states = 10;

[[nodiscard]] const char* to_string(fault f) noexcept;
[[nodiscard]] const char* to_string(state s) noexcept;

/// What a run, or many runs, have really tried. A run that tries little proves little.
struct coverage {
  std::int64_t runs = 0;
  std::int64_t acquired = 0;
  std::int64_t contended = 0;  // of these: somebody else had the lock or waited for it before
  std::int64_t elections = 0;
  std::int64_t lost = 0;     // leases
  std::int64_t resized = 0;  // semaphores
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
  /// Several lines, for people.
  [[nodiscard]] std::string text() const;
};

/// Whether this pair can happen. For example, a grant notice needs a waiter, and a peek changes nothing that could be
/// rolled back.
[[nodiscard]] bool possible(fault f, state s) noexcept;

}  // namespace dlock::simulator
