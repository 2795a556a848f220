#pragma once

#include <cstdint>
#include <vector>

#include "holding.hpp"
#include "resource_link.hpp"

namespace chaos {

/// A critical section at the guarded resource: of an exclusive lock a counter is read, and written one higher at the
/// end; with a shared one the resource is seen twice; permits of a semaphore are entered and left.
class section {
 public:
  section(resource_link& resource, holding& what) : resource_(resource), what_(what) {}

  /// Each throws std::runtime_error if the resource cannot be reached.
  void begin();
  /// `write`: the lock is held, or so it believes.
  void end(bool write);

 private:
  resource_link& resource_;
  holding& what_;
  std::vector<std::int64_t> read_;  // for each lock
};

}  // namespace chaos
