#include "support/generate_parts.hpp"

#include <algorithm>
#include <limits>

namespace dlock::testing {

using namespace protocol;
using rc::gen::element;
using rc::gen::inRange;

namespace {

constexpr ms kStart = 1000;

ms near_now(ms now) {
  return now + *inRange<ms>(-6, 7);
}

}  // namespace

bool chance(int percent) {
  return *inRange(0, 100) < percent;
}

/// Ids and names that would be something else if they were ever taken for an expression, a path or a number.
std::string hostile() {
  return *element<std::string>("a", "b", "c", "$holders", "$$NOW", "$$ROOT", "a.b", "$r.id", "{\"$literal\":1}", "true",
                               "1", "\xc3\xa9\xe2\x9c\x93\xf0\x9f\x94\x92", " ", "$", "x\ny\"z\\");
}

namespace {

std::string any_string() {
  return chance(20) ? std::string() : hostile();
}

claim any_claim() {
  return chance(50) ? claim{} : claim{false, *inRange<std::int64_t>(1, 4)};
}

}  // namespace

std::int64_t token_near(ms now) {
  return *rc::gen::oneOf(rc::gen::just<std::int64_t>(0), inRange<std::int64_t>(0, 3001),
                         inRange<std::int64_t>((now - 3) * token_step, (now + 4) * token_step),
                         rc::gen::map(inRange<std::int64_t>(now - 3, now + 4), [](auto t) { return t * token_step; }));
}

namespace {

/// About `end`, which is the first that is too high, or far off.
std::int64_t strange_number(std::int64_t end) {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  return *element<std::int64_t>(+end, end + 1, end - 1, std::int64_t{-1}, std::int64_t{-1000}, +kMost, kMost - 1000);
}

/// As high as a token may be, with room for the grants of one operation, or higher, or none.
std::int64_t high_token(ms now) {
  return chance(50) ? end_of_tokens(now) - *inRange<std::int64_t>(1, 30'000) : strange_number(end_of_tokens(now));
}

}  // namespace

ms any_skew() {
  return *element<ms>(0, 0, 3, 500);
}

request any_request(ms now) {
  request r;
  r.op = *rc::gen::weightedElement<operation>({{2, operation::try_},
                                               {2, operation::enqueue},
                                               {2, operation::heartbeat},
                                               {2, operation::peek},
                                               {3, operation::renew},
                                               {2, operation::release},
                                               {2, operation::cancel},
                                               {4, operation::amend},
                                               {2, operation::revoke},
                                               {3, operation::resize}});
  r.lock = hostile();
  r.id = hostile();
  r.what = any_claim();
  r.cap = chance(50) ? 0 : *inRange<std::int64_t>(1, 6);
  r.delta = *inRange<ms>(1, 12);
  r.life = *inRange<ms>(1, 12);
  r.term = *inRange<ms>(1, 12);
  r.skew = any_skew();
  r.keep = chance(50) ? 0 : *inRange<ms>(1, 20);
  r.tomb = chance(50) ? 0 : *inRange<ms>(1, 20);
  r.floor = token_near(now);
  r.who = any_string();
  r.client = any_string();
  r.value = chance(70) ? std::string() : hostile();
  if (r.op == operation::resize) r.cap = *inRange<std::int64_t>(1, chance(60) ? 3 : 6);
  if (r.op == operation::amend && chance(40)) r.what = {false, *inRange<std::int64_t>(1, 8)};
  r.seq = *inRange<std::int64_t>(1, 4);
  r.resized = *inRange<std::int64_t>(0, 3);
  return r;
}

namespace {

/// Up to `most` entries with different ids.
template <typename Entry, typename Make>
std::vector<Entry> entries(int most, Make make) {
  std::vector<Entry> out;
  for (int left = *inRange(0, most + 1); left > 0; --left) {
    Entry e = make();
    e.id = hostile();
    if (std::none_of(out.begin(), out.end(), [&](const Entry& o) { return o.id == e.id; })) out.push_back(std::move(e));
  }
  return out;
}

waiter any_waiter(ms now, ms until) {
  return {"",
          any_claim(),
          *inRange<ms>(1, 12),
          *inRange<ms>(1, 12),
          near_now(now),
          until,
          any_string(),
          any_string(),
          near_now(now),
          chance(20) ? hostile() : std::string(),
          0,
          0};
}

}  // namespace

document any_document(const request& r, ms now) {
  // Around the instant that decides for this request.
  const ms cut = now - r.skew;
  document d;
  d.fence = chance(6) ? high_token(now) : token_near(now);
  d.rev = chance(3) ? strange_number(token_limit) : *inRange<std::int64_t>(0, 5);
  d.cap = chance(60) ? r.cap : *inRange<std::int64_t>(0, 6);
  if (chance(60)) d.resized = *inRange<std::int64_t>(0, 3);
  const auto until = [&] { return near_now(chance(80) ? cut : now); };
  d.holders = entries<holder>(*element(0, 1, 4, 4), [&] {
    return holder{"",
                  any_claim(),
                  *inRange<ms>(1, 12),
                  near_now(now),
                  until(),
                  chance(5) ? strange_number(end_of_tokens(now)) : token_near(now),
                  any_string(),
                  any_string(),
                  chance(50),
                  chance(35),
                  chance(20) ? hostile() : std::string(),
                  chance(50) ? 0 : *inRange<std::int64_t>(1, 4),
                  0,
                  0};
  });
  d.waiters = entries<waiter>(*element(0, 2, 6), [&] { return any_waiter(now, until()); });
  d.gone = entries<tombstone>(*element(0, 0, 3), [&] { return tombstone{"", until()}; });
  d.lockd = static_cast<lockd_flag>(*inRange(0, 4));
  if (chance(90)) d.ct = near_now(now);
  d.mine = chance(70) ? d.ct : chance(50) ? std::nullopt : std::optional(near_now(now));
  if (targets_holder(r) && chance(50)) d.mine = d.ct;
  d.et = until();
  return d;
}

/// A lock of observed expiry. Some entries were written by nobody of ours: they have no beat.
document any_observed_document(const request& r, ms now) {
  document d = any_document(r, now);
  d.observed = true;
  d.lockd = lockd_flag::absent;
  d.ct = d.et = d.mine = std::nullopt;
  const auto beat = [&](auto& e) {
    e.beat = *inRange<std::int64_t>(0, std::clamp<std::int64_t>(d.rev, 0, 5) + 3);
    e.span = e.beat == 0 ? 0 : *inRange<ms>(1, 12);
  };
  std::for_each(d.holders.begin(), d.holders.end(), beat);
  std::for_each(d.waiters.begin(), d.waiters.end(), beat);
  if (chance(10)) {
    for (std::int64_t i = *inRange<std::int64_t>(-2, 2); i < tombstones; ++i)
      d.gone.push_back({"gone " + std::to_string(i), now});
  }
  return d;
}

/// Some of those who are there, at their beat or about it.
std::vector<pulse> any_pulses(const document& d) {
  std::vector<pulse> out;
  const auto add = [&](const auto& e) {
    if (chance(40)) out.push_back({e.id, chance(70) ? e.beat : e.beat + *inRange<std::int64_t>(-1, 2)});
  };
  std::for_each(d.holders.begin(), d.holders.end(), add);
  std::for_each(d.waiters.begin(), d.waiters.end(), add);
  if (chance(20)) out.push_back({hostile(), *inRange<std::int64_t>(0, 5)});
  return out;
}

/// Some who were admitted are still stored: the holder most likely, or somebody who came back, or has gone.
std::vector<waiter> any_admitted(const document& d, const request& r, ms now) {
  std::vector<waiter> out;
  if (chance(60)) return out;
  std::vector<std::string> ids{r.id, "admitted"};
  for (const auto& h : d.holders) ids.push_back(h.id);
  for (const auto& w : d.waiters) ids.push_back(w.id);
  for (int left = *inRange(1, 4); left > 0; --left) {
    out.push_back(any_waiter(now, near_now(now - r.skew)));
    out.back().id = ids[*inRange<std::size_t>(0, ids.size())];
  }
  return out;
}

/// Makes the request speak of somebody in the document, most of the time.
void aim(request& r, const document& d, ms now) {
  if (r.op == operation::resize && chance(70)) r.resized = d.resized;
  if (!chance(targets_holder(r) ? 85 : 70)) return;
  std::vector<std::string> ids;
  for (const auto& h : d.holders) ids.push_back(h.id);
  if (!targets_holder(r)) {
    for (const auto& w : d.waiters) ids.push_back(w.id);
  }
  if (r.op == operation::try_ || r.op == operation::enqueue || r.op == operation::cancel) {
    for (const auto& t : d.gone) ids.push_back(t.id);
  }
  if (!ids.empty()) r.id = ids[*inRange<std::size_t>(0, ids.size())];
  if (r.op == operation::release && r.keep > 0 && !d.holders.empty() && chance(50)) {
    r.keep = std::max<ms>(1, now - d.holders.front().since + *inRange<ms>(-1, 2));  // ends about now
    r.id = d.holders.front().id;
  }
}

}  // namespace dlock::testing
