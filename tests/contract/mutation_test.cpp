// The property test has to notice what it is there for. Each mutation breaks one side on purpose; the same search must
// find a difference.
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <stdexcept>
#include <utility>

#include "contract/comparison.hpp"
#include "protocol/batch.hpp"
#include "protocol/command_parts.hpp"
#include "protocol/short_form.hpp"

namespace dlock::testing {
namespace {

using namespace protocol;

constexpr int kCases = 12000;

using state = std::optional<document>;

struct mutation {
  const char* name;
  sides mutated;
};
std::ostream& operator<<(std::ostream& out, const mutation& m) {
  return out << m.name;
}

// --- the pipeline: a piece of its JSON is replaced
// --------------------------------------------------------------------

std::string canonical(const bson_t* b) {
  char* json = bson_as_canonical_extended_json(b, nullptr);
  std::string out = json;
  bson_free(json);
  return out;
}

bson from_json(const std::string& json) {
  bson_error_t error;
  bson b{bson_new_from_json(reinterpret_cast<const std::uint8_t*>(json.data()), static_cast<ssize_t>(json.size()),
                            &error)};
  if (!b) throw std::logic_error(json + ": " + error.message);
  return b;
}

/// A JSON value as libbson writes it.
std::string as_written(const std::string& value) {
  const std::string whole = canonical(from_json(R"({"e": )" + value + "}").get());
  const auto start = whole.find(':') + 2;
  return whole.substr(start, whole.rfind('}') - 1 - start);
}

bson replaced(std::string json, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = json.find(from, at)) != std::string::npos; at += to.size())
    json.replace(at, from.size(), to);
  return from_json(json);
}

command_function with_text(const std::string& from, const std::string& to, const command_function& original = command) {
  return [=](const request& r, const command_options& options) {
    return replaced(canonical(original(r, options).get()), from, to);
  };
}

/// Wherever the value `from` stands in the pipeline, `to` stands.
mutation pipeline(const char* name, const std::string& from, const std::string& to) {
  return {name, {.command = with_text(as_written(from), as_written(to))}};
}

/// The same in the short form.
mutation in_short(const char* name, const std::string& from, const std::string& to) {
  return {name, {.command = with_text(as_written(from), as_written(to), short_command), .how = mode::short_form}};
}

/// The same for locks with observed expiry.
mutation observed(const char* name, const std::string& from, const std::string& to) {
  return {name, {.command = with_text(as_written(from), as_written(to)), .how = mode::observed}};
}
mutation observed_key(const char* name, const std::string& from, const std::string& to) {
  return {name, {.command = with_text(from, to), .how = mode::observed}};
}

/// The same where several go together.
mutation together(const char* name, const std::string& from, const std::string& to) {
  return {name,
          {.batch_command =
               [from = as_written(from), to = as_written(to)](const batch& all, const command_options& options) {
                 return replaced(canonical(batch_command(all, options).get()), from, to);
               },
           .how = mode::together}};
}

/// The key `from` (up to its colon) becomes `to`.
mutation pipeline_key(const char* name, const std::string& from, const std::string& to) {
  return {name, {.command = with_text(from, to)}};
}

