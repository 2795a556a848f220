#pragma once

// The stages that the update pipelines have in common: MongoDB's own language. reference/transition.cpp is the same in
// C++, and the reading order is the same.
//
// The server parses every command anew, and that is most of what an operation costs it: each expression counts,
// evaluated or not. So little is said twice, and the first stage puts what the others need within reach by name:
//
//   was  the document as it was          d    the same if it is a lock, else {} (so that no stage can fail on it)
//   now  the server's clock, as a date   cut  entries with `until` <= cut have ended for others: now - skew
//   n    so many at the head of the queue were admitted, and are still stored (docs/adr/0018-lazy-queue.md)
//   r    the request (all literals: no user string is ever an expression)
//
// The other stages are constants, parsed once per process. "No capacity" is 2^53 in them (`unbounded`).
namespace dlock::protocol::stage {

/// d. A lock is {_id} alone, or has a date `et` and nothing of another type in our fields, and a `fence` and a `rev`
/// that a server may have written ($$now; reply.cpp says the same). Whatever else somebody keeps in the collection is
/// left as it is.
inline constexpr auto kLock = R"({"$cond": [
  {"$or": [
    {"$eq": ["$$ROOT", {"_id": "$_id"}]},
    {"$and": [
      {"$eq": [{"$type": "$et"}, "date"]},
      {"$setIsSubset": [[{"$type": "$ct"}, {"$type": "$mine"}], ["date", "missing"]]},
      {"$setIsSubset": [[{"$type": "$fence"}, {"$type": "$rev"}, {"$type": "$cap"}],
        ["long", "int", "double", "missing"]]},
      {"$gte": [{"$min": ["$fence", "$rev", 0]}, 0]}, {"$lt": ["$rev", {"$numberLong": "9007199254740992"}]},
      {"$lt": ["$fence", {"$multiply": [{"$toLong": {"$add": ["$$now", {"$numberLong": "31536000000"}]}}, 1000]}]},
      {"$setIsSubset": [[{"$type": "$holders"}, {"$type": "$waiters"}, {"$type": "$gone"}], ["array", "missing"]]}]}]},
  "$$ROOT", {}]})";

/// n, of any document.
inline constexpr auto kAdmitted =
    R"({"$cond": [{"$eq": [{"$type": "$admitted"}, "int"]}, {"$max": [0, "$admitted"]}, 0]})";

/// What has ended goes, and who was admitted. h: holders, w: waiters, g: tombstones; theirs: mongo-dlock holds the
/// lock; f: the token before the next one. If mongo-dlock took the lock, our holders are over, even if its own lease
/// ended since.
inline constexpr auto kPurge = R"({"$set": {
  "h": {"$cond": [{"$eq": ["$d.ct", "$d.mine"]},
    {"$filter": {"input": {"$ifNull": ["$d.holders", []]}, "cond": {"$gt": ["$$this.until", "$cut"]}}}, []]},
  "w": {"$filter": {"input": {"$slice": [{"$ifNull": ["$d.waiters", []]}, "$n", 2147483647]},
    "cond": {"$gt": ["$$this.until", "$cut"]}}},
  "g": {"$filter": {"input": {"$ifNull": ["$d.gone", []]}, "cond": {"$gt": ["$$this.until", "$cut"]}}},
  "theirs": {"$and": [{"$ne": ["$d.ct", "$d.mine"]}, {"$gt": ["$d.et", "$cut"]}]},
  "cap": {"$ifNull": ["$d.cap", {"$numberLong": "9007199254740992"}]},
  "f": {"$trunc": [{"$max": ["$d.fence", "$r.floor",
    {"$subtract": [{"$multiply": [{"$toLong": "$now"}, 1000]}, 1]}]}, -3]}}})";

/// My entries' times move, and never backwards: `now` may be stale. A revoked lease does not get longer.
inline constexpr auto kMoveHolder = R"({"$set": {"h": {"$map": {"input": "$h", "in": {"$cond": [
  {"$and": [{"$eq": ["$$this.id", "$r.id"]}, {"$not": ["$$this.revoked"]}]},
  {"$mergeObjects": ["$$this", {"until": {"$max": ["$$this.until", {"$add": ["$now", "$r.delta"]}]},
    "delta": "$r.delta", "announced": true}]},
  "$$this"]}}}}})";

inline constexpr auto kMoveWaiter = R"({"$set": {"w": {"$map": {"input": "$w", "in": {"$cond": [
  {"$eq": ["$$this.id", "$r.id"]},
  {"$mergeObjects": ["$$this", {"seen": {"$max": ["$$this.seen", "$now"]},
    "until": {"$max": ["$$this.until", {"$add": [{"$max": ["$$this.seen", "$now"]}, "$r.life"]}]}}]},
  "$$this"]}}}}})";

