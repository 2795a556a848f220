#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "protocol/event.hpp"

namespace dlock::engine {

/// In which order the subscribers of a client hear of its turns. Only this client knows of them (local_turns.cpp). The
/// grant before them and the release after them come through the channel, and later. So the events of turns wait for
/// the event of their grant.
///
/// | a lock with turns | event                                  | next                                            |
/// |-------------------|----------------------------------------|-------------------------------------------------|
/// | new               | begins: a grant that may have turns    | silent                                          |
/// | silent            | turn                                   | silent: its events wait                         |
/// | silent            | heard: this grant, or a gap            | open; what waits is told after it               |
/// | open              | turn                                   | open; its events are told                       |
/// | silent, open      | heard: the release, or a later event   | over; what waits is told before it              |
/// | silent, open      | heard: an earlier event                | the same; the turns of that grant are told with it |
class turn_events {
 public:
  using announcement = protocol::announcement;
  using all = std::vector<announcement>;
  static constexpr std::size_t most = 1000;  // locks; of the others, only grants and releases are told
  /// Of one lock; more are told at once, before the event of their grant, which may never come.
  static constexpr std::size_t most_waiting = 2000;

  void begins(const std::string& lock, std::int64_t fence);
  /// The events of a turn with the grant `fence`. Returns what the subscribers are told now.
  [[nodiscard]] all turn(std::int64_t fence, all events);
  [[nodiscard]] all heard(announcement a);
  [[nodiscard]] all heard_gap();
  /// Nobody subscribes any more.
  void forget() noexcept { locks_.clear(); }
  [[nodiscard]] std::size_t size() const noexcept { return locks_.size(); }

 private:
  struct state {
    std::int64_t fence = 0;
    bool open = false;
    all waiting;
  };
  std::map<std::string, state> locks_;
};

}  // namespace dlock::engine
