#include <algorithm>
#include <unordered_map>

#include "checks.hpp"

// What the guarded resource saw, by itself.
namespace dlock::chaos {
namespace {

std::string describe(const analysis& a, const access& x) {
  return "token " + std::to_string(x.token) + " of " + x.from + " (" + a.h.at(x.where) + ")";
}

struct counter {
  bool known = false;
  std::int64_t value = 0;  // after the last get or put
};

}  // namespace

check_result check_exclusion_at_resource(const analysis& a) {
  check_result r("exclusion-at-resource");
  struct maxima {
    const access* any = nullptr;
    const access* exclusive = nullptr;
  };
  std::unordered_map<std::string, maxima> locks;
  std::int64_t accepted = 0, refused = 0;
  for (const auto& x : a.h.accesses) {
    if (x.what == access_kind::enter || x.what == access_kind::leave) continue;  // no token can decide these
    auto& seen = locks[x.lock];
    const auto* before = x.exclusive ? seen.any : seen.exclusive;
    const bool stale = before != nullptr && x.token < before->token;
    if (x.what != access_kind::get) {
      ++(x.ok ? accepted : refused);
      if (x.ok && stale) r.breaks(x.lock + ": accepted the stale " + describe(a, x) + " after " + describe(a, *before));
      if (!x.ok && !stale) r.breaks(x.lock + ": refused " + describe(a, x) + ", which was not stale");
    }
    if (seen.any == nullptr || x.token > seen.any->token) seen.any = &x;
    if (x.exclusive && (seen.exclusive == nullptr || x.token > seen.exclusive->token)) seen.exclusive = &x;
  }
  r.detail = std::to_string(accepted) + " accesses accepted, " + std::to_string(refused) + " stale ones refused";
  return r;
}

check_result check_lost_updates(const analysis& a) {
  check_result r("lost-updates");
  struct state {
    const access* put = nullptr;
    std::unordered_map<std::string, std::int64_t> got;  // id -> what it read last
  };
  std::unordered_map<std::string, state> locks;
  std::int64_t puts = 0;
  for (const auto& x : a.h.accesses) {
    auto& s = locks[x.lock];
    if (x.what == access_kind::get) s.got[x.id] = x.n;
    if (x.what == access_kind::get && s.put != nullptr && x.n != s.put->n) {
      r.breaks(x.lock + ": " + std::to_string(x.n) + " was read by " + describe(a, x) + ", but " +
               std::to_string(s.put->n) + " written last, by " + describe(a, *s.put));
    }
    if (x.what != access_kind::put || !x.ok) continue;
    ++puts;
    const auto read = s.got.find(x.id);
    if (read == s.got.end() || x.n != read->second + 1) {
      r.breaks(x.lock + ": " + std::to_string(x.n) + " was written without reading the one before, by " +
               describe(a, x));
    } else if (s.put != nullptr && x.n != s.put->n + 1) {
      r.breaks(x.lock + ": " + std::to_string(x.n) + " was written over " + std::to_string(s.put->n) + ", by " +
               describe(a, x) + " over " + describe(a, *s.put));
    }
    s.put = &x;
    s.got.erase(x.id);
  }
  r.detail = std::to_string(puts) + " writes in a chain";
  return r;
}

check_result check_accounting(const analysis& a) {
  check_result r("accounting");
  struct account {
    std::int64_t first = 0, last = 0, acked = 0;
    bool begun = false;
    const access* end = nullptr;
  };
  std::map<std::string, account> locks;
  std::int64_t acked = 0;
  for (const auto& x : a.h.accesses) {
    if (x.what != access_kind::get && (x.what != access_kind::put || !x.ok)) continue;
    auto& l = locks[x.lock];
    if (!l.begun) l.first = x.what == access_kind::get ? x.n : x.n - 1;
    l.begun = true;
    l.last = x.n;
    l.end = &x;
    if (x.what == access_kind::put) ++l.acked, ++acked;
  }
  const auto unknown = a.h.resource_torn;
  for (const auto& [lock, l] : locks) {
    const auto counted = l.last - l.first;
    if (l.acked <= counted && counted <= l.acked + unknown) continue;
    r.breaks(lock + ": " + std::to_string(l.acked) + " writes acknowledged, " + std::to_string(unknown) +
             " unknown, but the counter went from " + std::to_string(l.first) + " to " + std::to_string(l.last) +
             ", at " + describe(a, *l.end));
  }
  r.detail = std::to_string(acked) + " writes acknowledged, " + std::to_string(unknown) + " unknown";
  return r;
}

}  // namespace dlock::chaos
