#pragma once

#include <chrono>
#include <vector>

#include "fd.hpp"
#include "guard.hpp"
#include "process_tree.hpp"

// The guard of `dlock hold`. It has the same link, orders and reports as the guard of a command (guard.hpp), except
// those that are about a command's start and its signals. It is not the script's parent:
//
//     script          dlock hold, in the background ──link── guard

namespace dlock::cli {

struct script_guard_setup {
  process script;
  int life = -1;              ///< A pidfd of the script.
  std::vector<int> not_ours;  ///< Descriptors that the guard closes.
  std::chrono::milliseconds ttl;
  std::chrono::milliseconds kill_after;
  process_title title;
};

/// The main function of this guard.
void script_guard_main(unique_fd link, const script_guard_setup& setup);

}  // namespace dlock::cli
