#pragma once

/// @file
/// What ran under a lock lately: client::history() and client::record(). docs/adr/0035-history.md says where it is
/// kept.

#include <chrono>
#include <cstdint>
#include <string>

#include <dlock/export.hpp>

namespace dlock {

/// How a run under a lock ended.
enum class run_end {
  unknown,   ///< No end was recorded: it still runs, or its process died before it could record one.
  ended,     ///< It ended by itself. past_run::status says how.
  too_long,  ///< It was ended because its time was over (`dlock run --at-most`).
  lost,      ///< The lock was lost before the run was over.
};

/// Name of an end. Does not block, does not fail, thread-safe.
/// @param value The end.
/// @return Static text: "unknown", "ended", "too_long", "lost".
DLOCK_API [[nodiscard]] const char* to_string(run_end value) noexcept;

/// A run under a lock. Times are by the server's clock.
struct past_run {
  /// Id of the acquisition that it ran under: lease::owner(). It names the run. 1 to 200 bytes of UTF-8 without NUL.
  std::string owner;
  std::string who;         ///< The client's description (client_options::who). Use printable() (text.hpp) to show it.
  std::int64_t token = 0;  ///< Fencing token that it ran with.
  /// Time at which its end was recorded; with run_end::unknown, the time at which its beginning was recorded.
  std::chrono::system_clock::time_point ended;
  std::chrono::milliseconds took{};  ///< How long it ran, in ms; at least 0, and at most a year in record().
  std::chrono::milliseconds ago{};   ///< Time from `ended` until this was read, in ms; at least 0.
  run_end end = run_end::ended;      ///< How it ended.
  int status = 0;                    ///< Its exit status, or another number that is 0 if it succeeded.

  /// Whether it succeeded. @return True if it ended by itself, with status 0.
  [[nodiscard]] bool is_done() const noexcept { return end == run_end::ended && status == 0; }
};

}  // namespace dlock
