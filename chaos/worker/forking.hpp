#pragma once

#include <atomic>

#include "holding.hpp"

namespace chaos {

/// SIGUSR1 asks for a fork by whoever holds a lock next.
class forking {
 public:
  void ask_for_one() { wanted_ = true; }

  /// Whether `what` was forked with: then a child is using it now, or trying to.
  bool fork_with(holding& what, history& into);

 private:
  std::atomic<bool> wanted_{false};
};

}  // namespace chaos
