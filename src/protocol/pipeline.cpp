#include "protocol/pipeline.hpp"

#include <array>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "protocol/command_parts.hpp"
#include "protocol/observed_stages.hpp"
#include "protocol/peek.hpp"
#include "protocol/stages.hpp"

namespace dlock::protocol {
namespace {

using namespace stage;

/// new: the request may become a waiter. That is so if its weight is not above the capacity, if its id is neither in
/// the lists nor given up, and if the lock is not in use with another capacity.
constexpr auto kIsNew = R"({"$set": {"new": {"$not": [{"$or": ["$r.too_heavy",
  {"$in": ["$r.id", {"$concatArrays": ["$h.id", "$w.id", "$g.id"]}]},
  {"$and": [{"$ne": ["$cap", "$r.cap"]}, {"$ne": [["$h", "$w"], [[], []]]}]}]}]}}})";

constexpr auto kAppend = R"({"$set": {"cap": {"$cond": ["$new", "$r.cap", "$cap"]},
  "w": {"$cond": ["$new", {"$concatArrays": ["$w", [
    {"$mergeObjects": ["$r.entry", {"since": "$now", "seen": "$now", "until": {"$add": ["$now", "$r.life"]}}]}]]}, "$w"]}}})";

/// A try does not overtake: it becomes a waiter for this command only (once), and only if there is no other waiter.
constexpr auto kOnce = R"({"$set": {"new": {"$and": ["$new", {"$eq": ["$w", []]}]}, "once": true}})";

constexpr auto kRemoveWaiter =
    R"({"$set": {"w": {"$filter": {"input": "$w", "cond": {"$ne": ["$$this.id", "$r.id"]}}}}})";

/// A release with `keep`: the holder entry stays until since + keep, so the lock stays taken. kRemoveHolder follows,
/// for a holder whose `keep` is over. Nobody owns the kept entry: a renewal that is still on its way must not find it.
/// A revoked entry does not stay.
constexpr auto kKeepHolder = R"({"$set": {"h": {"$map": {"input": "$h", "in": {"$cond": [
  {"$and": [{"$eq": ["$$this.id", "$r.id"]}, {"$not": ["$$this.revoked"]},
    {"$gt": [{"$add": ["$$this.since", "$r.keep"]}, "$now"]}]},
  {"$mergeObjects": ["$$this", {"id": {"$concat": ["$$this.id", "/kept"]},
    "until": {"$add": ["$$this.since", "$r.keep"]}, "announced": true}]},
  "$$this"]}}}}})";

/// Leaves a tombstone: if a request with this id arrives late, it must not be admitted.
constexpr auto kBury = R"({"$set": {"g": {"$cond": [{"$in": ["$r.id", "$g.id"]}, "$g",
  {"$concatArrays": ["$g", [{"id": "$r.id", "until": {"$add": ["$now", "$r.tomb"]}}]]}]}}})";

/// The new claim must not be larger than the old one: a larger claim would have to wait for the others. And this amend
/// must be later than the last amend of this holder, so that a late copy undoes nothing.
constexpr auto kAmend = R"({"$set": {"h": {"$map": {"input": "$h", "in": {"$cond": [
  {"$and": [{"$eq": ["$$this.id", "$r.id"]}, {"$not": ["$$this.revoked"]}, {"$gt": ["$r.seq", "$$this.seq"]}, {"$or": [
    {"$and": ["$$this.exclusive", {"$lte": ["$r.entry.weight", "$cap"]}]},
    {"$and": [{"$not": ["$r.entry.exclusive"]}, {"$lte": ["$r.entry.weight", "$$this.weight"]}]}]}]},
  {"id": "$$this.id", "exclusive": "$r.entry.exclusive", "weight": "$r.entry.weight", "delta": "$$this.delta",
   "since": "$$this.since", "until": "$$this.until", "fence": "$$this.fence", "who": "$$this.who",
   "client": "$$this.client", "announced": "$$this.announced", "value": "$r.entry.value", "seq": "$r.seq"},
  "$$this"]}}}}})";

/// `announced` becomes true, because nobody needs to tell this holder of its grant any more.
constexpr auto kRevoke = R"({"$set": {"h": {"$map": {"input": "$h", "in": {"$cond": [
  {"$eq": ["$$this.id", "$r.id"]}, {"$mergeObjects": ["$$this", {"revoked": true, "announced": true}]}, "$$this"]}}}}})";

