#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lines.hpp"

namespace dlock::chaos {

/// One way to break a rule, in one place of a valid history.
struct corruption {
  std::string name;
  std::string caught_by;  // the check that must see it; "": nobody, for nothing is wrong with it
  /// Empty if the history has no place for it.
  std::function<std::optional<lines>(const lines& valid, std::uint64_t seed)> apply;
};

[[nodiscard]] const std::vector<corruption>& corruptions();

}  // namespace dlock::chaos
