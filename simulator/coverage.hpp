#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace dlock::simulator {

/// What may happen to a client.
enum class fault {
  lost_request,
  lost_reply,
  late_request,  // and perhaps when nobody waits for it any more
  late_reply,
  doubled_request,
  no_primary,
  not_primary,
  write_concern,
  rolled_back,
  frozen,
  killed,
  unheard,      // an announcement that is lost
  late_notice,  // ... or comes late
};
inline constexpr std::size_t faults = 13;

/// What a client is doing when it happens: a request of that kind is on its way, or none is.
enum class state { trying, enqueuing, beating, peeking, waiting, renewing, holding, amending, releasing, undoing };
inline constexpr std::size_t states = 10;

[[nodiscard]] const char* to_string(fault f) noexcept;
[[nodiscard]] const char* to_string(state s) noexcept;

/// What a run, or many of them, has really tried. A run that tries little proves little.
struct coverage {
  std::int64_t runs = 0;
  std::int64_t acquired = 0;
  std::int64_t contended = 0;  // of those: somebody else was there before
  std::int64_t elections = 0;
  std::int64_t lost = 0;  // leases
  std::int64_t by_announcement = 0;
  std::int64_t excused_clock = 0;  // overlaps after a jump of a server's clock by more than clock_skew
  std::int64_t excused_edit = 0;   // ... after an edit by an operator
  std::array<std::array<std::int64_t, states>, faults> hits{};

  void hit(fault f, state s) noexcept { ++hits[static_cast<std::size_t>(f)][static_cast<std::size_t>(s)]; }
  [[nodiscard]] std::int64_t all_faults() const noexcept;
  coverage& operator+=(const coverage& o) noexcept;

  /// Why this is too little to prove anything; empty if it is enough. Every fault in every state is asked for if there
  /// were acquisitions enough for that.
  [[nodiscard]] std::vector<std::string> vacuous() const;
  /// For people, several lines.
  [[nodiscard]] std::string text() const;
};

/// Whether that can happen: an announcement is for who waits, a peek has nothing to be taken back.
[[nodiscard]] bool possible(fault f, state s) noexcept;

}  // namespace dlock::simulator
