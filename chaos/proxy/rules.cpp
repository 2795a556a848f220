#include "rules.hpp"

namespace chaos {

std::string source_name(std::size_t source) {
  if (source == kOthers) return "others";
  return source < kMembers ? "m" + std::to_string(source) : "w" + std::to_string(source - kMembers);
}

bool rules::active() const {
  for (const auto& of_source : rules_) {
    for (const auto& one : of_source) {
      if (one.active()) return true;
    }
  }
  return false;
}

std::string rules::json() const {
  std::string out = "{";
  for (std::size_t source = 0; source < kSources; ++source) {
    for (std::size_t target = 0; target < kMembers; ++target) {
      const auto& c = counters_[source][target];
      if (c.links + c.refused + c.reset + c.swallowed + c.halved + c.held + c.delayed == 0) continue;
      if (out.size() > 1) out += ", ";
      out += '"' + source_name(source) + ">m" + std::to_string(target) + "\": {\"links\": " + std::to_string(c.links) +
             ", \"refused\": " + std::to_string(c.refused) + ", \"reset\": " + std::to_string(c.reset) +
             ", \"swallowed\": " + std::to_string(c.swallowed) + ", \"halved\": " + std::to_string(c.halved) +
             ", \"held\": " + std::to_string(c.held) + ", \"delayed\": " + std::to_string(c.delayed) + "}";
    }
  }
  return out + "}";
}

}  // namespace chaos
