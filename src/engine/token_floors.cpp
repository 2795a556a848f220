#include "engine/token_floors.hpp"

#include <algorithm>
#include <utility>

namespace dlock::engine {

void token_floors::saw(const std::string& lock, std::int64_t token) {
  if (token <= 0) return;
  if (const auto it = recent_.find(lock); it != recent_.end()) {
    it->second = std::max(it->second, token);
    return;
  }
  if (const auto it = older_.find(lock); it != older_.end()) token = std::max(it->second, token);
  if (recent_.size() >= most / 2) older_ = std::exchange(recent_, {});
  recent_.emplace(lock, token);
}

std::int64_t token_floors::of(const std::string& lock) const {
  for (const auto* each : {&recent_, &older_}) {
    if (const auto it = each->find(lock); it != each->end()) return it->second;
  }
  return 0;
}

}  // namespace dlock::engine
