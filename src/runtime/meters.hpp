#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <dlock/metrics.hpp>

#include "engine/events.hpp"
#include "protocol/answer.hpp"
#include "runtime/tally.hpp"

namespace dlock::detail {

/// What a client counts (docs/adr/0034-metrics.md). It counts what the engine's events say, and commands: one thread at
/// a time, under the mutex of the monitor. A snapshot reads without that mutex.
///
/// Locks are counted in rows, one for each kind and label. The plan of an acquisition has the number of its row, and
/// the engine's events name it.
class meters {
 public:
  using label_function = std::function<std::string(std::string_view)>;
  static constexpr std::size_t most_labels = 100;  // all others count together
  static constexpr const char* other = "other";

  /// `label_of`: the user's function, or empty: then all locks have no label.
  explicit meters(label_function label_of);

  /// The row of a lock. It calls the user's function, so it must not be called with a mutex of the client. Thread-safe.
  [[nodiscard]] int row_of(lock_metrics::kind what, const std::string& lock) noexcept;

  // --- one thread at a time -----------------------------------------------------------------------------------------
  /// A call that acquires has begun.
  void begins(int which) noexcept { rows_[index(which)].load(std::memory_order_relaxed)->waiting.add(); }
  void on_event(const engine::acquire_ended& e) noexcept;
  void on_event(const engine::hold_changed& e) noexcept;
  void on_event(const engine::renewal_ended& e) noexcept;
  /// `what`: the operation of its first request; `reads` for a lookup.
  void command(std::size_t what, std::chrono::microseconds took, const answer& a) noexcept;
  static constexpr std::size_t reads = 10;
  void notifications_fail(bool so) noexcept { failing_.set(so ? 1 : 0); }

  // --- any thread ---------------------------------------------------------------------------------------------------
  [[nodiscard]] metrics_snapshot snapshot() const;

 private:
  struct lock_row {
    lock_row(lock_metrics::kind k, std::string l) : what(k), label(std::move(l)) {}
    const lock_metrics::kind what;
    const std::string label;
    tally acquired, busy, timed_out, cancelled, failed, waiting, held, expired, removed, revoked, found_at_release;
    duration_tally waited, held_for;
    [[nodiscard]] bool is_used() const noexcept;
    [[nodiscard]] lock_metrics value() const;
  };
  struct command_row {
    tally answered, no_answer, refused, in_doubt;
    duration_tally took;
  };
  static constexpr std::size_t kKinds = 4;
  [[nodiscard]] static std::size_t index(int which) noexcept { return static_cast<std::size_t>(which); }
  [[nodiscard]] int row_of_label(lock_metrics::kind what, const std::string& label);
  void make_row(std::size_t at, const std::string& label);

  const label_function label_of_;
  std::mutex labels_guard_;
  std::map<std::string, std::size_t> labels_;  // their numbers; 0 is for all others
  std::vector<std::unique_ptr<lock_row>> made_;
  std::array<std::atomic<lock_row*>, (most_labels + 1) * kKinds> rows_{};  // by label, and then by kind; null: not used

  std::array<command_row, reads + 1> commands_;
  tally renewed_, renewals_failed_, renewals_too_late_, renewals_lost_, failing_;
  duration_tally left_;
  tally least_left_;  // in ms
};

}  // namespace dlock::detail
