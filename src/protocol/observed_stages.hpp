#pragma once

#include <stdexcept>
#include <string>

#include "protocol/stages.hpp"

// The stages of locks with observed expiry, where they differ from those of stages.hpp and pipeline.cpp: no clock says
// what has ended, and whoever is heard of gets another `beat` (docs/adr/0016-observed-expiry.md). Separate constants,
// because every expression costs the other locks, too. beat: this command's `rev`.
namespace dlock::protocol::stage {

/// d. Has our mark, or is not in use: then it becomes one of observed expiry.
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

/// Who was watched for long enough, and still has the beat that was seen, goes; and what has no beat.
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

/// As kKeepHolder; `keep` counts from now.
inline constexpr auto kKeepObserved = R"({"$set": {"h": {"$map": {"input": "$h", "in": {"$cond": [
  {"$and": [{"$eq": ["$$this.id", "$r.id"]}, {"$not": ["$$this.revoked"]}]},
  {"$mergeObjects": ["$$this", {"id": {"$concat": ["$$this.id", "/kept"]},
    "until": {"$add": ["$now", "$r.keep"]}, "announced": true, "beat": "$beat", "span": "$r.keep"}]},
  "$$this"]}}}}})";

/// As kFinish; with no `et`, the TTL index never sweeps it.
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

/// As kTakeHolders and kRenewed. That there is an entry to move, the filter has made sure of.
inline constexpr auto kTakeObserved = R"({"$set": {"h": "$d.holders",
  "beat": {"$add": [{"$ifNull": ["$d.rev", 0]}, {"$numberLong": "1"}]}}})";
inline constexpr auto kRenewedObserved = R"({"$replaceWith": {"$cond": [{"$eq": ["$d", {}]}, "$was",
  {"$mergeObjects": ["$was", {"holders": "$h", "rev": "$beat"}]}]}})";

/// A stage of other locks, with what an entry has besides: `more` stands before the field `before`.
inline std::string with(const std::string& stage, const std::string& more, const std::string& before) {
  const auto at = stage.find(before);
  if (at == std::string::npos) throw std::logic_error("dlock: pipeline: no " + before + " in " + stage);
  return stage.substr(0, at) + more + ", " + stage.substr(at);
}

/// What a holder, or a waiter, gets when it is heard of.
inline constexpr auto kHeldBeat = R"("beat": "$beat", "span": "$r.delta")";
inline constexpr auto kQueuedBeat = R"("beat": "$beat", "span": "$r.life")";
/// And a waiter that is admitted: kGrant's.
inline constexpr auto kGrantedBeat = R"("beat": "$beat",
  "span": {"$cond": [{"$eq": ["$$this.id", "$r.id"]}, "$$this.delta", "$$this.term"]})";
/// And one that has it already: kAmend's.
inline constexpr auto kSameBeat = R"("beat": "$$this.beat", "span": "$$this.span")";

}  // namespace dlock::protocol::stage
