#pragma once

#include <vector>

#include <dlock/clock.hpp>

#include "process_tree.hpp"

namespace dlock::cli {

/// A script and what it has started, seen by a process that is not its ancestor. So the orphans of this tree do not
/// come to us. Who was seen once is remembered, also when it has lost its parent. Who starts a process and ends between
/// two looks hides that process, unless it is in a session that the script or a remembered process leads: nobody can
/// join a session. Processes of our own session do not belong to it.
class script_tree {
 public:
  explicit script_tree(const process& script) : seen_{script} {}

  /// Adds those that are found until `limit`.
  void look(boot_clock::time_point limit);

  /// Looks, and sends TERM to all. It also sends CONT, because a stopped process could not react to TERM. The walk
  /// through /proc ends at `limit`.
  void terminate(boot_clock::time_point limit);

  /// Stops all of them that it can find in some 50 ms, and kills them.
  sweep stop_and_kill();
  /// Looks, and kills all.
  sweep kill();

  /// For when there is no time left: kills until nobody is left, for at most 10 s. Returns how many could not be
  /// killed.
  [[nodiscard]] int kill_all();

  /// Looks. Whether none of them is left. False also if that is not known by `limit`.
  [[nodiscard]] bool is_gone(boot_clock::time_point limit);

 private:
  std::vector<process> seen_;  // those that have not ended, as far as is known; the script is the first
};

}  // namespace dlock::cli
