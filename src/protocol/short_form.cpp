#include "protocol/short_form.hpp"

#include <string>
#include <utility>

#include "protocol/command_parts.hpp"

namespace dlock::protocol {
namespace {

// was, now, cut, n and r: as in stages.hpp.

// <name> stands for the piece with that name (kPieces).
constexpr auto kTry =
    R"({"$replaceWith": {"$cond": [{"$and": [<usable>, <same capacity>, <free>]}, <taken>, "$was"]}})";

/// For exclusive claims only: they fit beside no other holder, whatever the capacity is.
constexpr auto kEnqueue = R"({"$replaceWith": {"$cond": [{"$and": [<usable>, <same capacity>]},
  {"$cond": [<free>, <taken>, {"$cond": [<in use>, <queued>, "$was"]}]}, "$was"]}})";

/// The case: I am the only holder, and either nobody waits, or the next waiter is exclusive. w: the next waiter. It
/// stays stored in the queue while only a small part of the stored entries was admitted: to remove it, all the others
/// would have to be written again. k: the number of admitted entries after this command.
constexpr auto kRelease = R"({"$replaceWith": {"$let": {
  "vars": {"w": {"$arrayElemAt": [{"$cond": [{"$isArray": "$was.waiters"}, "$was.waiters", []]}, "$n"]},
    "k": {"$add": ["$n", 1]}},
  "in": {"$cond": [
    {"$and": [<usable>, {"$eq": ["$was.holders.id", ["$r.id"]]},
      {"$or": [{"$eq": ["$was.waiters", []]}, {"$and": [
        "$$w.exclusive", {"$eq": [{"$indexOfArray": ["$was.waiters.id", "$r.id", "$n"]}, -1]}]}]}]},
    {"$mergeObjects": [
      {"_id": "$was._id", "fence": "$was.fence", "rev": <next rev>, "cap": "$was.cap", "resized": "$was.resized", "holders": [],
       "gone": "$was.gone", "ct": "$now", "et": "$now", "mine": "$now"},
      {"$cond": [{"$lt": [{"$multiply": ["$$k", 8]}, {"$size": "$was.waiters"}]},
        {"waiters": "$was.waiters", "admitted": "$$k"}, {"waiters": {"$slice": ["$was.waiters", "$$k", 2147483647]}}]},
      {"$cond": ["$$w.exclusive",
        {"$let": {"vars": {"since": {"$max": ["$now", "$$w.seen"]}, "token": <token>}, "in": {
          "fence": "$$token", "lockd": 1, "et": {"$add": ["$$since", "$$w.term", "$r.skew"]},
          "holders": [{
            "id": "$$w.id", "exclusive": true, "weight": "$$w.weight", "delta": "$$w.delta", "since": "$$since",
            "until": {"$add": ["$$since", "$$w.term"]}, "fence": "$$token", "who": "$$w.who",
            "client": "$$w.client", "announced": false, "value": "$$w.value"}]}}},
        {}]}]},
    "$was"]}}}})";

