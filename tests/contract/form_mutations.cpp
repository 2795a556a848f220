// Mutations of the short form, of locks with observed expiry, and of several requests in one command.
#include "contract/pipeline_mutations.hpp"
#include "protocol/batch.hpp"

namespace dlock::testing {

using namespace protocol;

namespace {

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
mutation together(const char* name, const std::string& from, const std::string& to, mode how = mode::together) {
  return {name,
          {.batch_command =
               [from = as_written(from), to = as_written(to)](const batch& all, const command_options& options) {
                 return replaced(batch_command(all, options).get(), from, to);
               },
           .how = how}};
}
mutation renewals(const char* name, const std::string& from, const std::string& to) {
  return together(name, from, to, mode::renewals);
}

}  // namespace

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
      together("who comes passes those who wait", R"({"$concatArrays": ["$w", {"$map": {"input": "$new",
               "in": {"$mergeObjects": ["$$this", {"since": "$now", "seen": "$now",
               "until": {"$add": ["$now", "$r.life"]}}]}}}]})",
               R"({"$concatArrays": [{"$map": {"input": "$new",
               "in": {"$mergeObjects": ["$$this", {"since": "$now", "seen": "$now",
               "until": {"$add": ["$now", "$r.life"]}}]}}}, "$w"]})"),
      together("they queue the other way round", R"({"$mergeObjects": ["$$this", {"since": "$now", "seen": "$now",
               "until": {"$add": ["$now", "$r.life"]}}]})",
               R"({"$mergeObjects": [{"$last": "$new"}, {"since": "$now", "seen": "$now",
               "until": {"$add": ["$now", "$r.life"]}}]})"),
  };
}

std::vector<mutation> of_many_renewals() {
  return {
      renewals("everybody is renewed", R"({"$in": ["$$this.id", "$r.renew"]})", "true"),
      renewals("nobody is renewed", R"({"$in": ["$$this.id", "$r.renew"]})", "false"),
      renewals("who has expired is renewed beside others", R"({"$gt": ["$$this.until", "$cut"]})", "true"),
      renewals("who was revoked is renewed beside others", R"({"$not": ["$$this.revoked"]})", "true"),
      renewals("a lease of the past shortens one", R"({"$max": ["$$this.until", {"$add": ["$now", "$r.delta"]}]})",
               R"({"$add": ["$now", "$r.delta"]})"),
      renewals("what mongo-dlock took is renewed", R"({"$eq": ["$ct", "$mine"]})", "true"),
      renewals("a strange holder counts as one of them", R"({"$in": ["$$this.id", "$$me"]})", "true"),
      renewals("nothing is changed, but they are told that it was",
               R"({"$in": [true, {"$map": {"input": "$holders", "in": {"$and": [{"$in": ["$$this.id", "$$me"]},
                 {"$gt": ["$$this.until", "$$cut"]}, {"$not": ["$$this.revoked"]}]}}}]})",
               "true"),
      renewals("the last revision stays", R"({"$add": [{"$ifNull": ["$d.rev", 0]}, {"$numberLong": "1"}]})",
               R"("$d.rev")"),
      renewals("the document ends with the first of them", R"({"$max": "$h.until"})", R"({"$min": "$h.until"})"),
  };
}

}  // namespace dlock::testing
