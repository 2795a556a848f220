#include "engine/turns.hpp"

#include <algorithm>

namespace dlock::engine {
namespace {

constexpr std::int64_t kMoment = 1000;  // ms; as for the answers of an acquisition, which may be late by as much

}  // namespace

bool turns::state::all_have_places() const {
  return std::all_of(acting.begin(), acting.end(), [](const auto& each) { return each.second; });
}

bool turns::blocks(const std::string& lock, bool exclusive) const {
  const auto it = locks_.find(lock);
  return it != locks_.end() && (!it->second.waiting.empty() || exclusive || !it->second.all_have_places());
}

void turns::waits(const std::string& lock, number call, bool exclusive) {
  locks_[lock].waiting.emplace(call, exclusive);
}

void turns::acts(const std::string& lock, number who, bool has_place) {
  locks_[lock].acting.emplace(who, has_place);
}

void turns::answered(const std::string& lock, number who, bool has_place) {
  const auto it = locks_.find(lock);
  if (it == locks_.end()) return;
  if (const auto found = it->second.acting.find(who); found != it->second.acting.end()) found->second = has_place;
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

void turns::end_turn(const std::string& lock, number who) {
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
  if (exclusive ? !it->second.acting.empty() : !it->second.all_have_places()) return std::nullopt;
  if (exclusive) it->second.acting.emplace(call, false);
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

bool turns::should_report_places(const std::string& lock, std::int64_t now) {
  const auto it = locks_.find(lock);
  if (it == locks_.end() || it->second.waiting.empty()) return false;
  if (it->second.told && now < *it->second.told + 1000) return false;
  it->second.told = now;
  return true;
}

std::map<turns::number, bool> turns::acting(const std::string& lock) const {
  const auto it = locks_.find(lock);
  return it == locks_.end() ? std::map<number, bool>{} : it->second.acting;
}

}  // namespace dlock::engine
