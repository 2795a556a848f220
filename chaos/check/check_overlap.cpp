#include <algorithm>
#include <map>
#include <unordered_map>

#include "checks.hpp"

namespace dlock::chaos {
namespace {

/// The first moment at which the resource had accepted something of this acquisition, and the last.
struct span {
  const access* first = nullptr;
  const access* last = nullptr;
  const access* last_exclusive = nullptr;
};

std::unordered_map<std::string, span> accepted_by_id(const history& h) {
  std::unordered_map<std::string, span> out;
  for (const auto& x : h.accesses) {
    if ((x.what != access_kind::put && x.what != access_kind::see) || !x.ok) continue;
    auto& s = out[x.id];
    if (s.first == nullptr) s.first = &x;
    s.last = &x;
    if (x.exclusive) s.last_exclusive = &x;
  }
  return out;
}

}  // namespace

check_result check_overlap(const analysis& a, const conflict_list& conflicts) {
  check_result r("overlap");
  const auto accepted = accepted_by_id(a.h);
  std::map<std::string, std::int64_t> excused;
  for (const auto& c : conflicts) {
    const auto& older = a.holds[c.older];
    const auto& newer = a.holds[c.newer];
    if (c.why == excuse::none) {
      r.breaks((c.too_many ? "more than the capacity: " : "") + a.describe(older) + " and " + a.describe(newer));
      continue;
    }
    ++excused[name(c.why)];
    // Then it is for the tokens: once the newer one was at the resource, the older one must not get in.
    const auto first = accepted.find(newer.id);
    const auto last = accepted.find(older.id);
    if (c.too_many || first == accepted.end() || last == accepted.end()) continue;
    const auto* late = first->second.first->exclusive ? last->second.last : last->second.last_exclusive;
    if (late != nullptr && late > first->second.first) {
      r.breaks("accepted in spite of its token (" + a.h.at(late->where) + "): " + a.describe(older) + " beside " +
               a.describe(newer));
    }
  }
  r.detail = std::to_string(a.holds.size()) + " holds";
  for (const auto& [why, n] : excused) r.detail += ", " + std::to_string(n) + " overlaps left to the tokens by " + why;
  return r;
}

check_result check_readers_writers(const analysis& a, const conflict_list& conflicts) {
  check_result r("readers-writers");
  for (const auto& c : conflicts) {
    if (c.with_a_reader && c.why == excuse::none)
      r.breaks(a.describe(a.holds[c.older]) + " and " + a.describe(a.holds[c.newer]));
  }
  // At the resource: nobody reads between a writer's get and its put, if both believe.
  const auto believing = [&](const access& x) -> const hold* {
    const auto it = a.by_id.find(x.id);
    if (it == a.by_id.end()) return nullptr;
    const auto& one = a.holds[it->second.front()];
    const bool believes =
        std::any_of(one.believed.begin(), one.believed.end(), [&](auto& b) { return b.from <= x.at && x.at < b.to; });
    return believes && excuse_for(a, one, x.at) == excuse::none ? &one : nullptr;
  };
  struct section {
    std::string writer;  // who has got and not put
    const access* got = nullptr;
    const access* seen = nullptr;  // by a reader, since
  };
  std::unordered_map<std::string, section> open;
  std::int64_t reads = 0, writes = 0;
  for (const auto& x : a.h.accesses) {
    auto& s = open[x.lock];
    if (x.what == access_kind::get && x.exclusive) s = {x.id, &x, nullptr};
    if (x.what == access_kind::see && x.ok) {
      ++reads;
      if (s.got != nullptr && s.writer != x.id && believing(x) != nullptr) s.seen = &x;
    }
    if (x.what == access_kind::put && x.ok) {
      ++writes;
      if (s.writer == x.id && s.seen != nullptr && believing(*s.got) != nullptr && believing(x) != nullptr)
        r.breaks(x.lock + ": read (" + a.h.at(s.seen->where) + ") between a writer's get (" + a.h.at(s.got->where) +
                 ") and put (" + a.h.at(x.where) + ")");
      s = {};
    }
  }
  r.detail = std::to_string(reads) + " reads and " + std::to_string(writes) + " writes at the resource";
  return r;
}

}  // namespace dlock::chaos
