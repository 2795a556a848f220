#pragma once

#include <optional>
#include <string>
#include <vector>

#include <dlock/inspect.hpp>

namespace dlock::cli {

/// What differs between two states of the locks: each lock that is new or not as it was, and the ids of those that are
/// gone. As JSON: the locks as lock_line() writes them.
struct lock_changes {
  std::vector<std::string> locks;
  std::vector<std::string> gone;  ///< Strings of JSON.
  [[nodiscard]] bool any() const { return !locks.empty() || !gone.empty(); }
};

/// All locks as they were read last, with the text of each. A lock that did not change keeps its text, which is what
/// costs. For one thread at a time.
class known_locks {
 public:
  /// `now`: in the order of their ids, as client::list() gives them.
  lock_changes replace(std::vector<dlock::lock_state> now);
  /// The same for one lock. None: there is no such lock any more.
  lock_changes replace(const std::string& id, std::optional<dlock::lock_state> now);
  /// All of them, as if they were new.
  [[nodiscard]] lock_changes all() const;
  /// The latest time at which one of them was read. None: there are no locks.
  [[nodiscard]] std::optional<std::chrono::system_clock::time_point> at() const;

 private:
  struct entry {
    dlock::lock_state lock;
    std::string text;
  };
  std::vector<entry> entries_;  // in the order of their ids
  std::optional<std::chrono::system_clock::time_point> at_;
};

}  // namespace dlock::cli
