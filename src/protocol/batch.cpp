#include "protocol/batch.hpp"

#include <algorithm>
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

bool leaves(const request& r) {
  return r.op == operation::release;
}

/// A stage for one request as a stage for a batch: the ids of all enqueues are in the place of the id of the request.
std::string of_all(const char* text) {
  return replaced(text, R"({"$eq": ["$$this.id", "$r.id"]})", R"({"$in": ["$$this.id", "$r.come.id"]})");
}

const std::vector<bson>& constant_stages() {
  static const auto& parsed = *new auto([] {
    const auto remove_holders = replaced(stage::kRemoveHolder, R"({"$ne": ["$$this.id", "$r.id"]})",
                                         R"({"$not": [{"$in": ["$$this.id", "$r.leave"]}]})");
    std::vector<bson> out;
    for (const std::string& s :
         {std::string(stage::kPurge), std::string(kDone), remove_holders, of_all(stage::kMoveHolder),
          of_all(stage::kMoveWaiter), std::string(kNewOnes), std::string(kAppendAll), std::string(stage::kAdmit),
          of_all(stage::kGrant), std::string(stage::kFinish)})
      out.push_back(parse(s));
    return out;
  }());
  return parsed;
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
  for (const auto& stage : constant_stages()) append_parsed(pipeline.get(), std::to_string(i++), stage);
  return pipeline;
}

bson projection(const batch& requests, const bson& now) {
  static const auto& summary = *new bson(parse(kSummaryOfMany));
  auto literal = make_bson();
  append_array(literal.get(), "$literal", ids(requests, false).get());
  return reply_projection(single("me", literal.get()), summary, now);
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
  append(c.get(), "query", single("_id", requests.front().lock).get());
  append_array(c.get(), "update", update(requests, now).get());
  append(c.get(), "fields", projection(requests, now).get());
  const bool somebody_comes = !std::all_of(requests.begin(), requests.end(), leaves);
  append_options(c.get(), /*returns_new=*/true, somebody_comes, options);
  return c;
}

std::vector<reply> parse_batch_reply(const bson_t* server_reply, const batch& requests) {
  std::vector<reply> out(requests.size());
  read_document(server_reply, "value", [&](const bson_t* value) {
    std::set<std::string> dead, done;
    std::vector<std::int64_t> places;
    std::vector<holder> some;
    read_document(value, "r", [&](const bson_t* r) {
      dead = read_ids(r, "dead");
      done = read_ids(r, "done");
      places = read_places(r);
      some = read_holders_of(r, "some");
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
      const auto mine = std::find_if(some.begin(), some.end(), [&](auto& h) { return h.id == id; });
      if (mine != some.end()) one.mine = *mine;
    }
  });
  return out;
}

}  // namespace dlock::protocol
