#pragma once

// The stages that the update pipelines have in common, in MongoDB's own language. reference/transition.cpp is the same
// in C++, and can be read in the same order.
//
// The server parses every command again, and that is most of what an operation costs it. So each expression counts,
// even if it is not evaluated. Therefore little is said twice, and the first stage gives names to what the others need:
//
//   was  the document before this command  d    the same if it is a lock, else {} (so that no stage can fail on it)
//   now  the server's clock, as a date     cut  now - skew: entries with `until` <= cut have expired for others
//   n    how many entries at the head of the queue were admitted and are still stored (docs/adr/0018-lazy-queue.md)
//   r    the request (all literals: a string of a user is never an expression)
//
// The other stages are constants, parsed once per process. In them, "no capacity" is 2^53 (`unbounded`).
namespace dlock::protocol::stage {

/// d. A lock is {_id} alone, or has a date `et`, our fields with the right types, and a `fence` and a `rev` that a
/// server may have written (by $$now; reply.cpp has the same conditions). Any other document in the collection is left
/// unchanged.
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

/// n. It works on any document.
inline constexpr auto kAdmitted =
    R"({"$cond": [{"$eq": [{"$type": "$admitted"}, "int"]}, {"$max": [0, "$admitted"]}, 0]})";

/// Removes expired entries, and waiters that were already admitted. h: holders; w: waiters; g: tombstones; theirs:
/// mongo-dlock holds the lock; f: the token before the next one. If mongo-dlock has taken the lock, our holders are
/// over, even if its own lease has ended since.
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

/// The times of my entries move, but never backwards: `now` may be stale. A revoked lease is not extended.
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

/// The head of the queue is admitted as long as it fits, and nobody overtakes it. a.k: how many waiters are admitted.
/// taken: the sum of the held weights, with those of the waiters admitted so far. It is carried along, because adding
/// up at each step would take quadratic time. go: the waiter before was admitted, and is not exclusive.
inline constexpr auto kAdmit = R"({"$set": {"a": {"$reduce": {
  "input": {"$cond": [{"$or": ["$theirs", {"$in": [true, "$h.exclusive"]}]}, [], "$w"]},
  "initialValue": {"k": 0, "taken": {"$sum": "$h.weight"}, "go": true},
  "in": {"$cond": [
    {"$and": ["$$value.go", {"$cond": ["$$this.exclusive", {"$eq": [["$h", "$$value.k"], [[], 0]]},
      {"$lte": [{"$sum": ["$$value.taken", "$$this.weight"]}, "$cap"]}]}]},
    {"k": {"$add": ["$$value.k", 1]}, "taken": {"$sum": ["$$value.taken", "$$this.weight"]},
     "go": {"$not": ["$$this.exclusive"]}},
    {"$mergeObjects": ["$$value", {"go": false}]}]}}}}})";

/// The admitted waiters become holders. An heir (admitted by the command of another acquisition) gets a short lease
/// until its own first command.
inline constexpr auto kGrant = R"({"$set": {"h": {"$concatArrays": ["$h", {"$map": {
  "input": {"$range": [0, "$a.k"]}, "as": "i", "in": {"$let": {"vars": {"this": {"$arrayElemAt": ["$w", "$$i"]}}, "in": {
    "id": "$$this.id", "exclusive": "$$this.exclusive", "weight": "$$this.weight", "delta": "$$this.delta",
    "since": {"$max": ["$now", "$$this.seen"]},
    "until": {"$add": [{"$max": ["$now", "$$this.seen"]},
      {"$cond": [{"$eq": ["$$this.id", "$r.id"]}, "$$this.delta", "$$this.term"]}]},
    "fence": {"$add": ["$f", {"$multiply": [{"$add": ["$$i", 1]}, 1000]}]}, "who": "$$this.who",
    "client": "$$this.client", "announced": {"$eq": ["$$this.id", "$r.id"]}, "value": "$$this.value"}}}}}]}}})";

/// While mongo-dlock holds the lock, its fields stay as it wrote them. Otherwise the lock is ours. `mine` says so, and
/// `lockd` is 1 or absent (if it were `true`, a client of mongo-dlock 1.x would delete our lock).
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

/// A renewal purges nothing and admits nobody.
inline constexpr auto kTakeHolders = R"({"$set": {"h": "$d.holders"}})";
inline constexpr auto kRenewed = R"({"$replaceWith": {"$cond": [{"$eq": ["$d", {}]}, "$was", {"$mergeObjects": ["$was",
  {"holders": "$h", "et": {"$add": [{"$max": "$h.until"}, "$r.skew"]},
   "rev": {"$add": [{"$ifNull": ["$d.rev", 0]}, {"$numberLong": "1"}]}}]}]}})";

}  // namespace dlock::protocol::stage
