#include "engine/turns.hpp"

namespace dlock::engine {
namespace {

constexpr std::int64_t kMoment = 1000;  // ms; as for the answers of an acquisition, which may be late by as much

}  // namespace

bool turns::blocks(const std::string& lock, bool exclusive) const {
  const auto it = locks_.find(lock);
  return it != locks_.end() && (!it->second.waiting.empty() || exclusive);
}

void turns::waits(const std::string& lock, number call, bool exclusive) {
  locks_[lock].waiting.emplace(call, exclusive);
}

void turns::acts(const std::string& lock, number who) {
  locks_[lock].acting.insert(who);
}

void turns::tidy(table::iterator it) {
  if (it->second.acting.empty() && it->second.waiting.empty()) locks_.erase(it);
}

void turns::leaves(const std::string& lock, number call) {
  const auto it = locks_.find(lock);
  if (it == locks_.end()) return;
  it->second.waiting.erase(call);
  tidy(it);
}

void turns::rests(const std::string& lock, number who) {
  const auto it = locks_.find(lock);
  if (it == locks_.end()) return;
  it->second.acting.erase(who);
  tidy(it);
}

void turns::held(const std::string& lock, std::int64_t now) {
  if (const auto it = locks_.find(lock); it != locks_.end()) it->second.held = now;
}

bool turns::was_held(const std::string& lock, std::int64_t now) const {
  const auto it = locks_.find(lock);
  return it != locks_.end() && it->second.held && now <= *it->second.held + kMoment;
}

std::optional<turns::number> turns::next(const std::string& lock) {
  const auto it = locks_.find(lock);
  if (it == locks_.end() || it->second.waiting.empty()) return std::nullopt;
  const auto [call, exclusive] = *it->second.waiting.begin();
  if (exclusive && !it->second.acting.empty()) return std::nullopt;
  if (exclusive) it->second.acting.insert(call);
  leaves(lock, call);
  return call;
}

std::optional<turns::number> turns::first(const std::string& lock) const {
  const auto it = locks_.find(lock);
  if (it == locks_.end() || it->second.waiting.empty()) return std::nullopt;
  const auto [call, exclusive] = *it->second.waiting.begin();
  return exclusive ? std::optional(call) : std::nullopt;
}

std::vector<turns::number> turns::waiting(const std::string& lock) const {
  std::vector<number> out;
  const auto it = locks_.find(lock);
  if (it == locks_.end()) return out;
  for (const auto& [call, _] : it->second.waiting) out.push_back(call);
  return out;
}

std::size_t turns::length(const std::string& lock) const {
  const auto it = locks_.find(lock);
  return it == locks_.end() ? 0 : it->second.waiting.size();
}

bool turns::tells(const std::string& lock, std::int64_t now) {
  const auto it = locks_.find(lock);
  if (it == locks_.end() || it->second.waiting.empty()) return false;
  if (it->second.told && now < *it->second.told + 1000) return false;
  it->second.told = now;
  return true;
}

std::set<turns::number> turns::acting(const std::string& lock) const {
  const auto it = locks_.find(lock);
  return it == locks_.end() ? std::set<number>{} : it->second.acting;
}

}  // namespace dlock::engine
