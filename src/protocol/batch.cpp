#include "protocol/batch.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "protocol/command_parts.hpp"
#include "protocol/read.hpp"
#include "protocol/reply.hpp"
#include "protocol/stages.hpp"

namespace dlock::protocol {
namespace {

/// The ids that are released here and were among the holders. Only the reply to this command reads them, and the next
/// command drops them.
constexpr auto kDone = R"({"$set": {"done": {"$cond": [{"$eq": ["$d.ct", "$d.mine"]},
  {"$setIntersection": [{"$ifNull": ["$d.holders.id", []]}, "$r.leave"]}, []]}}})";

/// The same as the stage kIsNew of a single request, for each request.
constexpr auto kNewOnes = R"({"$set": {"new": {"$filter": {
  "input": {"$cond": [{"$and": [{"$ne": ["$cap", "$r.cap"]}, {"$ne": [["$h", "$w"], [[], []]]}]}, [], "$r.come"]},
  "cond": {"$not": [{"$or": [{"$gt": ["$$this.weight", "$r.cap"]},
    {"$in": ["$$this.id", {"$concatArrays": ["$h.id", "$w.id", "$g.id"]}]}]}]}}}}})";
constexpr auto kAppendAll = R"({"$set": {"cap": {"$cond": [{"$eq": ["$new", []]}, "$cap", "$r.cap"]},
  "w": {"$concatArrays": ["$w", {"$map": {"input": "$new", "in": {"$mergeObjects": ["$$this",
    {"since": "$now", "seen": "$now", "until": {"$add": ["$now", "$r.life"]}}]}}}]}}})";

constexpr auto kSummaryOfMany = R"({"$cond": [
  {"$and": [{"$isArray": "$holders"}, {"$isArray": "$waiters"}, {"$isArray": "$gone"}]},
  {"first": {"$arrayElemAt": ["$holders", 0]}, "holders": {"$size": "$holders"},
   "next_end": {"$min": "$holders.until"},
   "some": {"$filter": {"input": "$holders", "cond":
     {"$or": [{"$in": ["$$this.id", "$$me"]}, {"$not": ["$$this.announced"]}]}}},
   "places": {"$map": {"input": "$$me", "as": "one", "in": {"$indexOfArray": ["$waiters.id", "$$one"]}}},
   "queue": {"$size": "$waiters"}, "dead": {"$setIntersection": ["$gone.id", "$$me"]},
   "done": {"$ifNull": ["$done", []]}},
  null]})";

/// A holder of these renewals that has not expired and is not revoked. The same for each of them as kAlive for one.
constexpr auto kOneIsAlive = R"({"$and": [{"$eq": ["$ct", "$mine"]}, {"$isArray": "$holders"},
  {"$in": [true, {"$map": {"input": "$holders", "in":
    {"$and": [{"$in": ["$$this.id", "$$me"]}, {"$gt": ["$$this.until", "$$cut"]}, {"$not": ["$$this.revoked"]}]}}}]}]})";
/// Of the holders only $$me, and the heirs. Nothing is said of places in the queue: a holder has none.
constexpr auto kSummaryOfRenewals = R"({"$cond": [
  {"$and": [{"$isArray": "$holders"}, {"$isArray": "$waiters"}, {"$isArray": "$gone"}]},
  {"first": {"$arrayElemAt": ["$holders", 0]}, "holders": {"$size": "$holders"},
   "next_end": {"$min": "$holders.until"},
   "some": {"$filter": {"input": "$holders", "cond":
     {"$or": [{"$in": ["$$this.id", "$$me"]}, {"$not": ["$$this.announced"]}]}}},
   "queue": {"$max": [0, {"$subtract": [{"$size": "$waiters"}, "$$n"]}]}},
  null]})";

bool leaves(const request& r) {
  return r.op == operation::release;
}

/// A stage for one request as a stage for a batch: the ids of all enqueues are in the place of the id of the request.
std::string of_all(const char* text) {
  return replaced(text, R"({"$eq": ["$$this.id", "$r.id"]})", R"({"$in": ["$$this.id", "$r.come.id"]})");
}

bool are_renewals(const batch& requests) {
  return requests.front().op == operation::renew;
}

