#include "support/generate.hpp"

#include <algorithm>
#include <ostream>

#include "protocol/batch.hpp"
#include "reference/transition.hpp"
#include "support/codec.hpp"
#include "support/generate_parts.hpp"

namespace dlock::testing {
namespace {

using namespace protocol;
using rc::gen::element;
using rc::gen::exec;
using rc::gen::inRange;

constexpr ms kStart = 1000;

std::string broken_field() {
  return *element<std::string>(
      R"("et":"tomorrow")", R"("et":null)", R"("et":5)", R"("et":{"$timestamp":{"t":1,"i":1}})", R"("no_et":1)",
      R"("fence":"1")", R"("fence":{"$numberDecimal":"1"})", R"("fence":true)", R"("fence":[])", R"("rev":"1")",
      R"("rev":{})", R"("rev":null)", R"("cap":"1")", R"("cap":[1])", R"("holders":{})", R"("holders":{"id":"a"})",
      R"("holders":"a")", R"("holders":1)", R"("waiters":{"0":1})", R"("waiters":{"id":1})", R"("waiters":true)",
      R"("gone":"x")", R"("gone":0)", R"("gone":{"id":1})", R"("ct":"now")", R"("ct":1)", R"("mine":{})",
      R"("mine":[])", R"("mine":false)", R"("mine":{"$timestamp":{"t":1,"i":1}})");
}

/// The lock's fields as JSON, but for `_id` and one more.
std::string fields_without(const document& d, bool sparse, const std::string& key) {
  const auto fields = make_bson();
  bson_copy_to_excluding_noinit(encode("", d, sparse).get(), fields.get(), "_id", key.c_str(), nullptr);
  char* json = bson_as_canonical_extended_json(fields.get(), nullptr);
  std::string out = json;
  bson_free(json);
  return out;
}

scenario new_scenario() {
  scenario s;
  s.now = kStart + *inRange<ms>(0, 20);
  s.request = any_request(s.now);
  s.sparse = chance(50);
  return s;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const scenario& s) {
  out << "now " << s.now << ", " << s.request;
  for (const auto& r : s.more) out << "\n  and " << r;
  out << "\n  on ";
  if (!s.not_a_lock.empty()) return out << s.not_a_lock;
  if (!s.before) return out << "no document";
  if (!s.admitted.empty()) out << "(" << s.admitted.size() << " more admitted" << (s.emptied ? ", emptied) " : ") ");
  return out << (s.sparse ? "(sparse) " : "") << *s.before;
}

rc::Gen<scenario> arbitrary_scenario() {
  return exec([] {
    scenario s = new_scenario();
    s.before = any_document(s.request, s.now);
    aim(s.request, *s.before, s.now);
    s.admitted = any_admitted(*s.before, s.request, s.now);
    s.emptied = s.before->waiters.empty() && chance(20);
    return s;
  });
}

rc::Gen<scenario> other_document_scenario() {
  return exec([] {
    scenario s = new_scenario();
    document d = any_document(s.request, s.now);
    aim(s.request, d, s.now);
    if (chance(50)) d.mine = d.ct;  // so that renewal and release look at it, too
    if (chance(50)) {               // and the short forms
      d.holders.clear();
      d.waiters.clear();
      d.gone.clear();
      d.cap = s.request.cap;
    }
    const std::string broken = broken_field();
    const std::string key = broken.substr(1, broken.find('"', 1) - 1);
    const std::string rest = fields_without(d, s.sparse, key == "no_et" ? "et" : key);
    s.not_a_lock = "{" + broken + (rest.find(':') == std::string::npos ? "}" : "," + rest.substr(rest.find('{') + 1));
    return s;
  });
}

rc::Gen<scenario> damaged_scenario() {
  return exec([] {
    scenario s = new_scenario();
    document d = any_document(s.request, s.now);
    aim(s.request, d, s.now);
    d.mine = d.ct;
    const auto list = *element<std::string>("holders", "waiters", "gone");
    const std::string good = fields_without(d, false, list);
    const std::string me = R"("id":")" + *element<std::string>("a", "b", "c") + R"(",)";
    s.request.id = me.substr(6, 1);
    const std::string date = R"({"$date":{"$numberLong":")" + std::to_string(s.now + 3) + R"("}})";
    const auto entry = *element<std::string>(
        "1", "null", R"("x")", "[]", "[{}]", "{}", R"({"id":1,"until":)" + date + "}",
        "{" + me + R"("until":)" + date + "}", "{" + me + R"("until":"late"})",
        "{" + me + R"("until":{"$timestamp":{"t":9,"i":1}}})",
        "{" + me + R"("until":)" + date + R"(,"exclusive":1,"weight":"heavy","seen":5,"term":"x","since":"y"})");
    const auto admitted = *element<std::string>("", "", R"("admitted":"x",)", R"("admitted":-1,)", R"("admitted":1,)",
                                                R"("admitted":2147483647,)", R"("admitted":1.5,)");
    s.not_a_lock = "{" + admitted + "\"" + list + "\":[" + entry + *element<std::string>("", "," + entry) + "]," +
                   good.substr(good.find('{') + 1);
    return s;
  });
}

rc::Gen<std::vector<step>> history() {
  return exec([] {
    // One lock has one kind of users, by and large. After a resize most of them know the new number.
    std::int64_t cap = chance(50) ? 0 : *inRange<std::int64_t>(1, 5);
    const bool exclusive_only = chance(40);
    const ms skew = any_skew();
    const ms term = *element<ms>(1, 4, 10);
    std::vector<step> out(*inRange<std::size_t>(0, 16));
    for (auto& s : out) {
      s.passes = *rc::gen::weightedElement<ms>({{6, 0}, {3, 1}, {2, 2}, {2, 5}, {1, 11}, {1, -1}, {1, -4}, {1, skew}});
      if (chance(5)) continue;
      request r = any_request(kStart);
      r.op = *rc::gen::weightedElement<operation>({{2, operation::try_},
                                                   {6, operation::enqueue},
                                                   {2, operation::heartbeat},
                                                   {1, operation::peek},
                                                   {2, operation::renew},
                                                   {3, operation::release},
                                                   {1, operation::cancel},
                                                   {2, operation::amend},
                                                   {1, operation::revoke},
                                                   {cap > 0 ? 2 : 0, operation::resize}});
      r.skew = skew;
      r.term = term;
      r.delta += 2;
      r.life += 10;
      if (exclusive_only) r.what = {};
      if (r.op == operation::amend && !exclusive_only && chance(50)) r.what = {false, 1};  // a downgrade, perhaps
      r.seq = static_cast<std::int64_t>(&s - out.data()) + *inRange<std::int64_t>(-1, 2);  // or a late copy
      if (r.op == operation::resize) {
        r.cap = *inRange<std::int64_t>(1, chance(50) ? 3 : 6);
        if (chance(80)) cap = r.cap;
      } else if (!chance(5)) {
        r.cap = cap;
      }
      s.request = r;
    }
    return out;
  });
}

std::optional<document> by_mongo_dlock(std::optional<document> d, ms now) {
  if (d && d->et && *d->et >= now && d->lockd == lockd_flag::yes) return std::nullopt;  // its unlock
  if (d && d->et && *d->et >= now && d->lockd != lockd_flag::no) return d;              // it is taken
  if (!d) d.emplace();
  if (now % 2 == 0) d->lockd = lockd_flag::yes;  // 1.x
  d->ct = now;
  d->et = now + 5;
  return d;
}

rc::Gen<scenario> observed_scenario() {
  return exec([] {
    scenario s = new_scenario();
    auto& r = s.request;
    r.observed = true;
    if (chance(3)) return s;
    if (chance(85)) {
      s.before = any_observed_document(r, s.now);
    } else {
      s.before = any_document(r, s.now);  // of the other expiry; perhaps it is free
      if (chance(70)) s.before->mine = s.before->ct;
      if (chance(70)) s.before->holders.clear();
      if (chance(70)) s.before->waiters.clear();
    }
    aim(r, *s.before, s.now);
    r.expire = any_pulses(*s.before);
    return s;
  });
}

rc::Gen<scenario> other_expiry_scenario() {
  return exec([] {
    scenario s = new_scenario();
    s.before = any_observed_document(s.request, s.now);
    if (chance(30)) s.before->holders.clear();
    if (chance(30)) s.before->waiters.clear();
    aim(s.request, *s.before, s.now);
    return s;
  });
}

rc::Gen<scenario> reachable_scenario() {
  return exec([] {
    scenario s;
    s.now = kStart;
    auto steps = *history();
    s.request = any_request(s.now);
    for (auto& next : steps) {
      s.now += next.passes;
      if (next.request) {
        // Most who resize have seen the last resize.
        if (s.before && next.request->op == operation::resize && chance(80)) next.request->resized = s.before->resized;
        s.before = transition(s.before, *next.request, s.now).after;
        s.request.cap = next.request->cap;
        s.request.skew = next.request->skew;
      } else {
        s.before = by_mongo_dlock(s.before, s.now);
      }
    }
    s.now += *element<ms>(0, 0, 1, 3, 8, 12, -2);
    if (!s.before) return s;
    aim(s.request, *s.before, s.now);
    s.admitted = any_admitted(*s.before, s.request, s.now);
    s.emptied = s.before->waiters.empty() && chance(20);
    return s;
  });
}

rc::Gen<scenario> short_scenario() {
  return exec([] {
    scenario s = *any_scenario();
    auto& r = s.request;
    r.op = *element(operation::try_, operation::enqueue, operation::release);
    r.keep = 0;
    const bool releases = r.op == operation::release;
    // Real ids are random: what is no lock does not hold them.
    if (!releases || !s.not_a_lock.empty()) r.id = "new";
    if (r.cap > 0) r.what.weight = std::min(r.what.weight, r.cap);
    if (!s.before || !s.not_a_lock.empty() || chance(20)) return s;
    // Calm: nobody waits, nobody else holds. Or a queue behind one that holds exclusively, and nothing has ended. One
    // thing may be otherwise.
    auto& d = *s.before;
    const bool queue = chance(50);
    const int other = *inRange(0, 15);
    if (other != 0 && !queue) d.waiters.clear();
    if (other != 1 && chance(80)) d.gone.clear();
    if (other == 1 && !d.gone.empty() && !releases) d.gone.front().id = r.id;
    if (other != 2) d.mine = d.ct;
    if (other != 3) d.cap = r.cap;
    if (other != 4) d.holders.resize(releases || queue ? std::min<std::size_t>(1, d.holders.size()) : 0);
    if (other != 5 && releases && !d.holders.empty()) r.id = d.holders.front().id;
    const auto live = [&](auto& entry) { entry.until = std::max(entry.until, s.now - r.skew + 1); };
    if (other != 6) std::for_each(d.holders.begin(), d.holders.end(), live);
    if (other != 7) {
      std::for_each(d.waiters.begin(), d.waiters.end(), live);
      std::for_each(s.admitted.begin(), s.admitted.end(), live);
    }
    if (other != 13) std::for_each(d.gone.begin(), d.gone.end(), live);
    if (!queue) return s;
    if (r.op == operation::try_ && chance(80)) r.op = operation::enqueue;
    if (other == 12) d.holders.clear();
    if (other != 12 && d.holders.empty()) d.waiters.clear();
    if (other != 8 && !d.holders.empty()) d.holders.front().what = {};
    if (other != 8 && other != 9 && !d.waiters.empty()) d.waiters.front().what = {};
    if (other != 10) r.what = {};
    if (other == 8 && !d.holders.empty() && !d.waiters.empty() && !releases) {
      r.op = operation::enqueue;
      r.cap = d.cap = 0;
      d.holders.front().what = d.waiters.front().what = {.exclusive = false, .weight = 1};
    }
    // A late copy of a request that was repeated in full, and granted, meanwhile.
    if (other == 14 && !releases && !d.holders.empty() && !d.waiters.empty() && s.not_a_lock.empty()) {
      r.op = operation::enqueue;
      r.id = d.holders.front().id = "granted";
    }
    if (other == 11 && releases && !d.waiters.empty()) d.waiters.front().id = r.id;
    s.emptied = s.emptied && d.waiters.empty();
    if (chance(50)) return s;
    // A queue so long that its head is not taken out at once.
    for (int more = d.waiters.empty() ? 0 : *inRange(5, 40); more > 0; --more) {
      d.waiters.push_back(d.waiters.back());
      d.waiters.back().id = "long " + std::to_string(more);
    }
    return s;
  });
}

rc::Gen<scenario> express_scenario() {
  return exec([] {
    scenario s = *any_scenario();
    auto& r = s.request;
    r.op = *element(operation::try_, operation::enqueue, operation::release, operation::renew);
    r.keep = 0;
    const bool takes = r.op == operation::try_ || r.op == operation::enqueue;
    // Real ids are random: what is no lock does not hold them.
    if (takes || !s.not_a_lock.empty()) r.id = "new";
    if (r.cap > 0) r.what.weight = std::min(r.what.weight, r.cap);
    if (!s.before || !s.not_a_lock.empty()) return s;
    // Quiet: nobody waits, nobody else holds, there are no tombstones. One thing may be otherwise.
    auto& d = *s.before;
    const int other = *inRange(0, 14);
    s.sparse = s.sparse && other == 0;  // dlock writes every list and number
    if (other != 1) s.admitted.clear();
    if (other != 2) d.waiters.clear();
    if (other != 3) d.gone.clear();
    if (other == 3 && !d.gone.empty() && takes) d.gone.front().id = r.id;
    if (other != 4) d.mine = d.ct;
    if (other != 4 && !d.ct) d.ct = d.mine = s.now - 5;
    if (other != 5) d.cap = r.cap;
    if (other != 6) d.holders.resize(takes ? 0 : std::min<std::size_t>(1, d.holders.size()));
    if (other != 7 && !takes && !d.holders.empty()) r.id = d.holders.front().id;
    if (other != 8 && !d.holders.empty()) d.holders.front().until = std::max(d.holders.front().until, s.now + 1);
    if (other != 9 && !d.holders.empty()) d.holders.front().revoked = false;
    if (other != 10) d.fence = std::clamp<std::int64_t>(d.fence, 0, (s.now + 10) * token_step);
    if (other != 10 && other != 11) r.floor = std::min(r.floor, d.fence);
    if (other != 12) d.rev = std::clamp<std::int64_t>(d.rev, 0, 1'000'000);
    if (other == 12) d.rev = *element<std::int64_t>(-1, -1000, token_limit - 993, token_limit - 992, token_limit - 1);
    s.emptied = s.emptied && d.waiters.empty() && other == 1;
    return s;
  });
}

rc::Gen<scenario> batch_scenario() {
  return exec([] {
    scenario s = *any_scenario();
    std::vector<std::string> ids{"new", "another"};
    if (s.before) {
      for (const auto& h : s.before->holders) ids.push_back(h.id);
      for (const auto& w : s.before->waiters) ids.push_back(w.id);
      for (const auto& t : s.before->gone) ids.push_back(t.id);
    }
    request r = s.request;
    r.keep = 0;
    protocol::batch all;
    // A pass: an exclusive holder, and the next of its client.
    const auto alone = s.before ? std::find_if(s.before->holders.begin(), s.before->holders.end(),
                                               [](const auto& h) { return h.what.exclusive; })
                                : std::vector<protocol::holder>::iterator{};
    if (s.before && alone != s.before->holders.end() && chance(60)) {
      r.op = operation::release;
      r.id = alone->id;
      r.what = {};
      all.push_back(r);
      r.op = operation::enqueue;
      r.id = "new";
      r.value = chance(70) ? std::string() : hostile();
      all.push_back(r);
    }
    for (int left = *inRange(1, 6); left > 0; --left) {
      r.op = chance(50) ? operation::enqueue : operation::release;
      r.id = ids[*inRange<std::size_t>(0, ids.size())];
      r.what = {.exclusive = false, .weight = *inRange<std::int64_t>(1, 4)};
      if (r.op == operation::enqueue && chance(40)) r.what = {};
      r.value = chance(70) ? std::string() : hostile();
      r.floor = token_near(s.now);
      if (std::all_of(all.begin(), all.end(), [&](auto& other) { return go_together(other, r); })) all.push_back(r);
    }
    s.request = all.front();
    s.more.assign(all.begin() + 1, all.end());
    return s;
  });
}

rc::Gen<scenario> renewals_scenario() {
  return exec([] {
    scenario s = *any_scenario();
    request r = s.request;
    r.op = operation::renew;
    protocol::batch all;
    if (s.before && chance(80)) s.before->mine = s.before->ct;
    std::vector<std::string> ids{"new", "another"};
    if (s.before) {
      for (const auto& h : s.before->holders) ids.push_back(h.id);
      for (const auto& w : s.before->waiters) ids.push_back(w.id);
    }
    for (int left = *inRange(2, 6); left > 0; --left) {
      r.id = ids[*inRange<std::size_t>(chance(80) && ids.size() > 2 ? 2 : 0, ids.size())];
      if (std::all_of(all.begin(), all.end(), [&](auto& other) { return renewed_together(other, r); }))
        all.push_back(r);
    }
    s.request = all.front();
    s.more.assign(all.begin() + 1, all.end());
    return s;
  });
}

rc::Gen<scenario> any_scenario() {
  return rc::gen::weightedOneOf<scenario>({{9, arbitrary_scenario()},
                                           {9, reachable_scenario()},
                                           {2, other_document_scenario()},
                                           {1, other_expiry_scenario()}});
}

}  // namespace dlock::testing
