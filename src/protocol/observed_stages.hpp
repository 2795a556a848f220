#pragma once

#include "protocol/stages.hpp"

// The stages of locks with observed expiry, where they differ from those of stages.hpp and pipeline.cpp. No clock says
// what has expired, and an entry gets another `beat` with each command of its owner
// (docs/adr/0016-observed-expiry.md). They are separate constants, because every expression in a common stage would
// cost the other locks, too. beat: the `rev` of this command.
namespace dlock::protocol::stage {

/// d. The document has our mark (`observed`), or it is not in use. In the second case it becomes a lock with observed
/// expiry.
inline constexpr auto kObservedLock = R"({"$cond": [
  {"$or": [
    {"$eq": ["$$ROOT", {"_id": "$_id"}]},
    {"$and": [
      {"$or": [{"$eq": ["$observed", true]},
        {"$and": [{"$eq": [{"$type": "$et"}, "date"]}, {"$eq": ["$ct", "$mine"]},
          {"$eq": [[{"$ifNull": ["$holders", []]}, {"$ifNull": ["$waiters", []]}], [[], []]]}]}]},
      {"$setIsSubset": [[{"$type": "$ct"}, {"$type": "$mine"}], ["date", "missing"]]},
      {"$setIsSubset": [[{"$type": "$fence"}, {"$type": "$rev"}, {"$type": "$cap"}],
        ["long", "int", "double", "missing"]]},
      {"$gte": [{"$min": ["$fence", "$rev", 0]}, 0]}, {"$lt": ["$rev", {"$numberLong": "9007199254740992"}]},
      {"$lt": ["$fence", {"$multiply": [{"$toLong": {"$add": ["$$now", {"$numberLong": "31536000000"}]}}, 1000]}]},
      {"$setIsSubset": [[{"$type": "$holders"}, {"$type": "$waiters"}, {"$type": "$gone"}], ["array", "missing"]]}]}]},
  "$$ROOT", {}]})";

/// Removes entries that were watched for long enough and still have the beat that was seen. Also removes entries
/// without a beat.
inline constexpr auto kExpire = R"({"$set": {
  "h": {"$filter": {"input": {"$ifNull": ["$d.holders", []]}, "cond": {"$and": [{"$gt": ["$$this.beat", 0]},
    {"$not": [{"$in": [{"id": "$$this.id", "beat": "$$this.beat"}, "$r.expire"]}]}]}}},
  "w": {"$filter": {"input": {"$ifNull": ["$d.waiters", []]}, "cond": {"$and": [{"$gt": ["$$this.beat", 0]},
    {"$not": [{"$in": [{"id": "$$this.id", "beat": "$$this.beat"}, "$r.expire"]}]}]}}},
  "g": {"$ifNull": ["$d.gone", []]},
  "cap": {"$ifNull": ["$d.cap", {"$numberLong": "9007199254740992"}]},
  "beat": {"$add": [{"$ifNull": ["$d.rev", 0]}, {"$numberLong": "1"}]},
  "f": {"$trunc": [{"$max": ["$d.fence", "$r.floor",
    {"$subtract": [{"$multiply": [{"$toLong": "$now"}, 1000]}, 1]}]}, -3]}}})";

/// Like kKeepHolder, but `keep` counts from now.
inline constexpr auto kKeepObserved = R"({"$set": {"h": {"$map": {"input": "$h", "in": {"$cond": [
  {"$and": [{"$eq": ["$$this.id", "$r.id"]}, {"$not": ["$$this.revoked"]}]},
  {"$mergeObjects": ["$$this", {"id": {"$concat": ["$$this.id", "/kept"]},
    "until": {"$add": ["$now", "$r.keep"]}, "announced": true, "beat": "$beat", "span": "$r.keep"}]},
  "$$this"]}}}}})";

/// Like kFinish. There is no `et`, so the TTL index never removes the document.
inline constexpr auto kFinishObserved = R"({"$replaceWith": {"$cond": [{"$eq": ["$d", {}]}, "$was",
  {"_id": "$was._id",
   "fence": {"$cond": [{"$eq": ["$a.k", 0]}, {"$ifNull": ["$d.fence", {"$numberLong": "0"}]},
     {"$add": ["$f", {"$multiply": ["$a.k", 1000]}]}]},
   "rev": "$beat",
   "cap": {"$cond": [{"$eq": ["$cap", {"$numberLong": "9007199254740992"}]}, "$$REMOVE", "$cap"]},
   "resized": {"$cond": [{"$eq": ["$cap", {"$ifNull": ["$d.cap", {"$numberLong": "9007199254740992"}]}]}, "$d.resized",
     "$beat"]},
   "holders": "$h",
   "waiters": {"$cond": [{"$and": ["$once", "$new"]}, [],
     {"$slice": ["$w", "$a.k", 2147483647]}]},
   "gone": {"$slice": ["$g", -32]}, "observed": true}]}})";

/// Like kTakeHolders and kRenewed. The query has made sure that there is an entry to move.
inline constexpr auto kTakeObserved = R"({"$set": {"h": "$d.holders",
  "beat": {"$add": [{"$ifNull": ["$d.rev", 0]}, {"$numberLong": "1"}]}}})";
inline constexpr auto kRenewedObserved = R"({"$replaceWith": {"$cond": [{"$eq": ["$d", {}]}, "$was",
  {"$mergeObjects": ["$was", {"holders": "$h", "rev": "$beat"}]}]}})";

// The fields that the stages of other locks lack (pipeline.cpp inserts them).

/// What a holder or a waiter gets with each command of its own.
inline constexpr auto kHeldBeat = R"("beat": "$beat", "span": "$r.delta")";
inline constexpr auto kQueuedBeat = R"("beat": "$beat", "span": "$r.life")";
/// What a waiter gets when it is admitted (in kGrant).
inline constexpr auto kGrantedBeat = R"("beat": "$beat",
  "span": {"$cond": [{"$eq": ["$$this.id", "$r.id"]}, "$$this.delta", "$$this.term"]})";
/// What a holder keeps in kAmend: kMoveHolder has already set it.
inline constexpr auto kSameBeat = R"("beat": "$$this.beat", "span": "$$this.span")";

}  // namespace dlock::protocol::stage
