#pragma once

#include <vector>

#include "fd.hpp"
#include "guard.hpp"
#include "script.hpp"
#include "verbs.hpp"

// `dlock hold` is two processes. The one that the script starts (the front) waits until the other one, in the
// background, has the lock or says why not. Then the front ends. They are connected by a socket:
//
//     background -> front   an exit status; if it is 0, the tokens follow
//     front -> background   one byte: the script will be told that it has the lock
//
// If the front ends without that byte, the script does not count on the lock, and the one in the background gives it
// back.

namespace dlock::cli {

struct background_setup {
  const hold_options& options;
  const struct script& script;
  unique_fd front;             ///< The socket to it.
  std::vector<int> inherited;  ///< The descriptors that the script has left to dlock, without the standard streams.
  process_title title;
};

/// Acquires the locks and holds them until the script has ended.
[[noreturn]] void hold_in_background(background_setup setup);

}  // namespace dlock::cli
