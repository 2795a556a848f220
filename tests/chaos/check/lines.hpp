#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "history.hpp"

namespace dlock::chaos {

using json = nlohmann::ordered_json;

/// A history before it is written: who writes it is in each line ("p"), and each writer's lines are in order.
using lines = std::vector<json>;

/// As if it had been written and read again.
[[nodiscard]] history read(const lines& all);
[[nodiscard]] std::string as_text(const lines& all);

inline ns time_of(const json& line) {
  return line["t"].get<ns>();
}
inline bool is(const json& line, const char* event) {
  return line["e"] == event;
}

}  // namespace dlock::chaos