struct piece {
  const char* name;
  const char* text;
};
/// A piece may name pieces that follow it.
constexpr piece kPieces[] = {
    {"<usable>",  // a lock of ours without expired entries, with room below the end of tokens; this request was not
                  // given up before
     R"({"$isArray": "$was.holders"}, {"$isArray": "$was.waiters"}, {"$isArray": "$was.gone"},
        {"$eq": ["$was.ct", "$was.mine"]}, {"$eq": [{"$type": "$was.et"}, "date"]},
        {"$setIsSubset": [[{"$type": "$was.fence"}, {"$type": "$was.rev"}], ["long", "int", "double"]]},
        {"$gte": [{"$min": ["$was.fence", "$was.rev", 0]}, 0]}, {"$lt": ["$was.rev", {"$numberLong": "9007199254740000"}]},
      {"$lt": ["$was.fence", {"$multiply": [{"$toLong": {"$add": ["$now", {"$numberLong": "31535990000"}]}}, 1000]}]},
        {"$gt": [{"$min": {"$concatArrays": ["$was.holders.until", "$was.waiters.until", "$was.gone.until",
          [{"$date": {"$numberLong": "253402300800000"}}]]}}, "$cut"]},
        {"$not": [{"$in": ["$r.id", "$was.gone.id"]}]},
        {"$lte": ["$n", {"$size": "$was.waiters"}]})"},
    {"<same capacity>", R"({"$eq": [{"$ifNull": ["$was.cap", {"$numberLong": "9007199254740992"}]}, "$r.cap"]})"},
    {"<free>", R"({"$eq": [["$was.holders", "$was.waiters"], {"$literal": [[], []]}]})"},
    {"<taken>", R"({"$let": {"vars": {"token": <token>}, "in": {
        "_id": "$was._id", "fence": "$$token", "rev": <next rev>, "cap": "$was.cap", "resized": "$was.resized",
        "holders": [{
          "id": "$r.id", "exclusive": "$r.entry.exclusive", "weight": "$r.entry.weight", "delta": "$r.delta",
          "since": "$now", "until": {"$add": ["$now", "$r.delta"]}, "fence": "$$token",
          "who": "$r.entry.who", "client": "$r.entry.client", "announced": true, "value": "$r.entry.value"}],
        "waiters": [], "gone": "$was.gone", "lockd": 1, "ct": "$now", "et": {"$add": ["$now", "$r.delta", "$r.skew"]},
        "mine": "$now"}}})"},
    {"<in use>",  // by an exclusive holder; and this is not a late copy of a request that was repeated meanwhile
     R"({"$and": [{"$in": [true, "$was.holders.exclusive"]},
        {"$not": [{"$in": ["$r.id", {"$concatArrays": ["$was.holders.id", "$was.waiters.id"]}]}]}]})"},
    {"<queued>", R"({
        "_id": "$was._id", "fence": "$was.fence", "rev": <next rev>, "cap": "$was.cap", "resized": "$was.resized", "holders": "$was.holders",
        "waiters": {"$concatArrays": ["$was.waiters", [
          {"$mergeObjects": ["$r.entry", {"since": "$now", "seen": "$now", "until": {"$add": ["$now", "$r.life"]}}]}]]},
        "admitted": "$was.admitted", "gone": "$was.gone", "lockd": 1, "ct": "$now",
        "et": {"$add": [{"$max": "$was.holders.until"}, "$r.skew"]}, "mine": "$now"})"},
    {"<token>", R"({"$add": [1000, {"$trunc": [{"$max": ["$was.fence", "$r.floor",
        {"$subtract": [{"$multiply": [{"$toLong": "$now"}, 1000]}, 1]}]}, -3]}]})"},
    {"<next rev>", R"({"$add": ["$was.rev", {"$numberLong": "1"}]})"},
};

bson assembled(std::string stage) {
  for (const auto& [name, text] : kPieces) {
    if (stage.find(name) != std::string::npos) stage = replaced(std::move(stage), name, text);
  }
  return parse(stage);
}

/// The reply has all holders: they are few, or this was another case.
constexpr auto kProjection =
    R"({"_id": 0, "fence": 1, "rev": 1, "cap": 1, "resized": 1, "ct": 1, "et": 1, "mine": 1, "holders": 1, "gone": 1,
  "admitted": 1, "queue": {"$cond": [{"$isArray": "$waiters"}, {"$size": "$waiters"}, -1]},
  "last": {"$let": {"vars": {"w": {"$arrayElemAt": [{"$cond": [{"$isArray": "$waiters"}, "$waiters", []]}, -1]}},
    "in": "$$w.id"}}})";

bson wrap_stage(const request& r, const bson& now) {
  auto wrap = make_bson();
  append(wrap.get(), "was", "$$ROOT");
  append_parsed(wrap.get(), "now", now);
  append(wrap.get(), "cut", cut(r, now).get());
  append_parsed(wrap.get(), "n", admitted());
  append(wrap.get(), "r", literals(r).get());
  return single("$replaceWith", wrap.get());
}

/// Parsed once per process, and never freed: a lease with static storage duration may still be released while the
/// process ends.
const bson& constant_stage(const request& r) {
  static const auto& of_try = *new bson(assembled(kTry));
  static const auto& of_enqueue = *new bson(assembled(kEnqueue));
  static const auto& of_release = *new bson(assembled(kRelease));
  if (r.op == operation::release) return of_release;
  return r.op == operation::enqueue && r.what.exclusive ? of_enqueue : of_try;
}

}  // namespace

bool has_short_form(const request& r) noexcept {
  if (r.observed) return false;
  if (r.op == operation::release) return r.keep == 0;
  const bool fits = r.what.exclusive || r.cap == 0 || r.what.weight <= r.cap;
  return (r.op == operation::try_ || r.op == operation::enqueue) && fits;
}

bson short_command(const request& r, const command_options& options) {
  static const auto& projection = *new bson(parse(kProjection));
  const bson now = parse(options.now);
  auto pipeline = make_bson();
  append(pipeline.get(), "0", wrap_stage(r, now).get());
  append_parsed(pipeline.get(), "1", constant_stage(r));
  auto query = single("_id", r.lock);
  // The command removes my holder entry. Afterwards nothing could tell that it was there, so the query searches for it.
  if (r.op == operation::release) append(query.get(), "holders", single("$elemMatch", single("id", r.id).get()).get());
  auto c = make_bson();
  append(c.get(), "findAndModify", options.coll);
  append(c.get(), "query", query.get());
  append_array(c.get(), "update", pipeline.get());
  append_parsed(c.get(), "fields", projection);
  append_options(c.get(), /*returns_new=*/true, /*upsert=*/false, options);
  return c;
}

}  // namespace dlock::protocol
