#include "corrupt.hpp"

#include <algorithm>

#include "grants.hpp"

namespace dlock::chaos {
namespace {

using maybe = std::optional<lines>;

/// One of those that will do.
template <typename T>
const T* one_of(const std::vector<T>& some, std::uint64_t seed) {
  return some.empty() ? nullptr : &some[seed % some.size()];
}

std::vector<std::size_t> where(const lines& all, const std::function<bool(const json&)>& fits) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (fits(all[i])) out.push_back(i);
  }
  return out;
}

/// Changes one line that fits.
std::function<maybe(const lines&, std::uint64_t)> edit(std::function<bool(const json&)> fits,
                                                       std::function<void(json&)> change) {
  return [=](const lines& valid, std::uint64_t seed) -> maybe {
    const auto some = where(valid, fits);
    const auto* at = one_of(some, seed);
    if (at == nullptr) return {};
    lines out = valid;
    change(out[*at]);
    return out;
  };
}

std::function<maybe(const lines&, std::uint64_t)> remove(std::function<bool(const json&)> fits) {
  return [=](const lines& valid, std::uint64_t seed) -> maybe {
    const auto some = where(valid, fits);
    const auto* at = one_of(some, seed);
    if (at == nullptr) return {};
    lines out = valid;
    out.erase(out.begin() + static_cast<std::ptrdiff_t>(*at));
    return out;
  };
}

using pair = std::pair<const grant_lines*, const grant_lines*>;

std::vector<pair> pairs(const index& in, const std::function<bool(const grant_lines&, const grant_lines&)>& fit) {
  std::vector<pair> out;
  for (const auto& a : in.grants) {
    for (const auto& b : in.grants) {
      if (&a != &b && a.lock == b.lock && fit(a, b)) out.emplace_back(&a, &b);
    }
  }
  return out;
}

void swap_tokens(lines& in, const pair& p) {
  std::swap(in[p.first->ret]["token"], in[p.second->ret]["token"]);
}

/// The first one believes on until after the second one has come.
void extend(lines& in, const pair& p) {
  const auto& [a, b] = p;
  const ns later = b->returned + 5 * ns_per_ms;
  in[a->ret]["until"] = later + ns_per_s;
  in[b->ret]["until"] = later + ns_per_s;
  for (auto& line : in) {
    if (is(line, "held") && (line["id"] == a->id || line["id"] == b->id)) line["until"] = later + ns_per_s;
  }
  if (a->release != 0) in[a->release]["t"] = later;
  if (a->released != 0) in[a->released]["t"] = later + 1;
  if (b->release != 0) in[b->release]["t"] = std::max(time_of(in[b->release]), later);
}

/// Both can be made to believe at once.
bool can_overlap(const index& in, const grant_lines& a, const grant_lines& b) {
  return a.returned < b.returned && a.token < b.token && a.lost == 0 && b.lost == 0 && !a.downgraded && !b.downgraded &&
         !in.killed.contains(a.process) && !in.killed.contains(b.process);
}

maybe extended(const lines& valid, std::uint64_t seed,
               const std::function<bool(const grant_lines&, const grant_lines&)>& fit) {
  const index in(valid);
  const auto some = pairs(in, [&](auto& a, auto& b) {
    return can_overlap(in, a, b) && in.lease_proof(a.called, b.returned + 10 * ns_per_ms) && fit(a, b);
  });
  const auto* p = one_of(some, seed);
  if (p == nullptr) return {};
  lines out = valid;
  extend(out, *p);
  return out;
}

maybe too_many_believe(const lines& valid, std::uint64_t seed) {
  const index in(valid);
  if (!in.lease_proof()) return {};
  const auto some = pairs(in, [&](auto& a, auto& b) { return a.kind == "semaphore" && can_overlap(in, a, b); });
  const auto* p = one_of(some, seed);
  if (p == nullptr) return {};
  lines out = valid;
  extend(out, *p);
  for (const auto* g : {p->first, p->second}) out[g->call]["weight"] = out[g->call]["cap"];
  return out;
}

maybe tokens_fall(const lines& valid, std::uint64_t seed) {
  const index in(valid);
  if (in.faults.contains("server-clock")) return {};
  const auto some = pairs(in, [](auto& a, auto& b) { return a.returned < b.called; });
  const auto* p = one_of(some, seed);
  if (p == nullptr) return {};
  lines out = valid;
  swap_tokens(out, *p);
  return out;
}

maybe passed(const lines& valid, std::uint64_t seed) {
  const index in(valid);
  if (!in.faults.empty()) return {};
  const auto some = pairs(in, [](auto& a, auto& b) { return a.queued < b.called && b.called < a.returned; });
  const auto* p = one_of(some, seed);
  if (p == nullptr) return {};
  lines out = valid;
  swap_tokens(out, *p);
  return out;
}

