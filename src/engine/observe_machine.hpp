#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/timers.hpp"
#include "protocol/lookup.hpp"
#include "protocol/observation.hpp"

namespace dlock::engine {

/// The leader of an election, as a snapshot shows it. Null: nobody leads. A leader that has resigned may leave an entry
/// for a while (lease::release_at_least), which does not count as a leader. `skew`: see request::skew.
[[nodiscard]] const protocol::holder* leader_of(const std::vector<protocol::snapshot>& seen, ms skew);

/// Who leads an election, as one observer is told, as a state machine without I/O, clock or threads. It decides when
/// the lock is read, and what of that is told. The owner calls look() at the time next(), and feeds in what it read.
///
/// | state            | event                          | next                                                         |
/// |------------------|--------------------------------|--------------------------------------------------------------|
/// | waiting          | look, when it is time          | reading: read                                                |
/// | waiting          | nudge                          | waiting, and it is time now                                  |
/// | reading          | seen: as it was told last      | waiting: for the period, but only until the leader's end     |
/// | reading          | seen: another leader or value  | telling: tell                                                |
/// | reading          | seen: a leader from before the | waiting: 300 ms; but after 15 s of these, it counts          |
/// |                  | last one                       |                                                              |
/// | reading          | not_seen                       | waiting: until the period since the read began is over       |
/// | telling          | told                           | waiting, as after `seen`                                     |
/// | telling          | not_told                       | the same, but what was seen counts as not told               |
/// | reading, telling | nudge                          | no change; waiting is over at once: the snapshot may be old  |
class observe_machine {
 public:
  /// It is time at `now`. `period`: the longest time between two reads.
  observe_machine(ms period, ms skew, ms now) noexcept : period_(period), skew_(skew), due_(now) {}

  /// When look() has to be called.
  [[nodiscard]] ms next() const noexcept { return now_ == state::waiting ? due_ : never; }
  /// True: read the lock now.
  [[nodiscard]] bool look(ms now) noexcept;
  /// An event of the lock was heard, or may have been missed.
  void nudge(ms now) noexcept;

  /// What was read. True: the observer has to be told of leader().
  [[nodiscard]] bool seen(const std::vector<protocol::snapshot>& all, ms now);
  void not_seen(ms now) noexcept;
  [[nodiscard]] const std::optional<protocol::holder>& leader() const noexcept { return leader_; }
  void told(ms now);
  void not_told(ms now) noexcept { wait(now); }

 private:
  enum class state { waiting, reading, telling };
  void wait(ms now) noexcept;
  [[nodiscard]] bool is_old(const protocol::holder* h, ms now) noexcept;
  [[nodiscard]] bool was_told(const protocol::holder* h) const noexcept;

  const ms period_, skew_;
  state now_ = state::waiting;
  ms due_;
  ms began_ = 0;                 // when the read began
  bool nudged_ = false;          // while it was reading or telling
  std::int64_t newest_ = 0;      // the token of the last leader
  std::optional<ms> old_since_;  // since when all reads show an older one
  protocol::observation watched_;
  std::optional<protocol::holder> leader_;               // as seen last
  std::optional<std::optional<protocol::holder>> told_;  // as told last
};

}  // namespace dlock::engine