std::vector<bson> parsed(const std::vector<std::string>& stages) {
  std::vector<bson> out;
  for (const auto& s : stages) out.push_back(parse(s));
  return out;
}

const std::vector<bson>& constant_stages(bool renewals) {
  static const auto& of_others = *new auto(parsed({stage::kPurge, kDone,
                                                   replaced(stage::kRemoveHolder, R"({"$ne": ["$$this.id", "$r.id"]})",
                                                            R"({"$not": [{"$in": ["$$this.id", "$r.leave"]}]})"),
                                                   of_all(stage::kMoveHolder), of_all(stage::kMoveWaiter), kNewOnes,
                                                   kAppendAll, stage::kAdmit, of_all(stage::kGrant), stage::kFinish}));
  // The query has only made sure that one of them is alive.
  static const auto& of_renewals =
      *new auto(parsed({stage::kTakeHolders,
                        replaced(stage::kMoveHolder, R"({"$eq": ["$$this.id", "$r.id"]})",
                                 R"({"$in": ["$$this.id", "$r.renew"]}, {"$gt": ["$$this.until", "$cut"]})"),
                        stage::kRenewed}));
  return renewals ? of_renewals : of_others;
}

request common(const batch& requests) {
  request r = requests.front();
  for (const auto& each : requests) r.floor = std::max(r.floor, each.floor);
  return r;
}

bson ids(const batch& requests, bool only_leaving) {
  auto list = make_bson();
  int i = 0;
  for (const auto& r : requests) {
    if (!only_leaving || leaves(r)) append(list.get(), std::to_string(i++), r.id);
  }
  return list;
}

bson batch_literals(const batch& requests) {
  const request r = common(requests);
  if (are_renewals(requests)) {
    auto b = make_bson();
    append_array(b.get(), "renew", ids(requests, false).get());
    append_common(b.get(), r);
    return single("$literal", b.get());
  }
  auto come = make_bson();
  int i = 0;
  for (const auto& each : requests) {
    if (!leaves(each)) append(come.get(), std::to_string(i++), entry(each).get());
  }
  auto b = make_bson();
  append_array(b.get(), "come", come.get());
  append_array(b.get(), "leave", ids(requests, true).get());
  append_common(b.get(), r);
  return single("$literal", b.get());
}

bson update(const batch& requests, const bson& now) {
  auto pipeline = make_bson();
  append(pipeline.get(), "0", wrap_stage(batch_literals(requests), cut(requests.front(), now), now).get());
  int i = 1;
  for (const auto& stage : constant_stages(are_renewals(requests))) {
    append_parsed(pipeline.get(), std::to_string(i++), stage);
  }
  return pipeline;
}

/// $$me
bson me(const batch& requests) {
  auto literal = make_bson();
  append_array(literal.get(), "$literal", ids(requests, false).get());
  return single("me", literal.get());
}

bson projection(const batch& requests, const bson& now) {
  static const auto& summary = *new bson(parse(kSummaryOfMany));
  static const auto& of_renewals = *new bson(parse(kSummaryOfRenewals));
  return reply_projection(me(requests), are_renewals(requests) ? of_renewals : summary, now);
}

bson query(const batch& requests, const bson& now) {
  static const auto& one_is_alive = *new bson(parse(kOneIsAlive));
  auto q = single("_id", requests.front().lock);
  if (!are_renewals(requests)) return q;
  auto vars = me(requests);
  append(vars.get(), "cut", cut(requests.front(), now).get());
  append(q.get(), "$expr", let(vars, one_is_alive).get());
  return q;
}

std::set<std::string> read_ids(const bson_t* in, const char* key) {
  std::set<std::string> out;
  read_document(in, key, [&](const bson_t* array) {
    bson_iter_t it;
    if (!bson_iter_init(&it, array)) return;
    while (bson_iter_next(&it)) {
      if (BSON_ITER_HOLDS_UTF8(&it)) out.emplace(bson_iter_utf8(&it, nullptr));
    }
  });
  return out;
}

std::vector<std::int64_t> read_places(const bson_t* in) {
  std::vector<std::int64_t> out;
  read_document(in, "places", [&](const bson_t* array) {
    bson_iter_t it;
    if (!bson_iter_init(&it, array)) return;
    while (bson_iter_next(&it)) out.push_back(BSON_ITER_HOLDS_NUMBER(&it) ? bson_iter_as_int64(&it) : -1);
  });
  return out;
}

}  // namespace