mutation pipeline_request(const char* name, std::function<void(request&)> change) {
  return {name, {.command = [change = std::move(change)](request r, const command_options& options) {
            change(r);
            return command(r, options);
          }}};
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

std::vector<mutation> of_the_short_form() {
  return {
      in_short("a waiter is overlooked", R"({"$eq": [["$was.holders", "$was.waiters"], {"$literal": [[], []]}]})",
               R"({"$eq": ["$was.holders", []]})"),
      in_short("a waiter is overlooked at the release", R"({"$eq": ["$was.waiters", []]})", "true"),
      in_short("a tombstone is overlooked", R"({"$not": [{"$in": ["$r.id", "$was.gone.id"]}]})", "true"),
      {"a tombstone is lost",
       {.command = with_text(R"("gone" : "$was.gone")", R"("gone" : [])", short_command), .how = mode::short_form}},
      in_short("a tombstone stays", R"("$was.gone.until")", "[]"),
      in_short("a holder is overlooked", R"({"$eq": [["$was.holders", "$was.waiters"], {"$literal": [[], []]}]})",
               R"({"$eq": ["$was.waiters", []]})"),
      in_short("mongo-dlock is overlooked", R"({"$eq": ["$was.ct", "$was.mine"]})", "true"),
      in_short("another capacity is overlooked",
               R"({"$eq": [{"$ifNull": ["$was.cap", {"$numberLong": "9007199254740992"}]}, "$r.cap"]})", "true"),
      in_short("somebody else's holder is released", R"({"$eq": ["$was.holders.id", ["$r.id"]]})", "true"),
      in_short("what is no lock is overwritten",
               R"({"$setIsSubset": [[{"$type": "$was.fence"}, {"$type": "$was.rev"}], ["long", "int", "double"]]})",
               "true"),
      in_short("what no server has written is taken for a fence",
               R"({"$lt": ["$was.fence",
                 {"$multiply": [{"$toLong": {"$add": ["$now", {"$numberLong": "31535990000"}]}}, 1000]}]})",
               "true"),
      in_short("a rev may be as high as it likes", R"({"$lt": ["$was.rev", {"$numberLong": "9007199254740000"}]})",
               "true"),
      in_short("below zero nothing is looked at", R"({"$min": ["$was.fence", "$was.rev", 0]})",
               R"({"$numberInt": "0"})"),
      {"when the capacity was changed is forgotten",
       {.command = with_text(R"("resized" : "$was.resized")", R"("resized" : "$$REMOVE")", short_command),
        .how = mode::short_form}},
      in_short("the token forgets the client's floor", R"("$r.floor")", R"({"$numberInt": "0"})"),
      in_short("the token forgets the clock", R"({"$toLong": "$now"})", R"({"$numberInt": "0"})"),
      in_short("the value is lost", R"("$r.entry.value")", R"("$$REMOVE")"),
      in_short("et has no allowance for skew", R"({"$add": ["$now", "$r.delta", "$r.skew"]})",
               R"({"$add": ["$now", "$r.delta"]})"),
      in_short("readers are no obstacle to each other", R"({"$in": [true, "$was.holders.exclusive"]})",
               R"({"$ne": ["$was.holders", []]})"),
      {"somebody queues behind a holder that has ended",
       {.command = with_text(R"("$was.holders.until", "$was.waiters.until")", R"("$was.waiters.until")", short_command),
        .how = mode::short_form}},
      in_short("a late copy of a request queues again",
               R"({"$not": [{"$in": ["$r.id", {"$concatArrays": ["$was.holders.id", "$was.waiters.id"]}]}]})", "true"),
      in_short("a queue has no et", R"({"$max": "$was.holders.until"})", R"("$now")"),
      in_short("a dead waiter is handed the lock", R"("$was.waiters.until")", "[]"),
      in_short("a reader is handed the lock alone", R"("$$w.exclusive")", "true"),
      in_short("who releases may be its own heir",
               R"({"$eq": [{"$indexOfArray": ["$was.waiters.id", "$r.id", "$n"]}, -1]})", "true"),
      in_short("an heir has a whole lease", R"("$$w.term")", R"("$$w.delta")"),
      in_short("an heir's lease begins before its last look", R"({"$max": ["$now", "$$w.seen"]})", R"("$now")"),
      in_short("the queue is forgotten", R"({"$slice": ["$was.waiters", "$$k", 2147483647]})", "[]"),
      in_short("the heir is one that was admitted already",
               R"({"$arrayElemAt": [{"$cond": [{"$isArray": "$was.waiters"}, "$was.waiters", []]}, "$n"]})",
               R"({"$arrayElemAt": [{"$cond": [{"$isArray": "$was.waiters"}, "$was.waiters", []]}, 0]})"),
      in_short("who is admitted waits on", R"({"$add": ["$n", 1]})", R"("$n")"),
      in_short("the head is never taken out", R"({"$multiply": ["$$k", 8]})", R"({"$numberInt": "0"})"),
      {"who was admitted waits again when somebody queues",
       {.command = with_text(R"("admitted" : "$was.admitted")", R"("admitted" : "$$REMOVE")", short_command),
        .how = mode::short_form}},
      in_short("the number of those admitted is believed", R"({"$lte": ["$n", {"$size": "$was.waiters"}]})", "true"),

      {"an heir counts as told",
       {.command = with_text(R"("announced" : false)", R"("announced" : true)", short_command),
        .how = mode::short_form}},
  };
}