/// Changes nothing if the capacity was changed after the sender saw it. So a late copy undoes nothing.
constexpr auto kResize = R"({"$set": {"cap": {"$cond": [
  {"$eq": [{"$cond": [{"$in": [{"$type": "$d.resized"}, ["int", "long"]]}, "$d.resized", 0]}, "$r.resized"]}, "$r.cap", "$cap"]}}})";
/// Removes waiters that do not fit any more. At the head of the queue they would wait forever.
constexpr auto kDropHeavy = R"({"$set": {"w": {"$filter": {"input": "$w", "cond":
  {"$or": ["$$this.exclusive", {"$lte": ["$$this.weight", "$cap"]}]}}}}})";

/// The query of a renewal makes sure that there is an entry to move: a holder ($$me) that has not expired ($$cut), in a
/// lock that mongo-dlock has not taken meanwhile.
constexpr auto kAlive = R"({"$and": [{"$eq": ["$ct", "$mine"]}, {"$isArray": "$holders"},
  {"$in": [true, {"$map": {"input": "$holders", "in":
    {"$and": [{"$eq": ["$$this.id", "$$me"]}, {"$gt": ["$$this.until", "$$cut"]}, {"$not": ["$$this.revoked"]}]}}}]}]})";
constexpr auto kOurs = R"({"$eq": ["$ct", "$mine"]})";

/// Its size does not depend on the queue. Of the holders, it has only the first, $$me and the heirs.
constexpr auto kSummary = R"({"$cond": [
  {"$and": [{"$isArray": "$holders"}, {"$isArray": "$waiters"}, {"$isArray": "$gone"}]},
  {"$let": {"vars": {"w": {"$slice": ["$waiters", "$$n", 2147483647]}}, "in": {
   "me": "$$me", "first": {"$arrayElemAt": ["$holders", 0]}, "holders": {"$size": "$holders"},
   "next_end": {"$min": "$holders.until"},
   "some": {"$filter": {"input": "$holders", "cond":
     {"$or": [{"$eq": ["$$this.id", "$$me"]}, {"$not": ["$$this.announced"]}]}}},
   "place": {"$indexOfArray": ["$$w.id", "$$me"]}, "queue": {"$size": "$$w"},
   "dead": {"$in": ["$$me", "$gone.id"]}}}},
  null]})";

/// The entries to watch: all holders, and the waiters just before $$me.
constexpr auto kSigns = R"("signs": {"$map": {
  "input": {"$concatArrays": ["$holders", {"$slice": ["$waiters",
    {"$max": [0, {"$subtract": [{"$indexOfArray": ["$waiters.id", "$$me"]}, 3]}]}, 3]}]},
  "in": {"id": "$$this.id", "beat": "$$this.beat", "span": "$$this.span"}}})";

/// Release and cancel have two forms. In one of them, something of mine stays in the document (`keep`, `tomb`).
bool stays(const request& r) {
  return (r.op == operation::release && r.keep > 0) || (r.op == operation::cancel && r.tomb > 0);
}

/// The stages that locks with observed expiry have in another form.
struct forms {
  std::string purge, move_holder, move_waiter, append, grant, finish, keep, amend, take, renewed;
};

forms usual_forms() {
  return {.purge = kPurge,
          .move_holder = kMoveHolder,
          .move_waiter = kMoveWaiter,
          .append = kAppend,
          .grant = kGrant,
          .finish = kFinish,
          .keep = kKeepHolder,
          .amend = kAmend,
          .take = kTakeHolders,
          .renewed = kRenewed};
}

/// `more` is inserted before the field `before` of an entry.
std::string with(const char* text, std::string more, const char* before) {
  return replaced(text, before, std::move(more) + ", " + before);
}

forms observed_forms() {
  return {.purge = kExpire,
          .move_holder = with(kMoveHolder, kHeldBeat, R"("announced": true)"),
          .move_waiter = with(kMoveWaiter, kQueuedBeat, R"("until")"),
          .append = with(kAppend, kQueuedBeat, R"("since")"),
          .grant = with(kGrant, kGrantedBeat, R"("fence")"),
          .finish = kFinishObserved,
          .keep = kKeepObserved,
          .amend = with(kAmend, kSameBeat, R"("fence")"),
          .take = kTakeObserved,
          .renewed = kRenewedObserved};
}

