#pragma once

/// @file
/// What a client counts, for monitoring: client::metrics(), and its text for Prometheus.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <dlock/export.hpp>

namespace dlock {

/// Durations, counted in fixed buckets: two for each power of ten. (The idea: Prometheus' histograms.)
struct DLOCK_API duration_histogram {
  /// The upper ends of the buckets, inclusive: 0.3 ms to 10,000 s.
  static constexpr std::array<std::chrono::microseconds, 16> bounds{
      std::chrono::microseconds{300}, std::chrono::milliseconds{1},  std::chrono::milliseconds{3},
      std::chrono::milliseconds{10},  std::chrono::milliseconds{30}, std::chrono::milliseconds{100},
      std::chrono::milliseconds{300}, std::chrono::seconds{1},       std::chrono::seconds{3},
      std::chrono::seconds{10},       std::chrono::seconds{30},      std::chrono::seconds{100},
      std::chrono::seconds{300},      std::chrono::seconds{1000},    std::chrono::seconds{3000},
      std::chrono::seconds{10000}};
  /// Number of durations in each bucket. The last bucket has those above all bounds.
  std::array<std::uint64_t, bounds.size() + 1> counts{};
  /// Sum of all durations.
  std::chrono::microseconds sum{0};

  /// Number of all durations. Does not block, does not fail, thread-safe. @return The sum of `counts`.
  [[nodiscard]] std::uint64_t count() const noexcept;
};

/// What a client has counted for one kind of locks, or with client_options::metrics_label for one kind and one label.
struct lock_metrics {
  /// Kinds of locks.
  enum class kind {
    exclusive,  ///< A mutex, or a shared_mutex in exclusive mode.
    shared,     ///< A shared_mutex in shared mode.
    permits,    ///< A semaphore.
    election,   ///< An election: to hold it is to lead.
  };
  kind what = kind::exclusive;  ///< The kind.
  std::string label;            ///< Label of these locks; "" without client_options::metrics_label.

  // Calls that acquire, by how they ended.
  std::uint64_t acquired = 0;   ///< Calls that got the lock.
  std::uint64_t busy = 0;       ///< Tries that found the lock in use.
  std::uint64_t timed_out = 0;  ///< Calls whose timeout passed first.
  std::uint64_t cancelled = 0;  ///< Calls ended by their stop token, their on_wait callback or client::close().
  std::uint64_t failed = 0;     ///< Calls that ended with an error.
  /// Calls that got the lock: time from their beginning to the grant.
  duration_histogram waited;
  std::uint64_t waiting = 0;  ///< Calls that have not ended.

  std::uint64_t held = 0;  ///< Leases that are held now.
  /// Leases that are not held any more: time from the grant to the release or the loss.
  duration_histogram held_for;

  // Losses, by loss_reason.
  std::uint64_t expired = 0;  ///< Lost: no renewal was answered in time, or autorefresh is off.
  std::uint64_t removed = 0;  ///< Lost: the server no longer listed this holder.
  std::uint64_t revoked = 0;  ///< Lost: an operator revoked it.
  /// Lost, but noticed only by the release: see release_result::lost.
  std::uint64_t found_at_release = 0;
};

/// Name of a kind. Does not block, does not fail, thread-safe.
/// @param value The kind.
/// @return Static text: "exclusive", "shared", "permits", "election".
DLOCK_API [[nodiscard]] const char* to_string(lock_metrics::kind value) noexcept;

/// What a client has counted for one kind of commands to the server.
struct command_metrics {
  std::string name;             ///< The operation (docs/protocol.md), such as "enqueue"; "read" for client::inspect().
  std::uint64_t answered = 0;   ///< Commands that were answered.
  std::uint64_t no_answer = 0;  ///< Commands without a clear answer. They are repeated while there is time.
  std::uint64_t refused = 0;    ///< Commands that the server refused.
  std::uint64_t in_doubt = 0;   ///< Commands among no_answer and refused that the server may have executed.
  /// Time from the sending to the answer, or to the failure.
  duration_histogram took;
};

/// Everything that a client has counted since it was made. A snapshot: each number is right, but the numbers were not
/// read at one moment.
struct metrics_snapshot {
  std::vector<lock_metrics> locks;        ///< Kinds (and labels) that were used at all.
  std::vector<command_metrics> commands;  ///< Kinds of commands that were sent at all.

  // Renewals, by what became of them.
  std::uint64_t renewed = 0;            ///< Renewals that extended their lease.
  std::uint64_t renewals_failed = 0;    ///< Renewals without an answer, or refused. They are repeated.
  std::uint64_t renewals_too_late = 0;  ///< Renewals whose answer came after the end of the lease.
  std::uint64_t renewals_lost = 0;      ///< Renewals that did not find their holder: the lease is lost.
  /// Renewals that extended their lease: the rest of the lease when the answer came.
  duration_histogram left_at_renewal;
  /// The shortest of these, in ms: how close a loss was. None if no renewal extended a lease.
  std::optional<std::chrono::milliseconds> least_left_at_renewal;

  bool notifications_up = true;     ///< False: a part of the notifications fails (notification_status::problem).
  std::uint64_t elections_led = 0;  ///< Elections that this client leads now.
};

/// Writes a snapshot in the text format of Prometheus, version 0.0.4. docs/metrics.md lists the metrics.
///
/// Serve the text with the type `text/plain; version=0.0.4`. It is for one client: two texts, one after the other, are
/// not valid.
///
/// Does not block, thread-safe.
/// @param m The snapshot.
/// @return The text, which ends with a newline. Labels are printable() (text.hpp).
DLOCK_API [[nodiscard]] std::string to_prometheus(const metrics_snapshot& m);

}  // namespace dlock
