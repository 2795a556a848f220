#include "protocol/observation.hpp"

#include <algorithm>

namespace dlock::protocol {
namespace {

/// The clocks of two machines may run at different rates. The difference may be up to this part of a span. (Holders
/// stop even earlier: lease_margin.)
constexpr ms kRate = 50;              // a fiftieth
constexpr ms kLongest = ms{1} << 50;  // so that no value in the document leads to an overflow

ms over_at(ms since, ms span) {
  span = std::clamp<ms>(span, 0, kLongest);
  return since + span + span / kRate + 1;  // 1: times are rounded down
}

}  // namespace

void observation::saw(const std::vector<sign>& signs, ms now) {
  std::map<std::string, watched> seen;
  for (const auto& s : signs) {
    const auto before = entries_.find(s.id);
    const bool same = before != entries_.end() && before->second.beat == s.beat;
    const ms since = same ? before->second.since : now;
    seen.insert_or_assign(s.id, watched{s.beat, since, over_at(since, s.span)});
  }
  entries_.swap(seen);
}

std::vector<pulse> observation::over(ms now, const std::string& me) const {
  std::vector<pulse> out;
  for (const auto& [id, e] : entries_) {
    if (e.over <= now && id != me) out.push_back({id, e.beat});
  }
  return out;
}

std::optional<ms> observation::next(const std::string& me) const {
  std::optional<ms> out;
  for (const auto& [id, e] : entries_) {
    if (id != me) out = std::min(out.value_or(e.over), e.over);
  }
  return out;
}

}  // namespace dlock::protocol