inline constexpr auto kRemoveHolder =
    R"({"$set": {"h": {"$filter": {"input": "$h", "cond": {"$ne": ["$$this.id", "$r.id"]}}}}})";

/// The head of the queue is admitted while it fits, and nobody passes it. a.k: so many are; taken: the weights held,
/// theirs among them, carried along because to add them up at each step would take the square of the time; go: the one
/// before was admitted, and is not exclusive.
inline constexpr auto kAdmit = R"({"$set": {"a": {"$reduce": {
  "input": {"$cond": [{"$or": ["$theirs", {"$in": [true, "$h.exclusive"]}]}, [], "$w"]},
  "initialValue": {"k": 0, "taken": {"$sum": "$h.weight"}, "go": true},
  "in": {"$cond": [
    {"$and": ["$$value.go", {"$cond": ["$$this.exclusive", {"$eq": [["$h", "$$value.k"], [[], 0]]},
      {"$lte": [{"$sum": ["$$value.taken", "$$this.weight"]}, "$cap"]}]}]},
    {"k": {"$add": ["$$value.k", 1]}, "taken": {"$sum": ["$$value.taken", "$$this.weight"]},
     "go": {"$not": ["$$this.exclusive"]}},
    {"$mergeObjects": ["$$value", {"go": false}]}]}}}}})";

/// Who was admitted becomes a holder. An heir, admitted by somebody else's command, gets a short lease until it is
/// heard of.
inline constexpr auto kGrant = R"({"$set": {"h": {"$concatArrays": ["$h", {"$map": {
  "input": {"$range": [0, "$a.k"]}, "as": "i", "in": {"$let": {"vars": {"this": {"$arrayElemAt": ["$w", "$$i"]}}, "in": {
    "id": "$$this.id", "exclusive": "$$this.exclusive", "weight": "$$this.weight", "delta": "$$this.delta",
    "since": {"$max": ["$now", "$$this.seen"]},
    "until": {"$add": [{"$max": ["$now", "$$this.seen"]},
      {"$cond": [{"$eq": ["$$this.id", "$r.id"]}, "$$this.delta", "$$this.term"]}]},
    "fence": {"$add": ["$f", {"$multiply": [{"$add": ["$$i", 1]}, 1000]}]}, "who": "$$this.who",
    "client": "$$this.client", "announced": {"$eq": ["$$this.id", "$r.id"]}, "value": "$$this.value"}}}}}]}}})";

/// While mongo-dlock holds the lock, its fields stay as it wrote them. Else the lock is ours: `mine` says so, and
/// `lockd` is 1 or absent (with `true`, a client of mongo-dlock 1.x would delete our lock).
inline constexpr auto kFinish = R"({"$replaceWith": {"$cond": [{"$eq": ["$d", {}]}, "$was", {"$mergeObjects": [
  {"_id": "$was._id",
   "fence": {"$cond": [{"$eq": ["$a.k", 0]}, {"$ifNull": ["$d.fence", {"$numberLong": "0"}]},
     {"$add": ["$f", {"$multiply": ["$a.k", 1000]}]}]},
   "rev": {"$add": [{"$ifNull": ["$d.rev", 0]}, {"$numberLong": "1"}]},
   "cap": {"$cond": [{"$eq": ["$cap", {"$numberLong": "9007199254740992"}]}, "$$REMOVE", "$cap"]},
   "resized": {"$cond": [{"$eq": ["$cap", {"$ifNull": ["$d.cap", {"$numberLong": "9007199254740992"}]}]}, "$d.resized",
     {"$add": [{"$ifNull": ["$d.rev", 0]}, {"$numberLong": "1"}]}]},
   "holders": "$h",
   "waiters": {"$cond": [{"$and": ["$once", "$new"]}, [],
     {"$slice": ["$w", "$a.k", 2147483647]}]},
   "gone": "$g", "done": "$done"},
  {"$cond": ["$theirs",
    {"lockd": "$d.lockd", "ct": "$d.ct", "et": "$d.et", "mine": "$d.mine"},
    {"lockd": {"$cond": [{"$eq": ["$h", []]}, "$$REMOVE", 1]}, "ct": "$now",
     "et": {"$ifNull": [{"$add": [{"$max": "$h.until"}, "$r.skew"]}, "$now"]}, "mine": "$now"}]}]}]}})";

}  // namespace dlock::protocol::stage
