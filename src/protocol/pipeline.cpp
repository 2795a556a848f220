#include "protocol/pipeline.hpp"

#include <array>
#include <stdexcept>

// An update pipeline in MongoDB's own language. The first stage wraps the document so that everything is in reach by name:
//
//   was  the document as it was          d    the same, if it is a lock; else nothing (so that no stage can fail on it)
//   now  the server's clock, as a date   cut  entries with `until` <= cut have ended for others: now - r.skew
//   r    the request (all literals: no user string is ever an expression)
//
// The stages behind it are constants, one list for each operation; the last one unwraps. transition.cpp is the same in C++,
// and the reading order is the same.
namespace dlock::protocol {
namespace {

using text = std::string;

text all(std::initializer_list<text> parts, const char* op) {
  text out = text("{\"") + op + "\":[";
  bool first = true;
  for (const auto& p : parts) {
    if (!first) out += ',';
    out += p;
    first = false;
  }
  return out + "]}";
}
text and_(std::initializer_list<text> parts) { return all(parts, "$and"); }
text or_(std::initializer_list<text> parts) { return all(parts, "$or"); }
text max(const text& a, const text& b) { return all({a, b}, "$max"); }
text min(const text& a, const text& b) { return all({a, b}, "$min"); }
text add(const text& a, const text& b) { return all({a, b}, "$add"); }
text eq(const text& a, const text& b) { return all({a, b}, "$eq"); }
text gt(const text& a, const text& b) { return all({a, b}, "$gt"); }
text gte(const text& a, const text& b) { return all({a, b}, "$gte"); }
text concat(const text& a, const text& b) { return all({a, b}, "$concatArrays"); }
text if_null(const text& a, const text& b) { return all({a, b}, "$ifNull"); }
text at(const text& array, int i) { return all({array, std::to_string(i)}, "$arrayElemAt"); }
text not_(const text& a) { return "{\"$not\":[" + a + "]}"; }
text size(const text& a) { return "{\"$size\":" + a + "}"; }
text cond(const text& test, const text& then, const text& otherwise) { return all({test, then, otherwise}, "$cond"); }
text v(const char* path) { return text("\"$") + path + "\""; }
text s(const char* plain) { return text("\"") + plain + "\""; }
text n(std::int64_t i) { return "{\"$numberLong\":\"" + std::to_string(i) + "\"}"; }
text filter(const text& input, const text& keep) {
  return R"({"$filter":{"input":)" + input + R"(,"cond":)" + keep + "}}";
}
text map(const text& input, const text& in) { return R"({"$map":{"input":)" + input + R"(,"in":)" + in + "}}"; }
/// [{id: ...}] -> is r.id among them?
text has_me(const char* array) { return all({v("r.id"), text("\"$") + array + ".id\""}, "$in"); }
text first_or_array(const char* path) { return cond(R"({"$isArray":")" + text("$") + path + "\"}", v(path), "[]"); }

/// {"a": x, "b": y}
struct object {
  text body;
  object& set(const char* key, const text& value) {
    body += (body.empty() ? "\"" : ",\"") + text(key) + "\":" + value;
    return *this;
  }
  [[nodiscard]] text str() const { return "{" + body + "}"; }
};
text set_stage(const object& o) { return R"({"$set":)" + o.str() + "}"; }

const text kNoValue = "\"$$REMOVE\"";
const text kMinDate = R"({"$date":{"$numberLong":"-9223372036854775808"}})";
const text kMaxDate = R"({"$date":{"$numberLong":"9223372036854775807"}})";

/// A lock is {_id} alone, or has a date `et` and nothing of another type in our fields. Whatever else somebody
/// keeps in the collection is left as it is. `p` is the path of the document with its dot.
text is_lock(const text& p) {
  const auto path = [&](const char* f) { return "\"$" + p + f + "\""; };
  const auto is_date = [&](const char* f) { return and_({gte(path(f), kMinDate), all({path(f), kMaxDate}, "$lte")}); };
  const auto missing_or = [&](const char* f, const text& test) { return or_({all({path(f), "null"}, "$lte"), test}); };
  const auto count = [&](const char* f, std::int64_t low, std::int64_t limit) {
    return missing_or(f, and_({R"({"$isNumber":)" + path(f) + "}", gte(path(f), n(low)), all({path(f), n(limit)}, "$lt")}));
  };
  const auto list = [&](const char* f) { return missing_or(f, R"({"$isArray":)" + path(f) + "}"); };
  const text whole = p.empty() ? s("$$ROOT") : "\"$" + p.substr(0, p.size() - 1) + "\"";
  const text only_id = eq(size(R"({"$objectToArray":)" + whole + "}"), "1");
  return and_({or_({is_date("et"), only_id}), count("fence", 0, token_limit),
               count("rev", 0, std::int64_t{1} << 62), count("cap", 1, std::int64_t{1} << 53), list("holders"), list("waiters"),
               list("gone"), missing_or("ct", is_date("ct")), missing_or("mine", is_date("mine"))});
}

text is_foreign(const text& p) { return all({"\"$" + p + "ct\"", "\"$" + p + "mine\""}, "$ne"); }

/// claim `x` fits beside holders `h` under capacity `cap`
text fits(const text& h, const text& x, const text& cap) {
  const auto field = [](const text& of, const char* name) { return text("\"") + of + "." + name + "\""; };
  const text quoted = "\"" + h + "\"";
  return cond(eq(field(x, "exclusive"), "true"), eq(size(quoted), "0"),
              and_({not_(all({"true", field(h, "exclusive")}, "$in")),
                    or_({eq(cap, "0"), all({add(R"({"$sum":)" + field(h, "weight") + "}", field(x, "weight")), cap}, "$lte")})}));
}

text next_token(const text& last) {
  const text highest = max(last, v("r.floor"));
  return R"({"$toLong":)" +
         max(add(all({highest, all({highest, n(token_step)}, "$mod")}, "$subtract"), n(token_step)),
             all({R"({"$toLong":"$now"})", n(token_step)}, "$multiply")) + "}";
}

text moved_holder() {
  object o;
  o.set("until", max(s("$$this.until"), add(v("now"), v("r.delta")))).set("delta", v("r.delta")).set("announced", "true");
  return all({s("$$this"), o.str()}, "$mergeObjects");
}

text moved_waiter() {
  const text seen = max(s("$$this.seen"), v("now"));
  object o;
  o.set("seen", seen).set("until", max(s("$$this.until"), add(seen, v("r.life"))));
  return all({s("$$this"), o.str()}, "$mergeObjects");
}

text is_me() { return eq(s("$$this.id"), v("r.id")); }
text move_me(const char* array, const text& moved) { return map(v(array), cond(is_me(), moved, s("$$this"))); }

/// Waiter `x` (a variable) as the holder it becomes.
text admitted(const text& x, const text& fence) {
  const auto field = [&](const char* name) { return text("\"") + x + "." + name + "\""; };
  const text since = max(v("now"), field("seen"));
  const text own = eq(field("id"), v("r.id"));
  object o;
  o.set("id", field("id")).set("exclusive", field("exclusive")).set("weight", field("weight"));
  o.set("delta", field("delta")).set("since", since);
  o.set("until", add(since, cond(own, field("delta"), min(field("delta"), field("term")))));
  o.set("fence", fence).set("who", field("who")).set("client", field("client")).set("announced", own);
  return o.str();
}

/// The request as the waiter it becomes.
text new_waiter() {
  object o;
  o.set("id", v("r.id")).set("exclusive", if_null(v("r.exclusive"), kNoValue)).set("weight", if_null(v("r.weight"), kNoValue));
  o.set("delta", v("r.delta")).set("term", v("r.term")).set("seen", v("now")).set("until", add(v("now"), v("r.life")));
  o.set("who", v("r.who")).set("client", v("r.client"));
  return o.str();
}

text purged(const char* path) { return filter(first_or_array(path), gt(s("$$this.until"), v("cut"))); }

text facts_stages() {
  object facts;
  facts.set("ok", is_lock("was.")).set("cut", all({v("now"), v("r.skew")}, "$subtract"));
  object lock;
  lock.set("d", cond(v("ok"), v("was"), "{}"));
  return set_stage(facts) + "," + set_stage(lock);
}

/// f: token, h: holders, w: waiters, g: tombstones, all after the purge; foreign_live: mongo-dlock holds the lock.
text purge_stage() {
  object o;
  o.set("foreign", is_foreign("d.")).set("foreign_live", and_({is_foreign("d."), gt(v("d.et"), v("cut"))}));
  o.set("h", cond(is_foreign("d."), "[]", purged("d.holders"))).set("w", purged("d.waiters")).set("g", purged("d.gone"));
  o.set("f", if_null(v("d.fence"), n(0))).set("cap", if_null(v("d.cap"), n(0)));
  return set_stage(o);
}

text apply_stage(operation op) {
  const text held = has_me("h");
  const text queued = has_me("w");
  const text in_use = or_({gt(size(v("h")), "0"), gt(size(v("w")), "0")});
  const text refused = or_({has_me("g"), and_({in_use, all({v("cap"), v("r.cap")}, "$ne")}),
                            and_({gt(v("r.cap"), "0"), gt(v("r.weight"), v("r.cap"))})});
  object o;
  switch (op) {
    case operation::try_: {
      const text grant = and_({not_(v("foreign_live")), eq(size(v("w")), "0"), fits("$h", "$r", v("r.cap"))});
      o.set("h", cond(held, move_me("h", moved_holder()),
                      cond(or_({queued, refused}), v("h"),
                           cond(grant, concat(v("h"), text(R"([{"$let":{"vars":{"x":)") + new_waiter() + R"(},"in":)" +
                                                          admitted("$$x", next_token(v("f"))) + "}}]"),
                                v("h")))));
      o.set("f", cond(or_({held, queued, refused, not_(grant)}), v("f"), next_token(v("f"))));
      o.set("cap", cond(or_({held, queued, refused}), v("cap"), v("r.cap")));
      break;
    }
    case operation::enqueue:
      o.set("h", move_me("h", moved_holder()));
      o.set("w", cond(held, v("w"),
                      cond(queued, move_me("w", moved_waiter()),
                           cond(refused, v("w"), concat(v("w"), "[" + new_waiter() + "]")))));
      o.set("cap", cond(or_({held, queued, refused}), v("cap"), v("r.cap")));
      break;
    case operation::heartbeat:
      o.set("h", move_me("h", moved_holder())).set("w", move_me("w", moved_waiter()));
      break;
    case operation::release: {
      const text kept_until = add(s("$$this.since"), v("r.keep"));
      const text keeps = and_({gt(v("r.keep"), "0"), gt(kept_until, v("now"))});
      object shortened;
      shortened.set("until", kept_until).set("announced", "true");
      o.set("h", map(filter(v("h"), or_({not_(is_me()), keeps})),
                     cond(is_me(), all({s("$$this"), shortened.str()}, "$mergeObjects"), s("$$this"))));
      break;
    }
    case operation::cancel:
      o.set("h", filter(v("h"), not_(is_me()))).set("w", filter(v("w"), not_(is_me())));
      o.set("g", cond(or_({eq(v("r.tomb"), "0"), has_me("g")}), v("g"),
                      concat(v("g"), R"([{"id":"$r.id","until":)" + add(v("now"), v("r.tomb")) + "}]")));
      break;
    case operation::renew:
      break;
  }
  return set_stage(o);
}

/// The head of the queue is admitted while it fits, and nobody passes it.
text admit_stages() {
  object start;
  start.set("go", and_({not_(v("foreign_live")), gt(size(v("w")), "0"),
                        R"({"$let":{"vars":{"x":)" + at(v("w"), 0) + R"(},"in":)" + fits("$h", "$$x", v("cap")) + "}}"}));
  object step;
  step.set("h", concat(s("$$value.h"), "[" + admitted("$$this", next_token(s("$$value.f"))) + "]"));
  step.set("f", next_token(s("$$value.f"))).set("k", add(s("$$value.k"), "1")).set("go", "true");
  object halt;
  halt.set("go", "false");
  const text walk = R"({"$reduce":{"input":"$w","initialValue":{"h":"$h","f":"$f","k":0,"go":true},"in":)" +
                    cond(and_({s("$$value.go"), fits("$$value.h", "$$this", v("cap"))}), step.str(),
                         all({s("$$value"), halt.str()}, "$mergeObjects")) +
                    "}}";
  object walked;
  walked.set("a", cond(v("go"), walk, R"({"h":"$h","f":"$f","k":0})"));
  return set_stage(start) + "," + set_stage(walked);
}

text finish_stages() {
  const text free = eq(size(v("a.h")), "0");
  const text granted = all({v("a.f"), if_null(v("d.fence"), n(0))}, "$ne");
  object clock;
  clock.set("ct", cond(or_({all({v("d.ct"), "null"}, "$lte"), v("foreign"), granted}), v("now"), v("d.ct")));
  const auto theirs = [](const char* path) { return if_null(v(path), kNoValue); };
  object o;
  o.set("_id", v("was._id")).set("fence", v("a.f")).set("rev", R"({"$toLong":)" + add(if_null(v("d.rev"), n(0)), "1") + "}");
  o.set("cap", cond(eq(v("cap"), "0"), kNoValue, v("cap"))).set("holders", v("a.h"));
  o.set("waiters", cond(eq(v("a.k"), "0"), v("w"), all({v("w"), v("a.k"), size(v("w"))}, "$slice")));
  o.set("gone", cond(eq(size(v("g")), "0"), kNoValue, v("g")));
  o.set("lockd", cond(v("foreign_live"), theirs("d.lockd"), cond(free, kNoValue, "1")));
  o.set("ct", cond(v("foreign_live"), v("d.ct"), v("ct"))).set("mine", cond(v("foreign_live"), theirs("d.mine"), v("ct")));
  o.set("et", cond(v("foreign_live"), v("d.et"), cond(free, v("now"), add(R"({"$max":"$a.h.until"})", v("r.skew")))));
  return set_stage(clock) + R"(,{"$replaceWith":)" + cond(v("ok"), o.str(), v("was")) + "}";
}

/// Touches nobody else, purges nothing, admits nobody.
text renew_stages() {
  const text alive = and_({is_me(), gt(s("$$this.until"), v("cut"))});
  object holders;
  holders.set("h", cond(is_foreign("d."), "[]", first_or_array("d.holders")));
  object moved;
  moved.set("ok", and_({v("ok"), gt(size(filter(v("h"), alive)), "0")}));
  moved.set("h", map(v("h"), cond(alive, moved_holder(), s("$$this"))));
  object o;
  o.set("holders", v("h")).set("et", add(R"({"$max":"$h.until"})", v("r.skew")));
  o.set("rev", R"({"$toLong":)" + add(if_null(v("d.rev"), n(0)), "1") + "}");
  return set_stage(holders) + "," + set_stage(moved) + R"(,{"$replaceWith":)" +
         cond(v("ok"), all({v("was"), o.str()}, "$mergeObjects"), v("was")) + "}";
}

bson parse(const text& json) {
  bson_error_t error;
  bson b{bson_new_from_json(reinterpret_cast<const std::uint8_t*>(json.data()), static_cast<ssize_t>(json.size()), &error)};
  if (!b) throw std::logic_error(text("dlock: pipeline: ") + error.message + " in " + json);
  return b;
}

text stages(operation op) {
  if (op == operation::renew) return facts_stages() + "," + renew_stages();
  return facts_stages() + "," + purge_stage() + "," + apply_stage(op) + "," + admit_stages() + "," + finish_stages();
}

/// The constant stages of an operation, parsed once.
const bson_t* constant_stages(operation op) {
  static const std::array<bson, 6> parsed = [] {
    std::array<bson, 6> out;
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = parse(R"({"p":[)" + stages(static_cast<operation>(i)) + "]}");
    return out;
  }();
  return parsed[static_cast<std::size_t>(op)].get();
}

/// The reply, from the document as it is now. It must be total: a projection that fails does so after the update.
/// Sees $$me, $$now and $$cut.
const bson_t* constant_projection() {
  static const bson parsed = [] {
    const text ours = and_({is_lock(""), not_(is_foreign(""))});
    object lists;
    lists.set("h", cond(ours, filter(first_or_array("holders"), gt(s("$$this.until"), s("$$cut"))), "[]"));
    lists.set("w", cond(is_lock(""), first_or_array("waiters"), "[]"));
    lists.set("g", cond(is_lock(""), first_or_array("gone"), "[]"));
    object first;
    first.set("who", s("$$x.who")).set("fence", s("$$x.fence")).set("until", s("$$x.until"));
    object heir;
    heir.set("id", s("$$this.id")).set("client", s("$$this.client")).set("fence", s("$$this.fence"));
    heir.set("until", s("$$this.until"));
    object o;
    o.set("valid", is_lock("")).set("now", s("$$now")).set("rev", v("rev")).set("fence", v("fence")).set("cap", v("cap"));
    o.set("mine", at(filter(s("$$h"), eq(s("$$this.id"), s("$$me"))), 0));
    o.set("place", all({s("$$w.id"), s("$$me")}, "$indexOfArray")).set("dead", all({s("$$me"), s("$$g.id")}, "$in"));
    o.set("holders", size(s("$$h"))).set("queue", size(s("$$w")));
    o.set("first", cond(eq(size(s("$$h")), "0"), kNoValue,
                        R"({"$let":{"vars":{"x":)" + at(s("$$h"), 0) + R"(},"in":)" + first.str() + "}}"));
    o.set("next_end", R"({"$min":"$$h.until"})");
    o.set("foreign_until", cond(and_({is_lock(""), is_foreign("")}), v("et"), kNoValue));
    o.set("heirs", map(filter(s("$$h"), eq(s("$$this.announced"), "false")), heir.str()));
    return parse(R"({"e":{"$let":{"vars":)" + lists.str() + R"(,"in":)" + o.str() + "}}}");
  }();
  return parsed.get();
}

void append_value(bson_t* to, const char* key, const bson_t* from, const char* field) {
  bson_iter_t it;
  if (!bson_iter_init_find(&it, from, field)) throw std::logic_error(text("dlock: pipeline: no ") + field);
  bson_append_value(to, key, -1, bson_iter_value(&it));
}

bson literals(const request& r) {
  auto b = make_bson();
  append(b.get(), "id", r.id);
  if (r.what.exclusive) {
    append_bool(b.get(), "exclusive", true);
  } else {
    append(b.get(), "weight", r.what.weight);
  }
  append(b.get(), "cap", r.cap);
  append(b.get(), "delta", r.delta);
  append(b.get(), "life", r.life);
  append(b.get(), "term", r.term);
  append(b.get(), "skew", r.skew);
  append(b.get(), "keep", r.keep);
  append(b.get(), "tomb", r.tomb);
  append(b.get(), "floor", r.floor);
  append(b.get(), "who", r.who);
  append(b.get(), "client", r.client);
  return b;
}

bson literal(const bson_t* value) {
  auto b = make_bson();
  append(b.get(), "$literal", value);
  return b;
}

bson wrap_stage(const request& r, const bson_t* now) {
  auto wrap = make_bson();
  append(wrap.get(), "was", "$$ROOT");
  append(wrap.get(), "r", literal(literals(r).get()).get());
  append_value(wrap.get(), "now", now, "e");
  auto stage = make_bson();
  append(stage.get(), "$replaceWith", wrap.get());
  return stage;
}

bson update(const request& r, const bson_t* now) {
  auto pipeline = make_bson();
  append(pipeline.get(), "0", wrap_stage(r, now).get());
  bson_iter_t it, stage;
  int i = 1;
  if (bson_iter_init_find(&it, constant_stages(r.op), "p") && bson_iter_recurse(&it, &stage)) {
    while (bson_iter_next(&stage)) bson_append_value(pipeline.get(), std::to_string(i++).c_str(), -1, bson_iter_value(&stage));
  }
  return pipeline;
}

bson projection(const request& r, const bson_t* now) {
  auto me = make_bson();
  append(me.get(), "$literal", r.id);
  auto cut_args = make_bson();
  append_value(cut_args.get(), "0", now, "e");
  append(cut_args.get(), "1", r.skew);
  auto cut = make_bson();
  append_array(cut.get(), "$subtract", cut_args.get());
  auto vars = make_bson();
  append(vars.get(), "me", me.get());
  append_value(vars.get(), "now", now, "e");
  append(vars.get(), "cut", cut.get());
  auto let = make_bson();
  append(let.get(), "vars", vars.get());
  append_value(let.get(), "in", constant_projection(), "e");
  auto field = make_bson();
  append(field.get(), "$let", let.get());
  auto fields = make_bson();
  append(fields.get(), "_id", std::int64_t{0});
  append(fields.get(), "r", field.get());
  return fields;
}

/// Most operations look for the lock alone. A release must tell whether it released: it looks for its holder, too, and
/// finds nothing if mongo-dlock took the lock meanwhile.
bson query(const request& r) {
  auto q = make_bson();
  append(q.get(), "_id", r.lock);
  if (r.op == operation::release) {
    append(q.get(), "holders.id", r.id);
    static const bson ours = parse(R"({"e":{"$eq":["$ct","$mine"]}})");
    append_value(q.get(), "$expr", ours.get(), "e");
  }
  return q;
}

}  // namespace

bson command(const request& r, const command_options& options) {
  const bson now = parse(R"({"e":)" + options.now + "}");
  auto c = make_bson();
  append(c.get(), "findAndModify", options.coll);
  append(c.get(), "query", query(r).get());
  append_array(c.get(), "update", update(r, now.get()).get());
  append(c.get(), "fields", projection(r, now.get()).get());
  append_bool(c.get(), "new", true);
  append_bool(c.get(), "upsert", creates(r));
  auto concern = make_bson();
  append(concern.get(), "w", "majority");
  if (options.limit > 0) {
    append(concern.get(), "wtimeout", options.limit);
    append(c.get(), "maxTimeMS", options.limit);
  }
  append(c.get(), "writeConcern", concern.get());
  return c;
}

}  // namespace dlock::protocol
