#include "contract/pipeline_mutations.hpp"

#include <stdexcept>
#include <utility>

#include "protocol/command_parts.hpp"
#include "support/json.hpp"

namespace dlock::testing {

using namespace protocol;

namespace {

std::string canonical(const bson_t* b) {
  char* json = bson_as_canonical_extended_json(b, nullptr);
  std::string out = json;
  bson_free(json);
  return out;
}

/// A user's string where an expression may stand: the literal that carries it is left out.
mutation value_is_no_literal() {
  return {"a value is no literal", {.command = [](request r, const command_options& options) {
            const auto value = std::exchange(r.value, "");
            const auto quoted = canonical(single("e", value.empty() ? "$$REMOVE" : value).get());
            const auto expression = quoted.substr(8, quoted.size() - 10);  // of { "e" : "..." }
            return with_text(as_written(R"("$r.entry.value")"), expression)(r, options);
          }}};
}

}  // namespace

std::string as_written(const std::string& value) {
  const std::string whole = canonical(from_json(R"({"e": )" + value + "}").get());
  const auto start = whole.find(':') + 2;
  return whole.substr(start, whole.rfind('}') - 1 - start);
}

bson replaced(const bson_t* command, const std::string& from, const std::string& to) {
  std::string json = canonical(command);
  for (std::size_t at = 0; (at = json.find(from, at)) != std::string::npos; at += to.size())
    json.replace(at, from.size(), to);
  return from_json(json);
}

command_function with_text(const std::string& from, const std::string& to, const command_function& original) {
  return
      [=](const request& r, const command_options& options) { return replaced(original(r, options).get(), from, to); };
}

mutation pipeline(const char* name, const std::string& from, const std::string& to) {
  return {name, {.command = with_text(as_written(from), as_written(to))}};
}

mutation pipeline_key(const char* name, const std::string& from, const std::string& to) {
  return {name, {.command = with_text(from, to)}};
}

mutation pipeline_request(const char* name, std::function<void(request&)> change) {
  return {name, {.command = [change = std::move(change)](request r, const command_options& options) {
            change(r);
            return command(r, options);
          }}};
}

std::vector<mutation> of_the_pipeline() {
  return {
      pipeline("an entry has not ended at its very end", R"({"$gt": ["$$this.until", "$cut"]})",
               R"({"$gte": ["$$this.until", "$cut"]})"),
      pipeline("mongo-dlock's lease has not ended at its very end", R"({"$gt": ["$d.et", "$cut"]})",
               R"({"$gte": ["$d.et", "$cut"]})"),
      pipeline("a renewal revives at the very end", R"({"$gt": ["$$this.until", "$$cut"]})",
               R"({"$gte": ["$$this.until", "$$cut"]})"),
      pipeline("the clock skew is forgotten", R"("$cut")", R"("$now")"),
      pipeline_key("the request is no literal", R"("r" : { "$literal" :)", R"("r" : { "$mergeObjects" :)"),
      pipeline_key("my id is no literal in the reply", R"("me" : { "$literal" :)", R"("me" : { "$concat" :)"),
      pipeline("the last one in is the first one out", R"({"$arrayElemAt": ["$w", "$$i"]})",
               R"({"$arrayElemAt": [{"$reverseArray": "$w"}, "$$i"]})"),
      pipeline("who was admitted waits again", R"({"$slice": [{"$ifNull": ["$d.waiters", []]}, "$n", 2147483647]})",
               R"({"$ifNull": ["$d.waiters", []]})"),
      pipeline("a renewal counts who was admitted", R"({"$slice": ["$waiters", "$$n", 2147483647]})", R"("$waiters")"),
      pipeline("a look counts who was admitted", R"({"$slice": [{"$ifNull": ["$waiters", []]}, "$$n", 2147483647]})",
               R"({"$ifNull": ["$waiters", []]})"),
      pipeline("somebody passes the head of the queue", R"("$$value.go")", "true"),
      pipeline("an exclusive claim fits beside holders", R"({"$eq": [["$h", "$$value.k"], [[], 0]]})", "true"),
      pipeline("an exclusive claim fits beside those before it", R"({"$eq": [["$h", "$$value.k"], [[], 0]]})",
               R"({"$eq": ["$h", []]})"),
      pipeline("a weight fits beside an exclusive holder", R"({"$in": [true, "$h.exclusive"]})", "false"),
      pipeline("the capacity is never used up", R"({"$lte": [{"$sum": ["$$value.taken", "$$this.weight"]}, "$cap"]})",
               R"({"$lt": [{"$sum": ["$$value.taken", "$$this.weight"]}, "$cap"]})"),
      pipeline("what the holders have is not counted", R"({"$sum": "$h.weight"})", R"({"$numberInt": "0"})"),
      pipeline_key("what is admitted just before is not counted",
                   R"("taken" : { "$sum" : [ "$$value.taken", "$$this.weight" ] })", R"("taken" : "$$value.taken")"),
      pipeline("all who are admitted together get one token", R"({"$multiply": [{"$add": ["$$i", 1]}, 1000]})",
               R"({"$multiply": ["$a.k", 1000]})"),
      pipeline("the token is that of the first admitted", R"({"$multiply": ["$a.k", 1000]})",
               R"({"$numberInt": "1000"})"),
      pipeline("a holder's time runs backwards", R"({"$max": ["$$this.until", {"$add": ["$now", "$r.delta"]}]})",
               R"({"$add": ["$now", "$r.delta"]})"),
      pipeline("a waiter's time runs backwards", R"({"$max": ["$$this.seen", "$now"]})", R"("$now")"),
      pipeline("a renewal purges others", R"({"$set": {"h": "$d.holders"}})",
               R"({"$set": {"h": {"$filter": {"input": "$d.holders", "cond": {"$gt": ["$$this.until", "$cut"]}}}}})"),
      pipeline_request("a renewal admits",
                       [](request& r) {
                         if (r.op == operation::renew) r.op = operation::heartbeat;
                       }),
      pipeline_request("a heartbeat appends",
                       [](request& r) {
                         if (r.op == operation::heartbeat) r.op = operation::enqueue;
                       }),
      pipeline("a try barges", R"({"$eq": ["$w", []]})", "true"),
      pipeline("a try queues", R"({"$and": ["$once", "$new"]})", "false"),
      pipeline_key("the token forgets the client's floor", R"("$max" : [ "$d.fence", "$r.floor",)",
                   R"("$max" : [ "$d.fence",)"),
      pipeline("the token forgets the clock", R"({"$toLong": "$now"})", R"({"$numberInt": "0"})"),
      pipeline("the token forgets the last one", R"("$d.fence")", R"({"$numberInt": "0"})"),
      pipeline("a tombstone is ignored", R"({"$concatArrays": ["$h.id", "$w.id", "$g.id"]})",
               R"({"$concatArrays": ["$h.id", "$w.id"]})"),
      pipeline("a second request queues twice", R"({"$concatArrays": ["$h.id", "$w.id", "$g.id"]})", R"("$g.id")"),
      pipeline("lockd: true, as mongo-dlock writes it", R"({"$cond": [{"$eq": ["$h", []]}, "$$REMOVE", 1]})",
               R"({"$cond": [{"$eq": ["$h", []]}, "$$REMOVE", true]})"),
      pipeline("lockd: false is left behind", R"({"$cond": [{"$eq": ["$h", []]}, "$$REMOVE", 1]})",
               R"({"$cond": [{"$eq": ["$h", []]}, false, 1]})"),
      pipeline("et has no allowance for skew", R"({"$ifNull": [{"$add": [{"$max": "$h.until"}, "$r.skew"]}, "$now"]})",
               R"({"$ifNull": [{"$max": "$h.until"}, "$now"]})"),
      pipeline_key("et has no allowance after a renewal",
                   R"("et" : { "$add" : [ { "$max" : "$h.until" }, "$r.skew" ] })",
                   R"("et" : { "$max" : "$h.until" })"),
      pipeline("mongo-dlock is judged by et alone",
               R"({"$and": [{"$ne": ["$d.ct", "$d.mine"]}, {"$gt": ["$d.et", "$cut"]}]})",
               R"({"$gt": ["$d.et", "$cut"]})"),
      pipeline("mongo-dlock does not evict", R"({"$eq": ["$d.ct", "$d.mine"]})", "true"),
      pipeline("we do not say that the lock is ours",
               R"({"$cond": ["$theirs", {"lockd": "$d.lockd", "ct": "$d.ct", "et": "$d.et",
               "mine": "$d.mine"}, {"lockd": {"$cond": [{"$eq": ["$h", []]}, "$$REMOVE", 1]}, "ct": "$now",
               "et": {"$ifNull": [{"$add": [{"$max": "$h.until"}, "$r.skew"]}, "$now"]}, "mine": "$now"}]})",
               R"({"lockd": "$d.lockd", "ct": "$d.ct", "et": "$d.et", "mine": "$d.mine"})"),
      pipeline("another capacity is accepted", R"({"$ne": ["$cap", "$r.cap"]})", "false"),
      pipeline("a weight above the capacity queues", R"("$r.too_heavy")", "false"),
      pipeline("a release asks for no owner", R"({"$elemMatch": {"id": "a"}})", R"({"$exists": true})"),
      pipeline("a release of what mongo-dlock took", R"({"$eq": ["$ct", "$mine"]})", "true"),
      pipeline("a release does not keep", R"({"$gt": [{"$add": ["$$this.since", "$r.keep"]}, "$now"]})", "false"),
      pipeline("a kept holder ends an instant late", R"({"$gt": [{"$add": ["$$this.since", "$r.keep"]}, "$now"]})",
               R"({"$gte": [{"$add": ["$$this.since", "$r.keep"]}, "$now"]})"),
      pipeline("an heir gets its full lease at once", R"("$$this.term")", R"("$$this.delta")"),
      pipeline_key("an heir counts as announced", R"("announced" : { "$eq" : [ "$$this.id", "$r.id" ] })",
                   R"("announced" : true)"),
      pipeline("nothing tells one answer from the next",
               R"({"$add": [{"$ifNull": ["$d.rev", 0]}, {"$numberLong": "1"}]})",
               R"({"$ifNull": ["$d.rev", {"$numberLong": "0"}]})"),
      pipeline("what is no lock is overwritten", R"({"$eq": ["$d", {}]})", "false"),
  };
}

