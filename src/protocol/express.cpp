#include "protocol/express.hpp"

#include <memory>
#include <string>
#include <utility>

#include "protocol/command_parts.hpp"
#include "protocol/plausible.hpp"
#include "protocol/read.hpp"
#include "protocol/reply.hpp"
#include "protocol/short_form.hpp"

namespace dlock::protocol {
namespace {

// <now> and <cap> stand for the server's clock, and for the type of `cap`.

/// A lock of ours with numbers that dlock has written, and with room below the end of tokens. No waiters, no
/// tombstones, and nothing left from a queue: so there is nothing to purge, and nobody to admit.
constexpr auto kQuiet = R"({"$and": [
  {"$eq": [["$waiters", "$gone", "$mine", {"$type": "$et"}, {"$type": "$ct"}, {"$type": "$fence"}, {"$type": "$rev"},
            {"$type": "$admitted"}, {"$type": "$cap"}],
           [[], [], "$ct", "date", "date", "long", "long", "missing", "<cap>"]]},
  {"$lt": ["$fence", {"$multiply": [{"$toLong": {"$add": [<now>, {"$numberLong": "31535990000"}]}}, 1000]}]}]})";

/// The same, and the only holder has not expired. Not even for its owner: there is no clock_skew in it.
constexpr auto kQuietAndHeld = R"({"$and": [<quiet>, {"$gt": [{"$max": "$holders.until"}, <now>]}]})";

/// The token, as in stages.hpp. The query has made sure that `fence` is not below the floor.
constexpr auto kToken = R"({"$add": [1000, {"$trunc": [
  {"$max": ["$fence", {"$subtract": [{"$multiply": [{"$toLong": <now>}, 1000]}, 1]}]}, -3]}]})";

constexpr auto kRevRange = R"({"$gte": 0, "$lt": {"$numberLong": "9007199254740000"}})";
constexpr auto kNextRev = R"({"$add": ["$rev", {"$numberLong": "1"}]})";
constexpr auto kProjection = R"({"_id": 0, "fence": 1, "rev": 1, "cap": 1, "resized": 1, "ct": 1})";
constexpr auto kProjectionOfRenewal =
    R"({"_id": 0, "fence": 1, "rev": 1, "cap": 1, "resized": 1, "ct": <now>, "holders": 1})";

/// What is the same in all commands.
struct pieces {
  explicit pieces(const std::string& clock)
      : now(parse(clock)),
        token(parse(replaced(kToken, "<now>", clock))),
        rev_range(parse(kRevRange)),
        next_rev(parse(kNextRev)),
        projection(parse(kProjection)),
        projection_of_renewal(parse(replaced(kProjectionOfRenewal, "<now>", clock))) {
    for (const bool has_cap : {false, true}) {
      const auto text = replaced(kQuiet, "<cap>", has_cap ? "long" : "missing");
      quiet[has_cap] = parse(replaced(text, "<now>", clock));
      quiet_and_held[has_cap] = parse(replaced(replaced(kQuietAndHeld, "<quiet>", text), "<now>", clock));
    }
  }

  bson now, token, rev_range, next_rev, projection, projection_of_renewal;
  bson quiet[2], quiet_and_held[2];  // without and with a capacity
};

/// Parsed once per process, and never freed: a lease with static storage duration may still be released while the
/// process ends.
const pieces& usual_pieces() {
  static const auto& parsed = *new pieces(command_options{}.now);
  return parsed;
}

bool takes(const request& r) noexcept {
  return r.op == operation::try_ || r.op == operation::enqueue;
}

bson query(const request& r, const pieces& p) {
  const bool renews = r.op == operation::renew;
  auto q = make_bson();
  append(q.get(), "_id", r.lock);
  append(q.get(), "holders", single("$size", std::int64_t{takes(r) ? 0 : 1}).get());
  if (!takes(r)) append(q.get(), "holders.id", r.id);
  if (renews) {
    auto never = make_bson();
    append_bool(never.get(), "$exists", false);
    append(q.get(), "holders.revoked", never.get());
  }
  append(q.get(), "fence", single("$gte", takes(r) ? r.floor : 0).get());
  append_parsed(q.get(), "rev", p.rev_range);
  if (takes(r) && r.cap > 0) append(q.get(), "cap", r.cap);
  append_parsed(q.get(), "$expr", (renews ? p.quiet_and_held : p.quiet)[r.cap > 0]);
  return q;
}

/// now + `delta`
bson later(const pieces& p, ms delta) {
  auto terms = make_bson();
  append_parsed(terms.get(), "0", p.now);
  append(terms.get(), "1", delta);
  auto b = make_bson();
  append_array(b.get(), "$add", terms.get());
  return b;
}

/// {"$max": [{"$add": [{"$max": "$holders.until"}, more]}, now + delta + more]}: the `until` of the only holder never
/// goes back.
bson extended(const request& r, const pieces& p, ms more) {
  auto last = make_bson();
  append(last.get(), "0", single("$max", "$holders.until").get());
  append(last.get(), "1", more);
  auto sum = make_bson();
  append_array(sum.get(), "$add", last.get());
  auto both = make_bson();
  append(both.get(), "0", sum.get());
  append(both.get(), "1", later(p, r.delta + more).get());
  auto b = make_bson();
  append_array(b.get(), "$max", both.get());
  return b;
}

