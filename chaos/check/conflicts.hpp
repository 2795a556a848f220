#pragma once

#include <vector>

#include "holds.hpp"

/// Holds that were believed at the same time and must not have been.
namespace dlock::chaos {

/// Why no lease can prevent it: what ended the older hold was not its time.
enum class excuse { none, operator_edit, server_clock };

struct conflict {
  std::size_t older = 0;  // by token; of too many users of a semaphore, any that was there
  std::size_t newer = 0;
  ns at = 0;
  bool too_many = false;       // permits: not two that exclude each other, but more than there are
  bool with_a_reader = false;  // one alone, one shared
  excuse why = excuse::none;
};

[[nodiscard]] const char* name(excuse why);

/// What no lease could have kept for `one` until `at`.
[[nodiscard]] excuse excuse_for(const analysis& a, const hold& one, ns at);

/// Of one lock, in the order in which they came about.
[[nodiscard]] std::vector<conflict> find_conflicts(const analysis& a, const lock_view& lock);

}  // namespace dlock::chaos