/// Of amend, revoke and resize, and of what they leave in the document.
std::vector<mutation> of_the_later_operations() {
  return {
      pipeline("an amendment upgrades", R"({"$not": ["$r.entry.exclusive"]})", "true"),
      pipeline("an amendment asks for more", R"({"$lte": ["$r.entry.weight", "$$this.weight"]})", "true"),
      pipeline("an amendment forgets the capacity", R"({"$lte": ["$r.entry.weight", "$cap"]})", "true"),
      pipeline("an exclusive holder cannot amend",
               R"({"$and": ["$$this.exclusive", {"$lte": ["$r.entry.weight", "$cap"]}]})", "false"),
      pipeline("a shared holder cannot amend",
               R"({"$and": [{"$not": ["$r.entry.exclusive"]}, {"$lte": ["$r.entry.weight", "$$this.weight"]}]})",
               "false"),
      pipeline_key("an amendment is a grant with a token of its own", R"("fence" : "$$this.fence")",
                   R"("fence" : "$f")"),
      pipeline_key("an amendment forgets when the grant was", R"("since" : "$$this.since")", R"("since" : "$now")"),
      pipeline_key("an amendment shortens", R"("until" : "$$this.until", "fence")",
                   R"("until" : { "$add" : [ "$now", "$r.delta" ] }, "fence")"),
      pipeline_key("an amendment forgets who",
                   R"("who" : "$$this.who", "client" : "$$this.client", "announced" : "$$this)",
                   R"("who" : "$r.entry.who", "client" : "$$this.client", "announced" : "$$this)"),
      pipeline_key("an amendment publishes nothing", R"("announced" : "$$this.announced", "value" : "$r.entry.value")",
                   R"("announced" : "$$this.announced", "value" : "$$this.value")"),
      pipeline_key(
          "an amendment adds to the value", R"("announced" : "$$this.announced", "value" : "$r.entry.value")",
          R"("announced" : "$$this.announced", "value" : { "$ifNull" : [ "$r.entry.value", "$$this.value" ] })"),
      pipeline_request("an amendment is only a heartbeat",
                       [](request& r) {
                         if (r.op == operation::amend) r.op = operation::heartbeat;
                       }),
      pipeline(
          "a revoked holder amends",
          R"({"$and": [{"$eq": ["$$this.id", "$r.id"]}, {"$not": ["$$this.revoked"]}, {"$gt": ["$r.seq", "$$this.seq"]}, {"$or": [
                 {"$and": ["$$this.exclusive", {"$lte": ["$r.entry.weight", "$cap"]}]},
                 {"$and": [{"$not": ["$r.entry.exclusive"]}, {"$lte": ["$r.entry.weight", "$$this.weight"]}]}]}]})",
          R"({"$and": [{"$eq": ["$$this.id", "$r.id"]}, {"$gt": ["$r.seq", "$$this.seq"]}, {"$or": [
                 {"$and": ["$$this.exclusive", {"$lte": ["$r.entry.weight", "$cap"]}]},
                 {"$and": [{"$not": ["$r.entry.exclusive"]}, {"$lte": ["$r.entry.weight", "$$this.weight"]}]}]}]})"),
      pipeline("a revoked holder's time moves",
               R"({"$and": [{"$eq": ["$$this.id", "$r.id"]}, {"$not": ["$$this.revoked"]}]})",
               R"({"$eq": ["$$this.id", "$r.id"]})"),
      pipeline(
          "a revoked holder is found by its renewal",
          R"({"$and": [{"$eq": ["$$this.id", "$$me"]}, {"$gt": ["$$this.until", "$$cut"]}, {"$not": ["$$this.revoked"]}]})",
          R"({"$and": [{"$eq": ["$$this.id", "$$me"]}, {"$gt": ["$$this.until", "$$cut"]}]})"),
      pipeline("a revocation does not stick", R"({"revoked": true, "announced": true})", R"({"announced": true})"),
      pipeline("a revoked heir is still announced", R"({"revoked": true, "announced": true})", R"({"revoked": true})"),
      pipeline("a revocation ends the lease at once", R"({"revoked": true, "announced": true})",
               R"({"revoked": true, "announced": true, "until": "$now"})"),
      pipeline_request("a revocation is a release",
                       [](request& r) {
                         if (r.op == operation::revoke) {
                           r.op = operation::release;
                           r.keep = 0;
                         }
                       }),
      pipeline("a resize keeps who waits for too much", R"({"$lte": ["$$this.weight", "$cap"]})", "true"),
      pipeline("a resize drops who waits for all", R"({"$lte": ["$$this.weight", "$cap"]})",
               R"({"$lt": ["$$this.weight", "$cap"]})"),
      pipeline("a resize drops exclusive waiters",
               R"({"$or": ["$$this.exclusive", {"$lte": ["$$this.weight", "$cap"]}]})",
               R"({"$and": [{"$not": ["$$this.exclusive"]}, {"$lte": ["$$this.weight", "$cap"]}]})"),
      pipeline(
          "a resize leaves the capacity",
          R"({"$eq": [{"$cond": [{"$in": [{"$type": "$d.resized"}, ["int", "long"]]}, "$d.resized", 0]}, "$r.resized"]})",
          "false"),
      pipeline(
          "a late copy of a resize is carried out",
          R"({"$eq": [{"$cond": [{"$in": [{"$type": "$d.resized"}, ["int", "long"]]}, "$d.resized", 0]}, "$r.resized"]})",
          "true"),
      pipeline("a change of the capacity is not counted",
               R"({"$cond": [{"$eq": ["$cap", {"$ifNull": ["$d.cap", {"$numberLong": "9007199254740992"}]}]},
                 "$d.resized", {"$add": [{"$ifNull": ["$d.rev", 0]}, {"$numberLong": "1"}]}]})",
               R"("$d.resized")"),
      pipeline("a late copy of an amendment is carried out", R"({"$gt": ["$r.seq", "$$this.seq"]})", "true"),
      pipeline("an amendment is carried out twice", R"({"$gt": ["$r.seq", "$$this.seq"]})",
               R"({"$gte": ["$r.seq", "$$this.seq"]})"),
      pipeline_key("an amendment is not counted", R"("seq" : "$r.seq" })", R"("seq" : "$$this.seq" })"),
      pipeline("a fence below zero is one", R"({"$min": ["$fence", "$rev", 0]})", R"({"$min": ["$rev", 0]})"),
      pipeline("a rev below zero is one", R"({"$min": ["$fence", "$rev", 0]})", R"({"$min": ["$fence", 0]})"),
      pipeline(
          "a fence may be as high as it likes",
          R"({"$lt": ["$fence", {"$multiply": [{"$toLong": {"$add": ["$$now", {"$numberLong": "31536000000"}]}}, 1000]}]})",
          "true"),
      pipeline(
          "the first number above all tokens is one",
          R"({"$lt": ["$fence", {"$multiply": [{"$toLong": {"$add": ["$$now", {"$numberLong": "31536000000"}]}}, 1000]}]})",
          R"({"$lte": ["$fence", {"$multiply": [{"$toLong": {"$add": ["$$now", {"$numberLong": "31536000000"}]}}, 1000]}]})"),
      pipeline("a rev may be as high as it likes", R"({"$lt": ["$rev", {"$numberLong": "9007199254740992"}]})", "true"),

      pipeline("a resize gives a capacity to a lock without", R"({"$gt": {"$numberLong": "0"}})", R"({"$ne": "x"})"),
      pipeline_key("a value is lost at the grant", R"("value" : "$$this.value")", R"("value" : "$$REMOVE")"),
      pipeline_key("a waiter does not say since when", R"("since" : "$now", "seen")",
                   R"("since" : "$$REMOVE", "seen")"),
      pipeline_request("a value is lost on the way", [](request& r) { r.value.clear(); }),
      value_is_no_literal(),
  };
}

/// A reply that fails, on an entry without id, when the update is done.
std::vector<mutation> of_the_projection() {
  return {{"what is refused was carried out",
           {.command = with_text(as_written(R"({"$indexOfArray": ["$$w.id", "$$me"]})"),
                                 as_written(R"({"$strLenBytes": {"$arrayElemAt": ["$$w.id", 0]}})")),
            .how = mode::all_or_nothing}}};
}

}  // namespace dlock::testing