std::vector<mutation> of_observed_expiry() {
  const std::string expired = R"({"$in": [{"id": "$$this.id", "beat": "$$this.beat"}, "$r.expire"]})";
  const std::string unused = R"({"$eq": [[{"$ifNull": ["$holders", []]}, {"$ifNull": ["$waiters", []]}], [[], []]]})";
  return {
      observed("nobody is expired", expired, "false"),
      observed("whoever is named is expired, heard of or not", expired, R"({"$in": ["$$this.id", "$r.expire.id"]})"),
      observed("a beat is enough, whoever's it is", expired, R"({"$in": ["$$this.beat", "$r.expire.beat"]})"),
      observed("what has no beat stays", R"({"$gt": ["$$this.beat", 0]})", "true"),
      observed("the server's clock ends leases", R"({"$ifNull": ["$d.holders", []]})",
               R"({"$filter": {"input": {"$ifNull": ["$d.holders", []]}, "cond": {"$gt": ["$$this.until", "$now"]}}})"),
      observed("the server's clock ends tombstones", R"({"$ifNull": ["$d.gone", []]})",
               R"({"$filter": {"input": {"$ifNull": ["$d.gone", []]}, "cond": {"$gt": ["$$this.until", "$now"]}}})"),
      observed("a tombstone too many is kept", R"({"$slice": ["$g", -32]})", R"({"$slice": ["$g", -33]})"),
      observed("the newest tombstones go first", R"({"$slice": ["$g", -32]})", R"({"$slice": ["$g", 32]})"),
      observed_key("who is heard of keeps its beat", R"("beat" : "$beat", "span" : "$r.delta")",
                   R"("span" : "$r.delta")"),
      observed_key("who is heard of has no new span", R"("beat" : "$beat", "span" : "$r.delta")",
                   R"("beat" : "$beat")"),
      observed_key("a waiter keeps its beat", R"("beat" : "$beat", "span" : "$r.life")", R"("span" : "$r.life")"),
      observed_key("a waiter is watched for a holder's time", R"("span" : "$r.life")", R"("span" : "$r.delta")"),
      observed_key("an heir is watched for a whole lease",
                   R"("span" : { "$cond" : [ { "$eq" : [ "$$this.id", "$r.id" ] }, "$$this.delta", "$$this.term" ] })",
                   R"("span" : "$$this.delta")"),
      observed_key("an amendment forgets the beat", R"("beat" : "$$this.beat", "span" : "$$this.span", "fence")",
                   R"("fence")"),
      observed_key("what is kept counts from the grant", R"("until" : { "$add" : [ "$now", "$r.keep" ] })",
                   R"("until" : { "$add" : [ "$$this.since", "$r.keep" ] })"),
      observed_key("what is kept is watched for a lease", R"("span" : "$r.keep")", R"("span" : "$$this.span")"),
      observed_key("what is kept keeps its beat", R"("beat" : "$beat", "span" : "$r.keep")", R"("span" : "$r.keep")"),
      observed("a lock of the other expiry is taken while it is in use", unused, "true"),
      observed("a lock of the other expiry is never taken", unused, "false"),
      observed_key("the mark is forgotten", R"("observed" : true } ] })", R"("done" : true } ] })"),
      observed_key("a revoked holder is found by its renewal", R"(, "revoked" : null)", ""),
      observed("the watched ones are those who follow",
               R"({"$subtract": [{"$indexOfArray": ["$waiters.id", "$$me"]}, 3]})",
               R"({"$indexOfArray": ["$waiters.id", "$$me"]})"),
      observed("waiters are not watched", R"({"$concatArrays": ["$holders", {"$slice": ["$waiters",
               {"$max": [0, {"$subtract": [{"$indexOfArray": ["$waiters.id", "$$me"]}, 3]}]}, 3]}]})",
               R"("$holders")"),
      {"the model expires whoever is named",
       {.model =
            [](const state& d, request r, ms now) {
              for (auto& p : r.expire) {
                for (const auto& h : d ? d->holders : std::vector<holder>{}) {
                  if (h.id == p.id) p.beat = h.beat;
                }
              }
              return transition(d, r, now);
            },
        .how = mode::observed}},
  };
}