bool can_go_together(const request& r) noexcept {
  const bool leaves_others = r.op == operation::release && r.keep == 0 && !r.what.exclusive;
  return (r.op == operation::enqueue || leaves_others) && !r.observed;
}

bool can_pass(const request& release, const request& enqueue) noexcept {
  return release.op == operation::release && release.keep == 0 && !release.observed &&
         enqueue.op == operation::enqueue && !enqueue.observed && go_together(release, enqueue);
}

bool go_together(const request& a, const request& b) noexcept {
  return a.lock == b.lock && a.id != b.id && a.cap == b.cap && a.delta == b.delta && a.life == b.life &&
         a.term == b.term && a.skew == b.skew;
}

bool renewed_together(const request& a, const request& b) noexcept {
  return a.lock == b.lock && a.id != b.id && a.delta == b.delta && a.skew == b.skew && !a.observed && !b.observed;
}

std::vector<std::size_t> next_batch(const std::vector<const request*>& waiting) {
  std::vector<std::size_t> together;
  const auto fits = [&](const request& r) {
    return together.size() < most_together &&
           std::all_of(together.begin(), together.end(), [&](auto i) { return go_together(*waiting[i], r); });
  };
  bool passes = false;
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    const bool queues = waiting[i]->op == operation::enqueue;
    if (fits(*waiting[i]) && !(queues && passes)) {
      together.push_back(i);
    } else {
      passes = passes || queues;
    }
  }
  return together;
}

bson batch_command(const batch& requests, const command_options& options) {
  const bson now = parse(options.now);
  auto c = make_bson();
  append(c.get(), "findAndModify", options.coll);
  append(c.get(), "query", query(requests, now).get());
  append_array(c.get(), "update", update(requests, now).get());
  append(c.get(), "fields", projection(requests, now).get());
  const bool somebody_comes = std::any_of(requests.begin(), requests.end(), creates);
  append_options(c.get(), /*returns_new=*/true, somebody_comes, options);
  return c;
}

namespace {

/// The holders in the reply, by id.
std::map<std::string, holder> read_some(const bson_t* r) {
  std::map<std::string, holder> out;
  for (auto& h : read_holders_of(r, "some")) out.emplace(h.id, h);
  return out;
}

/// After the command, those that it has renewed are those that have not expired and are not revoked.
std::vector<reply> parse_renewals(const bson_t* value, const batch& requests) {
  std::vector<reply> out(requests.size());
  std::map<std::string, holder> some;
  read_document(value, "r", [&](const bson_t* r) { some = read_some(r); });
  auto whole = parse_value(value);
  if (!whole.valid && (whole.defect.empty() || is_observed(value))) return out;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto mine = some.find(requests[i].id);
    if (mine == some.end() || mine->second.revoked || mine->second.until <= whole.now - requests[i].skew) continue;
    out[i] = whole;
    whole.heirs.clear();
    if (whole.valid) out[i].mine = mine->second;
  }
  return out;
}

}  // namespace

std::vector<reply> parse_batch_reply(const bson_t* server_reply, const batch& requests) {
  std::vector<reply> out(requests.size());
  read_document(server_reply, "value", [&](const bson_t* value) {
    if (are_renewals(requests)) {
      out = parse_renewals(value, requests);
      return;
    }
    std::set<std::string> dead, done;
    std::vector<std::int64_t> places;
    std::map<std::string, holder> some;
    read_document(value, "r", [&](const bson_t* r) {
      dead = read_ids(r, "dead");
      done = read_ids(r, "done");
      places = read_places(r);
      some = read_some(r);
    });
    const auto whole = parse_value(value);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const auto& id = requests[i].id;
      if (leaves(requests[i]) && !done.contains(id)) continue;  // it was not among the holders
      auto& one = out[i];
      one = whole;
      if (!whole.valid) continue;
      one.place = i < places.size() ? places[i] : -1;
      one.dead = dead.contains(id);
      const auto mine = some.find(id);
      if (mine != some.end()) one.mine = mine->second;
    }
  });
  return out;
}

}  // namespace dlock::protocol
