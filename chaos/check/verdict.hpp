#pragma once

#include <map>
#include <string>
#include <vector>

#include "checks.hpp"

namespace dlock::chaos {

struct verdict {
  std::vector<check_result> checks;
  std::map<std::string, std::int64_t> counts;
  std::map<std::string, std::int64_t> overlaps;    // by why they are excused; "none": they are not
  std::map<std::string, std::int64_t> injections;  // by class of fault
  std::map<std::string, std::int64_t> ignored;     // events of unknown names

  [[nodiscard]] bool ok() const;
};

/// Applies all rules.
[[nodiscard]] verdict judge(const history& h);

/// chaos-check.json
[[nodiscard]] std::string as_json(const verdict& v);

}  // namespace dlock::chaos
