// Bugs of the update pipelines, as changes of their text: pipeline.cpp and stages.hpp have one hook for all of them.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "planted.hpp"

namespace dlock {
namespace {

struct change {
  bug which;
  std::string_view from;
  std::string_view to;
  bool whole_stage = false;  // the stage that has `from` becomes `to`
};

constexpr std::array kChanges{
    // kTakeHolders: of a renewal; no entry is looked for.
    change{bug::renew_no_owner, R"({"$set": {"h": "$d.holders"}})",
           R"({"$set": {"h": {"$map": {"input": "$d.holders", "in":
             {"$mergeObjects": ["$$this", {"until": {"$add": ["$now", "$r.delta"]}}]}}}}})"},
    change{bug::renew_revives, R"({"$set": {"h": "$d.holders"}})",
           R"({"$set": {"h": {"$cond": [{"$in": ["$r.id", {"$ifNull": ["$d.holders.id", []]}]}, "$d.holders",
             {"$concatArrays": [{"$ifNull": ["$d.holders", []]}, [{"$mergeObjects": ["$r.entry",
               {"since": "$now", "until": "$now", "fence": "$d.fence", "announced": true}]}]]}]}}})"},
    // kMoveHolder
    change{bug::until_backwards, R"({"$max": ["$$this.until", {"$add": ["$now", "$r.delta"]}]})",
           R"({"$add": ["$now", {"$divide": ["$r.delta", 4]}]})"},
    // kPurge: the token before the next one
    change{bug::token_reset, R"("f": {"$trunc": [)",
           R"("f": {"$cond": [{"$eq": [{"$ifNull": ["$d.holders", []]}, []]}, {"$numberLong": "0"}, {"$trunc": [)"},
    change{bug::token_reset, R"(-3]}}})", R"(-3]}]}}})"},
    // kAppend
    change{bug::lifo, R"({"$mergeObjects": ["$r.entry", {"since": "$now", "seen")",
           R"({"$set": {"cap": {"$cond": ["$new", "$r.cap", "$cap"]},
             "w": {"$cond": ["$new", {"$concatArrays": [[{"$mergeObjects": ["$r.entry",
               {"since": "$now", "seen": "$now", "until": {"$add": ["$now", "$r.life"]}}]}], "$w"]}, "$w"]}}})",
           true},
    change{bug::readers_pass_writers, R"({"$mergeObjects": ["$r.entry", {"since": "$now", "seen")",
           R"({"$set": {"cap": {"$cond": ["$new", "$r.cap", "$cap"]},
             "w": {"$let": {
               "vars": {"q": {"$cond": ["$new", {"$concatArrays": ["$w", [{"$mergeObjects": ["$r.entry",
                 {"since": "$now", "seen": "$now", "until": {"$add": ["$now", "$r.life"]}}]}]]}, "$w"]}},
               "in": {"$concatArrays": [
                 {"$filter": {"input": "$$q", "cond": {"$not": ["$$this.exclusive"]}}},
                 {"$filter": {"input": "$$q", "cond": "$$this.exclusive"}}]}}}}})",
           true},
    // kOnce: to the head of the queue, and kFinish: and away if that was of no use
    change{bug::try_barges, R"({"$set": {"new": {"$and": ["$new", {"$eq": ["$w", []]}]}, "once": true}})",
           R"({"$set": {"new": false, "once": true, "cap": {"$cond": ["$new", "$r.cap", "$cap"]},
             "w": {"$cond": ["$new", {"$concatArrays": [[{"$mergeObjects": ["$r.entry",
               {"since": "$now", "seen": "$now", "until": {"$add": ["$now", "$r.life"]}}]}], "$w"]}, "$w"]}}})"},
    change{bug::try_barges, R"("waiters": {"$cond": [{"$and": ["$once", "$new"]}, [],)",
           R"("waiters": {"$filter": {"cond": {"$ne": ["$$this.id", {"$cond": ["$once", "$r.id", ""]}]}, "input":)"},
    change{bug::try_barges, R"("$a.k", 2147483647]}]})", R"("$a.k", 2147483647]}}})"},
    // kGrant
    change{bug::heir_for_ever, R"("$$this.delta", "$$this.term"]})", R"("$$this.delta", 86400000]})"},
    // kAdmit
    change{bug::writer_beside_readers, R"({"$eq": [["$h", "$$value.k"], [[], 0]]})", "true"},
    change{bug::one_permit_more, R"("$$this.weight"]}, "$cap"]})", R"("$$this.weight"]}, {"$add": ["$cap", 1]}]})"},
    // kAmend
    change{bug::amend_unnumbered, R"({"$gt": ["$r.seq", "$$this.seq"]})", "true"},
    // kRemoveHolder, of one request and of several
    change{bug::semaphore_release_leaks,
           R"({"$set": {"h": {"$filter": {"input": "$h", "cond": {"$ne": ["$$this.id", "$r.id"]}}}}})",
           R"({"$set": {"h": {"$map": {
             "input": {"$filter": {"input": "$h", "cond":
               {"$or": [{"$ne": ["$$this.id", "$r.id"]}, {"$gt": ["$$this.weight", 1]}]}}},
             "in": {"$cond": [{"$eq": ["$$this.id", "$r.id"]},
               {"$mergeObjects": ["$$this", {"id": {"$concat": ["$$this.id", "/leak"]},
                 "weight": {"$numberLong": "1"}, "until": {"$add": ["$now", 86400000]}}]}, "$$this"]}}}}})"},
    change{bug::semaphore_release_leaks,
           R"({"$set": {"h": {"$filter": {"input": "$h", "cond": {"$not": [{"$in": ["$$this.id", "$r.leave"]}]}}}}})",
           R"({"$set": {"h": {"$map": {
             "input": {"$filter": {"input": "$h", "cond":
               {"$or": [{"$not": [{"$in": ["$$this.id", "$r.leave"]}]}, {"$gt": ["$$this.weight", 1]}]}}},
             "in": {"$cond": [{"$in": ["$$this.id", "$r.leave"]},
               {"$mergeObjects": ["$$this", {"id": {"$concat": ["$$this.id", "/leak"]},
                 "weight": {"$numberLong": "1"}, "until": {"$add": ["$now", 86400000]}}]}, "$$this"]}}}}})"},
    // The short form's <free>
    change{bug::short_form_blind, R"({"$eq": [["$was.holders", "$was.waiters"], {"$literal": [[], []]}]})", "true"},
};

}  // namespace

bool planted_in_full_form() noexcept {
  const auto is_planted = [](const change& each) { return planted(each.which); };
  return planted(bug::release_no_owner) || planted(bug::release_drops_heirs) ||
         (!planted(bug::short_form_blind) && std::any_of(kChanges.begin(), kChanges.end(), is_planted));
}

std::string stage_text(std::string stage) {
  for (const auto& each : kChanges) {
    if (!planted(each.which)) continue;
    for (auto at = stage.find(each.from); at != std::string::npos; at = stage.find(each.from, at + each.to.size())) {
      if (each.whole_stage) return std::string(each.to);
      stage.replace(at, each.from.size(), each.to);
    }
  }
  return stage;
}

}  // namespace dlock