std::vector<mutation> of_many_together() {
  return {
      together("those who leave stay", R"({"$not": [{"$in": ["$$this.id", "$r.leave"]}]})", "true"),
      together("others leave, too", R"({"$not": [{"$in": ["$$this.id", "$r.leave"]}]})", "false"),
      together("who comes again is not renewed", R"({"$in": ["$$this.id", "$r.come.id"]})", "false"),
      together("everybody is renewed", R"({"$in": ["$$this.id", "$r.come.id"]})", "true"),
      together("who is known queues twice", R"({"$concatArrays": ["$h.id", "$w.id", "$g.id"]})", R"("$g.id")"),
      together("a tombstone is ignored", R"({"$concatArrays": ["$h.id", "$w.id", "$g.id"]})",
               R"({"$concatArrays": ["$h.id", "$w.id"]})"),
      together("a weight above the capacity queues", R"({"$gt": ["$$this.weight", "$r.cap"]})", "false"),
      together("another capacity is accepted", R"({"$ne": ["$cap", "$r.cap"]})", "false"),
      together("what mongo-dlock took is released", R"({"$eq": ["$d.ct", "$d.mine"]})", "true"),
      together("nobody is told that they left",
               R"({"$setIntersection": [{"$ifNull": ["$d.holders.id", []]}, "$r.leave"]})", "[]"),
      together("an unknown one is told that it left",
               R"({"$setIntersection": [{"$ifNull": ["$d.holders.id", []]}, "$r.leave"]})", R"("$r.leave")"),
      together("they queue the other way round", R"({"$mergeObjects": ["$$this", {"since": "$now", "seen": "$now",
               "until": {"$add": ["$now", "$r.life"]}}]})",
               R"({"$mergeObjects": [{"$last": "$new"}, {"since": "$now", "seen": "$now",
               "until": {"$add": ["$now", "$r.life"]}}]})"),
  };
}

/// A reply that fails, on an entry without id, when the update is done.
std::vector<mutation> of_the_projection() {
  return {{"what is refused was carried out",
           {.command = with_text(as_written(R"({"$indexOfArray": ["$$w.id", "$$me"]})"),
                                 as_written(R"({"$strLenBytes": {"$arrayElemAt": ["$$w.id", 0]}})")),
            .how = mode::all_or_nothing}}};
}

// --- the model: what goes in or comes out is changed
// ------------------------------------------------------------------

mutation model(const char* name, model_function changed) {
  return {name, {.model = std::move(changed)}};
}

mutation model_request(const char* name, std::function<void(request&)> change) {
  return model(name, [change = std::move(change)](const state& d, request r, ms now) {
    change(r);
    return transition(d, r, now);
  });
}

mutation model_after(const char* name, std::function<void(document&, const request&, ms)> change) {
  return model(name, [change = std::move(change)](const state& d, const request& r, ms now) {
    auto out = transition(d, r, now);
    if (out.after && out.answer.found) change(*out.after, r, now);
    return out;
  });
}

