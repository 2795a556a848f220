#include "protocol/peek.hpp"

#include <utility>

#include "protocol/command_parts.hpp"

namespace dlock::protocol {
namespace {

/// Its size does not depend on the queue, like that of the summary of a change. The lists may be missing, because this
/// command has not written the document. A holder that mongo-dlock evicted does not count as a holder any more.
constexpr auto kSeen = R"({"$cond": [
  {"$setIsSubset": [[{"$type": "$holders"}, {"$type": "$waiters"}, {"$type": "$gone"}], ["array", "missing"]]},
  {"$let": {
    "vars": {"h": {"$cond": [{"$eq": ["$ct", "$mine"]}, {"$ifNull": ["$holders", []]}, []]}, "g": {"$ifNull": ["$gone", []]},
      "w": {"$slice": [{"$ifNull": ["$waiters", []]}, "$$n", 2147483647]}},
    "in": {"me": "$$me", "first": {"$arrayElemAt": ["$$h", 0]}, "holders": {"$size": "$$h"},
      "next_end": {"$min": "$$h.until"}, "head_until": {"$arrayElemAt": ["$$w.until", 0]},
      "some": {"$filter": {"input": "$$h", "cond":
        {"$or": [{"$eq": ["$$this.id", "$$me"]}, {"$not": ["$$this.announced"]}]}}},
      "place": {"$indexOfArray": ["$$w.id", "$$me"]}, "queue": {"$size": "$$w"},
      "dead": {"$in": ["$$me", "$$g.id"]}}}},
  null]})";

}  // namespace

bson peek_command(const request& r, const command_options& options) {
  static const auto& summary = *new bson(parse(kSeen));
  auto me = single("me", single("$literal", r.id).get());
  auto stages = make_bson();
  append(stages.get(), "0", single("$match", single("_id", r.lock).get()).get());
  append(stages.get(), "1",
         single("$project", reply_projection(std::move(me), summary, parse(options.now)).get()).get());
  auto c = make_bson();
  append(c.get(), "aggregate", options.coll);
  append_array(c.get(), "pipeline", stages.get());
  append(c.get(), "cursor", make_bson().get());
  append(c.get(), "readConcern", single("level", "majority").get());
  if (options.limit > 0) append(c.get(), "maxTimeMS", options.limit);
  return c;
}

}  // namespace dlock::protocol