std::vector<std::string> stages(operation op, bool stays, const forms& f) {
  switch (op) {
    case operation::try_:
      return {f.purge, kIsNew, kOnce, f.move_holder, f.append, kAdmit, f.grant, f.finish};
    case operation::enqueue:
      return {f.purge, kIsNew, f.move_holder, f.move_waiter, f.append, kAdmit, f.grant, f.finish};
    case operation::heartbeat:
      return {f.purge, f.move_holder, f.move_waiter, kAdmit, f.grant, f.finish};
    case operation::peek:
      return {};
    case operation::renew:
      return {f.take, f.move_holder, f.renewed};
    case operation::release:
      if (stays) return {f.purge, f.keep, kRemoveHolder, kAdmit, f.grant, f.finish};
      return {f.purge, kRemoveHolder, kAdmit, f.grant, f.finish};
    case operation::cancel:
      if (stays) return {f.purge, kRemoveHolder, kRemoveWaiter, kBury, kAdmit, f.grant, f.finish};
      return {f.purge, kRemoveHolder, kRemoveWaiter, kAdmit, f.grant, f.finish};
    case operation::amend:
      return {f.purge, f.move_holder, f.amend, kAdmit, f.grant, f.finish};
    case operation::revoke:
      return {f.purge, kRevoke, kAdmit, f.grant, f.finish};
    case operation::resize:
      return {f.purge, kResize, kDropHeavy, kAdmit, f.grant, f.finish};
  }
  throw std::logic_error("dlock: pipeline: unknown operation");
}

using stage_list = std::vector<bson>;

const stage_list& constant_stages(const request& r) {
  // Never freed: a lease with static storage duration may still be released while the process ends.
  static const auto& parsed = *new auto([] {
    std::array<std::array<stage_list, 4>, static_cast<std::size_t>(operation::resize) + 1> out;
    const forms usual = usual_forms(), observed = observed_forms();
    for (std::size_t i = 0; i < out.size(); ++i) {
      const auto op = static_cast<operation>(i);
      for (const bool stays : {false, true}) {
        for (const auto& s : stages(op, stays, usual)) out[i][stays].push_back(parse(s));
        for (const auto& s : stages(op, stays, observed)) out[i][2 + stays].push_back(parse(s));
      }
    }
    return out;
  }());
  return parsed[static_cast<std::size_t>(r.op)][(r.observed ? 2U : 0U) + (stays(r) ? 1U : 0U)];
}

bson update(const request& r, const bson& now) {
  auto pipeline = make_bson();
  const auto wrap = r.observed ? observed_wrap_stage(literals(r), now) : wrap_stage(literals(r), cut(r, now), now);
  append(pipeline.get(), "0", wrap.get());
  int i = 1;
  for (const auto& stage : constant_stages(r)) append_parsed(pipeline.get(), std::to_string(i++), stage);
  return pipeline;
}

/// $$me
bson me(const request& r) {
  return single("me", single("$literal", r.id).get());
}

bson projection(const request& r, const bson& now) {
  static const auto& summary = *new bson(parse(kSummary));
  static const auto& with_signs = *new bson(parse(with(kSummary, kSigns, R"("me")")));
  return reply_projection(me(r), r.observed && watches(r) ? with_signs : summary, now);
}

/// Most operations search for the lock alone. Those that target a holder must tell whether it was there. So they search
/// for the holder, too, and find no document if mongo-dlock has taken the lock meanwhile.
bson query(const request& r, const bson& now) {
  static const auto& alive = *new bson(parse(kAlive));
  static const auto& ours = *new bson(parse(kOurs));
  auto q = make_bson();
  append(q.get(), "_id", r.lock);
  if (r.op == operation::resize) append(q.get(), "cap", single("$gt", std::int64_t{0}).get());
  if (targets_holder(r)) {
    auto holder = single("id", r.id);
    if (r.observed && r.op == operation::renew) bson_append_null(holder.get(), "revoked", -1);
    append(q.get(), "holders", single("$elemMatch", holder.get()).get());
    if (r.observed) {
      append_bool(q.get(), "observed", true);
    } else if (r.op != operation::renew) {
      append_parsed(q.get(), "$expr", ours);
    } else {
      auto vars = me(r);
      append(vars.get(), "cut", cut(r, now).get());
      append(q.get(), "$expr", let(vars, alive).get());
    }
  }
  return q;
}

}  // namespace

bson command(const request& r, const command_options& options) {
  if (only_reads(r)) return peek_command(r, options);
  const bson now = parse(options.now);
  auto c = make_bson();
  append(c.get(), "findAndModify", options.coll);
  append(c.get(), "query", query(r, now).get());
  append_array(c.get(), "update", update(r, now).get());
  append(c.get(), "fields", projection(r, now).get());
  append_options(c.get(), /*returns_new=*/true, creates(r), options);
  return c;
}

}  // namespace dlock::protocol