maybe duplicate_token(const lines& valid, std::uint64_t seed) {
  const index in(valid);
  const auto some = pairs(in, [](auto&, auto&) { return true; });
  const auto* p = one_of(some, seed);
  if (p == nullptr) return {};
  lines out = valid;
  out[p->second->ret]["token"] = p->first->token;
  return out;
}

bool is_put(const json& line) {
  return is(line, "put") && line["ok"] == true;
}

/// Somebody older writes, too, and is let in.
maybe stale_put(const lines& valid, std::uint64_t seed) {
  const auto puts = where(valid, is_put);
  const auto* at = one_of(puts, seed);
  if (at == nullptr) return {};
  lines out = valid;
  json stale = out[*at];
  stale["t"] = time_of(stale) + 1;
  stale["token"] = stale["token"].get<std::int64_t>() - 1000;
  stale["id"] = "older";
  stale["n"] = stale["n"].get<std::int64_t>() + 1;
  out.insert(out.begin() + static_cast<std::ptrdiff_t>(*at) + 1, stale);
  return out;
}

maybe token_of_two(const lines& valid, std::uint64_t seed) {
  const auto some = where(valid, [](const json& l) { return l["p"] == "resource"; });
  const auto* at = one_of(some, seed);
  if (at == nullptr) return {};
  lines out = valid;
  json other = out[*at];
  other["id"] = "somebody-else";
  out.insert(out.begin() + static_cast<std::ptrdiff_t>(*at) + 1, other);
  return out;
}

/// The last thing that the counter said.
maybe miscounted(const lines& valid, std::uint64_t seed) {
  auto puts = where(valid, is_put);
  std::erase_if(puts, [&](std::size_t i) {
    return std::any_of(valid.begin() + static_cast<std::ptrdiff_t>(i) + 1, valid.end(),
                       [&](auto& l) { return (is(l, "put") || is(l, "get")) && l["lock"] == valid[i]["lock"]; });
  });
  const auto* at = one_of(puts, seed);
  if (at == nullptr) return {};
  lines out = valid;
  out[*at]["n"] = out[*at]["n"].get<std::int64_t>() + 3;
  return out;
}

maybe late_notice(const lines& valid, std::uint64_t seed) {
  const index in(valid);
  if (!in.lease_proof()) return {};
  const auto some = pairs(in, [&](auto& a, auto& b) {
    return a.lost != 0 && a.token < b.token && a.returned < b.returned && time_of(valid[a.lost]) < b.returned &&
           (a.exclusive && b.exclusive) && !in.frozen.contains(a.process) && !in.killed.contains(a.process);
  });
  const auto* p = one_of(some, seed);
  if (p == nullptr) return {};
  lines out = valid;
  const ns late = p->second->returned + 1;
  out[p->first->lost]["t"] = late;
  if (p->first->release != 0) out[p->first->release]["t"] = std::max(late + 1, time_of(out[p->first->release]));
  return out;
}

maybe lost_by_fork(const lines& valid, std::uint64_t seed) {
  const index in(valid);
  if (!in.faults.empty()) return {};
  const auto forks = where(valid, [](const json& l) { return is(l, "child"); });
  const auto* at = one_of(forks, seed);
  if (at == nullptr) return {};
  lines out = valid;
  json lost = out[*at];
  lost["e"] = "lost";
  out.insert(out.begin() + static_cast<std::ptrdiff_t>(*at) + 1, lost);
  return out;
}

/// The one that is next hears of it 5 s later than it did.
maybe late_wake_up(const lines& valid, std::uint64_t seed) {
  const index in(valid);
  if (!in.faults.empty() || !where(valid, [](auto& l) { return l.contains("op") && l["op"] == "acquire_all"; }).empty())
    return {};
  std::vector<const grant_lines*> some;
  for (const auto& g : in.grants) {
    ns free_since = 0;
    for (const auto& other : in.grants) {
      if (other.lock == g.lock && other.returned < g.returned)
        free_since = std::max(free_since, other.release_returned);
    }
    if (g.queued != never && free_since != 0 && free_since < g.returned) some.push_back(&g);
  }
  const auto* g = one_of(some, seed);
  if (g == nullptr) return {};
  lines out = valid;
  for (auto& line : out) {
    if (time_of(line) < (*g)->returned) continue;
    for (const char* time : {"t", "until"}) {
      if (line.contains(time)) line[time] = line[time].get<ns>() + 5 * ns_per_s;
    }
  }
  return out;
}

/// What its process, alive to the end, was answered.
maybe no_return(const lines& valid, std::uint64_t seed) {
  const index in(valid);
  return remove([&](const json& l) {
    return is(l, "return") && !in.killed.contains(l["p"]) && l["what"] != "acquired";
  })(valid, seed);
}

maybe no_final(const lines& valid, std::uint64_t seed) {
  const index in(valid);
  return remove([&](const json& l) {
    return is(l, "final") && std::any_of(in.grants.begin(), in.grants.end(),
                                         [&](auto& g) { return g.lock == l["lock"].get<std::string>(); });
  })(valid, seed);
}

