#include "engine/renewals.hpp"

#include <utility>

namespace dlock::engine {

void renewals::over(const std::string& lock, hold h) {
  const auto it = locks_.find(lock);
  if (it == locks_.end()) return;
  it->second.erase(h);
  if (it->second.empty()) locks_.erase(it);
}

void renewals::due(const std::string& lock) {
  if (in_row_.insert(lock).second) row_.push_back(lock);
}

std::optional<std::string> renewals::take() {
  if (row_.empty()) return std::nullopt;
  auto lock = std::move(row_.front());
  row_.pop_front();
  in_row_.erase(lock);
  return lock;
}

std::set<renewals::hold> renewals::of(const std::string& lock) const {
  const auto it = locks_.find(lock);
  return it == locks_.end() ? std::set<hold>() : it->second;
}

}  // namespace dlock::engine
