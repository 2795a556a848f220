#pragma once

#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "contract/comparison.hpp"

/// What breaks one of the two sides on purpose, so that they differ.
namespace dlock::testing {

using state = std::optional<protocol::document>;

struct mutation {
  const char* name;
  sides mutated;
};
inline std::ostream& operator<<(std::ostream& out, const mutation& m) {
  return out << m.name;
}

std::vector<mutation> of_the_pipeline();
std::vector<mutation> of_the_later_operations();
std::vector<mutation> of_the_short_form();
std::vector<mutation> of_the_express_form();
std::vector<mutation> of_observed_expiry();
std::vector<mutation> of_many_together();
std::vector<mutation> of_many_renewals();
std::vector<mutation> of_the_projection();
std::vector<mutation> of_the_model();

}  // namespace dlock::testing