maybe silent_child(const lines& valid, std::uint64_t seed) {
  const index in(valid);
  return remove([&](const json& l) { return is(l, "child") && !in.killed.contains(l["p"]); })(valid, seed);
}

/// Its process died: what it was promised does not matter any more.
maybe dead_with_a_long_lease(const lines& valid, std::uint64_t seed) {
  const index in(valid);
  std::vector<grant_lines> some;
  for (const auto& g : in.grants) {
    if (in.killed.contains(g.process) && g.release == 0 && g.lost == 0) some.push_back(g);
  }
  const auto* g = one_of(some, seed);
  if (g == nullptr) return {};
  lines out = valid;
  for (auto& line : out) {
    if (line.contains("id") && line.contains("until") && line["id"] == g->id)
      line["until"] = line["until"].get<ns>() + 100 * ns_per_s;
  }
  return out;
}

/// Of several that are lost together, one is enough.
maybe one_loss_of_several(const lines& valid, std::uint64_t seed) {
  std::vector<std::size_t> some;
  for (std::size_t i = 1; i < valid.size(); ++i) {
    if (is(valid[i], "lost") && is(valid[i - 1], "lost") && valid[i]["p"] == valid[i - 1]["p"] &&
        valid[i]["t"] == valid[i - 1]["t"])
      some.push_back(i);
  }
  const auto* at = one_of(some, seed);
  if (at == nullptr) return {};
  lines out = valid;
  // it would have believed for longer
  for (auto& line : out) {
    if (line.contains("until") && line["id"] == valid[*at]["id"])
      line["until"] = line["until"].get<ns>() + 100 * ns_per_s;
    for (auto& got : line.contains("got") ? line["got"] : json::array()) {
      if (got["id"] == valid[*at]["id"]) got["until"] = got["until"].get<ns>() + 100 * ns_per_s;
    }
  }
  out.erase(out.begin() + static_cast<std::ptrdiff_t>(*at));
  return out;
}

maybe too_heavy(const lines& valid, std::uint64_t seed) {
  if (!index(valid).lease_proof()) return {};
  return edit([](auto& l) { return is(l, "enter"); }, [](auto& l) { l["weight"] = 4; })(valid, seed);
}

}  // namespace

const std::vector<corruption>& corruptions() {
  const auto more = [](json& l) { l["n"] = l["n"].get<std::int64_t>() + 1; };
  static const std::vector<corruption> all{
      {"a stale put is accepted", "exclusion-at-resource", stale_put},
      {"a put in order is refused", "exclusion-at-resource", edit(is_put, [](json& l) { l["ok"] = false; })},
      {"a put writes over another", "lost-updates",
       edit(is_put, [](json& l) { l["n"] = l["n"].get<std::int64_t>() - 1; })},
      {"a get reads what nobody wrote", "lost-updates", edit([](auto& l) { return is(l, "get") && l["n"] > 0; }, more)},
      {"the counter rises by more than was put", "accounting", miscounted},
      {"two at once", "overlap",
       [](auto& v, auto s) { return extended(v, s, [](auto& a, auto& b) { return a.exclusive && b.exclusive; }); }},
      {"a writer beside a reader", "readers-writers",
       [](auto& v, auto s) {
         return extended(v, s, [](auto& a, auto& b) { return a.kind == "shared" && a.exclusive != b.exclusive; });
       }},
      {"more permits believed than there are", "permits", too_many_believe},
      {"more inside than there are permits", "permits", too_heavy},
      {"one token twice", "tokens-unique", duplicate_token},
      {"one token of two at the resource", "tokens-unique", token_of_two},
      {"a token falls", "tokens-real-time", tokens_fall},
      {"one who waits is passed", "queue-order", passed},
      {"a loss is told too late", "lost-before-takeover", late_notice},
      {"nobody is woken", "wake-up-gap", late_wake_up},
      {"a call does not return", "liveness", no_return},
      {"a call is over too late", "deadlines",
       edit([](auto& l) { return is(l, "return") && l["what"] == "acquired"; },
            [](json& l) { l["took"] = l["took"].get<std::int64_t>() + 101; })},
      {"a lock is not acquired at the end", "liveness", no_final},
      {"a lock cannot be acquired at the end", "liveness",
       edit([](auto& l) { return is(l, "final"); }, [](json& l) { l["ok"] = false; })},
      {"a child releases", "fork",
       edit([](auto& l) { return is(l, "child"); }, [](json& l) { l["release"] = "released"; })},
      {"a child is not heard of", "fork", silent_child},
      {"a fork costs the lock", "fork", lost_by_fork},
      {"a dead process had a long lease", "", dead_with_a_long_lease},
      {"one loss stands for several", "", one_loss_of_several},
  };
  return all;
}

}  // namespace dlock::chaos
