#include "protocol/short_form.hpp"

#include "protocol/command_parts.hpp"
#include "protocol/planted.hpp"

namespace dlock::protocol {
namespace {

// was: the document, now: the server's clock, r: the request, as in pipeline.cpp.

/// A lock of ours that is free, without waiters and tombstones, and with the capacity that is asked for.
constexpr auto kAcquire = R"({"$replaceWith": {"$cond": [
  {"$and": [
    {"$eq": [["$was.holders", "$was.waiters", "$was.gone"], {"$literal": [[], [], []]}]},
    {"$eq": ["$was.ct", "$was.mine"]}, {"$eq": [{"$type": "$was.et"}, "date"]},
    {"$setIsSubset": [[{"$type": "$was.fence"}, {"$type": "$was.rev"}], ["long", "int", "double"]]},
    {"$eq": [{"$ifNull": ["$was.cap", {"$numberLong": "9007199254740992"}]}, "$r.cap"]}]},
  {"$let": {
    "vars": {"token": {"$add": [1000, {"$trunc": [{"$max": ["$was.fence", "$r.floor",
      {"$subtract": [{"$multiply": [{"$toLong": "$now"}, 1000]}, 1]}]}, -3]}]}},
    "in": {
      "_id": "$was._id", "fence": "$$token", "rev": {"$add": ["$was.rev", {"$numberLong": "1"}]}, "cap": "$was.cap",
      "holders": [{
        "id": "$r.id", "exclusive": "$r.entry.exclusive", "weight": "$r.entry.weight", "delta": "$r.delta",
        "since": "$now", "until": {"$add": ["$now", "$r.delta"]}, "fence": "$$token",
        "who": "$r.entry.who", "client": "$r.entry.client", "announced": true, "value": "$r.entry.value"}],
      "waiters": [], "gone": [], "lockd": 1, "ct": "$now", "et": {"$add": ["$now", "$r.delta", "$r.skew"]},
      "mine": "$now"}}},
  "$was"]}})";

/// Held by me alone, without waiters and tombstones.
constexpr auto kRelease = R"({"$replaceWith": {"$cond": [
  {"$and": [
    {"$eq": ["$was.holders.id", ["$r.id"]]}, {"$eq": [["$was.waiters", "$was.gone"], {"$literal": [[], []]}]},
    {"$eq": ["$was.ct", "$was.mine"]}, {"$eq": [{"$type": "$was.et"}, "date"]}]},
  {"_id": "$was._id", "fence": "$was.fence", "rev": {"$add": [{"$ifNull": ["$was.rev", 0]}, {"$numberLong": "1"}]},
   "cap": "$was.cap", "holders": [], "waiters": [], "gone": [], "ct": "$now", "et": "$now", "mine": "$now"},
  "$was"]}})";

bson wrap_stage(const request& r, const bson& now) {
  auto wrap = make_bson();
  append(wrap.get(), "was", "$$ROOT");
  append_parsed(wrap.get(), "now", now);
  append(wrap.get(), "r", literals(r).get());
  return single("$replaceWith", wrap.get());
}

}  // namespace

bool has_short_form(const request& r) noexcept {
  if (r.op == operation::release) return r.keep == 0;
  const bool fits = r.what.exclusive || r.cap == 0 || r.what.weight <= r.cap;
  return (r.op == operation::try_ || r.op == operation::enqueue) && fits;
}

bson short_command(const request& r, const command_options& options) {
  static const auto& acquire = *new bson(parse(stage_text(kAcquire)));
  static const auto& release = *new bson(parse(kRelease));
  const bool releases = r.op == operation::release;
  const bson now = parse(options.now);
  auto pipeline = make_bson();
  append(pipeline.get(), "0", wrap_stage(r, now).get());
  append_parsed(pipeline.get(), "1", releases ? release : acquire);
  auto c = make_bson();
  append(c.get(), "findAndModify", options.coll);
  append(c.get(), "query", single("_id", r.lock).get());
  append_array(c.get(), "update", pipeline.get());
  // All of the document comes back: it is short, or this was another case. After a release it could not tell whether
  // this command released the lock; what was there before can.
  append_options(c.get(), /*returns_new=*/!releases, /*upsert=*/false, options);
  return c;
}

}  // namespace dlock::protocol
