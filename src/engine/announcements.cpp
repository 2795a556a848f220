#include "engine/announcements.hpp"

#include <cstdint>
#include <utility>

namespace dlock::engine {
namespace {

constexpr ms kOverdue = 100;
constexpr ms kToldAgain = 1000;
constexpr std::size_t kTold = 1000;

}  // namespace

bool announcements::should_notify(const protocol::request& r, const protocol::reply& a, const protocol::heir& h,
                                  ms now) {
  const bool ours = h.since >= a.now || r.op == protocol::operation::cancel;
  if (!ours && a.now - h.since < kOverdue) return false;
  if (told_.size() >= kTold) std::erase_if(told_, [&](const auto& t) { return t.second + kToldAgain <= now; });
  const auto [it, is_new] = told_.try_emplace(h.id, now);
  if (!is_new && it->second + kToldAgain > now) return false;
  it->second = now;
  return true;
}

void announcements::will_free(const std::string& id, protocol::announcement a, bool exclusive) {
  to_free_.insert_or_assign(id, release{std::move(a), exclusive});
}

std::optional<protocol::announcement> announcements::freed(const std::string& id) {
  auto node = to_free_.extract(id);
  return node ? std::optional(std::move(node.mapped().what)) : std::nullopt;
}

std::vector<protocol::announcement> announcements::granted(protocol::announcement a, bool exclusive) {
  std::map<std::int64_t, std::string> before;  // by token
  for (const auto& [id, earlier] : to_free_) {
    const bool gone = exclusive || earlier.exclusive;
    if (gone && earlier.what.lock == a.lock && earlier.what.token < a.token) before.emplace(earlier.what.token, id);
  }
  std::vector<protocol::announcement> out;
  for (const auto& [_, id] : before) {
    auto earlier = std::move(to_free_.extract(id).mapped().what);
    if (!earlier.lost) out.push_back(std::move(earlier));  // others may have had the lock since, and have told that
  }
  out.push_back(std::move(a));
  return out;
}

}  // namespace dlock::engine