/// The entry of the holder. All strings of a user are under $literal.
bson new_holder(const request& r, const pieces& p) {
  auto constant = make_bson();
  append(constant.get(), "id", r.id);
  if (r.what.exclusive) {
    append_bool(constant.get(), "exclusive", true);
  } else {
    append(constant.get(), "weight", r.what.weight);
  }
  append(constant.get(), "delta", r.delta);
  append(constant.get(), "who", r.who);
  append(constant.get(), "client", r.client);
  append_bool(constant.get(), "announced", true);
  if (!r.value.empty()) append(constant.get(), "value", r.value);
  auto times = make_bson();
  append_parsed(times.get(), "since", p.now);
  append(times.get(), "until", later(p, r.delta).get());
  append_parsed(times.get(), "fence", p.token);
  auto both = make_bson();
  append(both.get(), "0", single("$literal", constant.get()).get());
  append(both.get(), "1", times.get());
  auto b = make_bson();
  append_array(b.get(), "$mergeObjects", both.get());
  return b;
}

/// A renewal changes only what it names, like the full one.
bson renewed(const request& r, const pieces& p) {
  auto set = make_bson();
  append(set.get(), "holders.until", extended(r, p, 0).get());
  append(set.get(), "holders.delta", r.delta);
  append_bool(set.get(), "holders.announced", true);
  append(set.get(), "et", extended(r, p, r.skew).get());
  append_parsed(set.get(), "rev", p.next_rev);
  return single("$set", set.get());
}

/// The document is written anew, so that fields that this version does not know are gone (docs/protocol.md,
/// "Versions").
bson changed(const request& r, const pieces& p) {
  auto d = make_bson();
  append(d.get(), "_id", "$_id");
  if (takes(r)) {
    append_parsed(d.get(), "fence", p.token);
  } else {
    append(d.get(), "fence", "$fence");
  }
  append_parsed(d.get(), "rev", p.next_rev);
  append(d.get(), "cap", "$cap");
  append(d.get(), "resized", "$resized");
  const auto none = make_bson();
  auto holders = make_bson();
  if (takes(r)) append(holders.get(), "0", new_holder(r, p).get());
  append_array(d.get(), "holders", holders.get());
  append_array(d.get(), "waiters", none.get());
  append_array(d.get(), "gone", none.get());
  if (takes(r)) bson_append_int32(d.get(), "lockd", -1, 1);
  append_parsed(d.get(), "ct", p.now);
  if (takes(r)) {
    append(d.get(), "et", later(p, r.delta + r.skew).get());
  } else {
    append_parsed(d.get(), "et", p.now);
  }
  append_parsed(d.get(), "mine", p.now);
  return single("$replaceWith", d.get());
}

/// The holder that the command has written: the answer does not repeat it.
holder taken(const request& r, const reply& a) {
  return {.id = r.id,
          .what = {r.what.exclusive, r.what.exclusive ? 0 : r.what.weight},
          .delta = r.delta,
          .since = a.now,
          .until = a.now + r.delta,
          .fence = a.fence,
          .who = r.who,
          .client = r.client,
          .value = r.value};
}

}  // namespace

bool has_express_form(const request& r) noexcept {
  if (r.observed) return false;
  if (r.op == operation::release) return r.keep == 0;
  const bool fits = r.what.exclusive || r.cap == 0 || r.what.weight <= r.cap;
  return r.op == operation::renew || (takes(r) && fits);
}

form form_of(const request& r) noexcept {
  if (r.how == form::express && has_express_form(r)) return form::express;
  return r.how != form::whole && has_short_form(r) ? form::brief : form::whole;
}

/// A try that finds the lock in use in one form finds it so in the other one, too.
request in_next_form(request r) {
  r.how = form_of(r) == form::express && r.op != operation::try_ ? form::brief : form::whole;
  return r;
}

bool may_be_early(const request& r) noexcept {
  return r.early && r.op == operation::release && form_of(r) == form::express;
}

bson express_command(const request& r, const command_options& options) {
  const bool usual = options.now == command_options{}.now;
  const auto special = usual ? nullptr : std::make_unique<pieces>(options.now);
  const pieces& p = usual ? usual_pieces() : *special;
  auto pipeline = make_bson();
  append(pipeline.get(), "0", (r.op == operation::renew ? renewed : changed)(r, p).get());
  auto c = make_bson();
  append(c.get(), "findAndModify", options.coll);
  append(c.get(), "query", query(r, p).get());
  append_array(c.get(), "update", pipeline.get());
  append_parsed(c.get(), "fields", r.op == operation::renew ? p.projection_of_renewal : p.projection);
  append_options(c.get(), /*returns_new=*/true, /*upsert=*/false, options);
  return c;
}

std::optional<reply> parse_express_reply(const bson_t* server_reply, const request& r) {
  std::optional<reply> out;
  read_document(server_reply, "value", [&](const bson_t* d) {
    out.emplace();
    auto& a = *out;
    a.found = a.calm = true;
    a.now = read_clock(d, "ct");
    a.rev = read_number(d, "rev");
    a.fence = read_number(d, "fence");
    a.cap = read_number(d, "cap");
    a.resized = read_integer(d, "resized");
    if (r.op == operation::release) return;
    const auto holders = read_holders_of(d, "holders");
    a.mine = holders.size() == 1 ? holders.front() : taken(r, a);
    a.holders = 1;
    a.first = {a.mine->who, a.mine->fence, a.mine->until};
    a.next_end = a.mine->until;
    drop_strange_tokens(a);
  });
  return out;
}

}  // namespace dlock::protocol