std::vector<mutation> of_the_model() {
  return {
      model_request("the clock skew is forgotten", [](request& r) { r.skew = 0; }),
      model_request("the floor is forgotten", [](request& r) { r.floor = 0; }),
      model_request("a heartbeat appends",
                    [](request& r) {
                      if (r.op == operation::heartbeat) r.op = operation::enqueue;
                    }),
      model_request("a renewal purges and admits",
                    [](request& r) {
                      if (r.op == operation::renew) r.op = operation::heartbeat;
                    }),
      model_request("a try queues",
                    [](request& r) {
                      if (r.op == operation::try_) r.op = operation::enqueue;
                    }),
      model_request("a release does not keep", [](request& r) { r.keep = 0; }),
      model_request("a cancel leaves no tombstone", [](request& r) { r.tomb = 0; }),
      model("an entry has not ended at its very end",
            [](const state& d, request r, ms now) {
              ++r.skew;
              auto out = transition(d, r, now);
              if (out.after && out.answer.found && !out.after->holders.empty() && !out.answer.foreign_until)
                --*out.after->et;
              return out;
            }),
      model("tombstones are ignored",
            [](state d, const request& r, ms now) {
              std::vector<tombstone> gone;
              if (d && (r.op == operation::enqueue || r.op == operation::try_)) gone.swap(d->gone);
              auto out = transition(d, r, now);
              if (out.after) out.after->gone.insert(out.after->gone.end(), gone.begin(), gone.end());
              return out;
            }),
      model("a try barges",
            [](state d, const request& r, ms now) {
              std::vector<waiter> queue;
              if (d && r.op == operation::try_) queue.swap(d->waiters);
              auto out = transition(d, r, now);
              if (out.after && out.after->waiters.empty()) out.after->waiters = queue;
              return out;
            }),
      model("mongo-dlock is not looked for",
            [](state d, const request& r, ms now) {
              if (d) d->mine = d->ct;
              return transition(d, r, now);
            }),
      model_after("the last one in is the first one out",
                  [](document& d, const request& r, ms) {
                    if (r.op == operation::enqueue && d.waiters.size() > 1)
                      std::rotate(d.waiters.rbegin(), d.waiters.rbegin() + 1, d.waiters.rend());
                  }),
      model_after("a holder's time runs backwards",
                  [](document& d, const request& r, ms now) {
                    if (r.op != operation::renew) return;
                    for (auto& h : d.holders) {
                      if (h.id == r.id) h.until = now + r.delta;
                    }
                  }),
      model_after("lockd: false is left behind",
                  [](document& d, const request&, ms) {
                    if (d.lockd == lockd_flag::absent) d.lockd = lockd_flag::no;
                  }),
      model_after("a renewal is not counted",
                  [](document& d, const request& r, ms) {
                    if (r.op == operation::renew) --d.rev;
                  }),
      model_request("an amendment is only a heartbeat",
                    [](request& r) {
                      if (r.op == operation::amend) r.op = operation::heartbeat;
                    }),
      model_request("a late copy of an amendment is carried out", [](request& r) { r.seq += 10; }),
      model("a late copy of a resize is carried out",
            [](const state& d, request r, ms now) {
              if (d) r.resized = d->resized;
              return transition(d, r, now);
            }),
      model_request("an amendment keeps the claim",
                    [](request& r) {
                      if (r.op == operation::amend) r.what = {};
                    }),
      model_request("a revocation is a release",
                    [](request& r) {
                      if (r.op == operation::revoke) {
                        r.op = operation::release;
                        r.keep = 0;
                      }
                    }),
      model("a revoked holder is renewed",
            [](state d, const request& r, ms now) {
              if (!d || r.op != operation::renew) return transition(d, r, now);
              std::vector<bool> marks;
              for (auto& h : d->holders) marks.push_back(std::exchange(h.revoked, false));
              auto out = transition(d, r, now);
              for (std::size_t i = 0; i < marks.size(); ++i) out.after->holders[i].revoked = marks[i];
              return out;
            }),
      model("a resize keeps who waits for too much",
            [](state d, const request& r, ms now) {
              if (!d || d->cap == 0 || r.op != operation::resize) return transition(d, r, now);
              d->cap = r.cap;
              auto as = r;
              as.op = operation::heartbeat;
              as.id.clear();
              return transition(d, as, now);
            }),
      model_request("a value is lost on the way", [](request& r) { r.value.clear(); }),
  };
}

class Mutation : public ::testing::TestWithParam<mutation> {};

TEST_P(Mutation, IsNoticed) {
  // A mutation that the server refuses would prove nothing.
  auto mutated = GetParam().mutated;
  mutated.refusal_counts = false;
  comparison compare(mutated);
  const auto s = seed();
  const auto scenarios = mutated.how == mode::full         ? any_scenario()
                         : mutated.how == mode::observed   ? observed_scenario()
                         : mutated.how == mode::short_form ? short_scenario()
                         : mutated.how == mode::together   ? batch_scenario()
                                                           : damaged_scenario();
  const auto result = search(compare, scenarios, kCases, s);
  std::printf("%-55s %5d cases (DLOCK_TEST_SEED=%llu)\n", GetParam().name, result.cases,
              static_cast<unsigned long long>(s));
  EXPECT_TRUE(result.where) << "not noticed in " << result.cases << " cases: " << GetParam().name;
}

INSTANTIATE_TEST_SUITE_P(OfThePipeline, Mutation, ::testing::ValuesIn(of_the_pipeline()));
INSTANTIATE_TEST_SUITE_P(OfTheLaterOperations, Mutation, ::testing::ValuesIn(of_the_later_operations()));
INSTANTIATE_TEST_SUITE_P(OfTheShortForm, Mutation, ::testing::ValuesIn(of_the_short_form()));
INSTANTIATE_TEST_SUITE_P(OfObservedExpiry, Mutation, ::testing::ValuesIn(of_observed_expiry()));
INSTANTIATE_TEST_SUITE_P(OfManyTogether, Mutation, ::testing::ValuesIn(of_many_together()));
INSTANTIATE_TEST_SUITE_P(OfTheProjection, Mutation, ::testing::ValuesIn(of_the_projection()));
INSTANTIATE_TEST_SUITE_P(OfTheModel, Mutation, ::testing::ValuesIn(of_the_model()));

}  // namespace
}  // namespace dlock::testing
