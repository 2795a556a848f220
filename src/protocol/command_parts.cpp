#include "protocol/command_parts.hpp"

#include <algorithm>
#include <stdexcept>

#include "protocol/observed_stages.hpp"
#include "protocol/stages.hpp"

namespace dlock::protocol {

/// The first term of an heir is never longer than its lease.
bson entry(const request& r) {
  auto b = make_bson();
  append(b.get(), "id", r.id);
  if (r.what.exclusive) {
    append_bool(b.get(), "exclusive", true);
  } else {
    append(b.get(), "weight", r.what.weight);
  }
  append(b.get(), "delta", r.delta);
  append(b.get(), "term", std::min(r.term, r.delta));
  append(b.get(), "who", r.who);
  append(b.get(), "client", r.client);
  if (!r.value.empty()) append(b.get(), "value", r.value);
  return b;
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  auto at = text.find(what);
  if (at == std::string::npos) throw std::logic_error("dlock: pipeline: no " + std::string(what) + " in " + text);
  for (; at != std::string::npos; at = text.find(what, at + by.size())) text.replace(at, what.size(), by);
  return text;
}

bson parse(const std::string& json) {
  const std::string whole = R"({"e": )" + json + "}";
  bson_error_t error;
  bson b{bson_new_from_json(reinterpret_cast<const std::uint8_t*>(whole.data()), static_cast<ssize_t>(whole.size()),
                            &error)};
  if (!b) throw std::logic_error(std::string("dlock: pipeline: ") + error.message + " in " + json);
  return b;
}

void append_parsed(bson_t* to, std::string_view key, const bson& parsed) {
  bson_iter_t it;
  if (!bson_iter_init_find(&it, parsed.get(), "e")) throw std::logic_error("dlock: pipeline: nothing parsed");
  bson_append_value(to, key.data(), static_cast<int>(key.size()), bson_iter_value(&it));
}

namespace {

bson pulses(const request& r) {
  auto list = make_bson();
  int i = 0;
  for (const auto& p : r.expire) {
    auto one = single("id", p.id);
    append(one.get(), "beat", p.beat);
    if (watches(r)) append(list.get(), std::to_string(i++), one.get());
  }
  return list;
}

}  // namespace

bson literals(const request& r) {
  auto b = make_bson();
  append(b.get(), "id", r.id);
  append(b.get(), "entry", entry(r).get());
  append_bool(b.get(), "too_heavy", r.cap > 0 && r.what.weight > r.cap);
  append(b.get(), "keep", r.keep);
  append(b.get(), "tomb", r.tomb);
  append(b.get(), "seq", r.seq);
  append(b.get(), "resized", r.resized);
  if (r.observed) append_array(b.get(), "expire", pulses(r).get());
  append_common(b.get(), r);
  return single("$literal", b.get());
}

void append_common(bson_t* to, const request& r) {
  append(to, "cap", r.cap == 0 ? unbounded : r.cap);
  append(to, "delta", r.delta);
  append(to, "life", r.life);
  append(to, "skew", r.skew);
  append(to, "floor", r.floor);
}

namespace {

/// $$now
bson now_as_variable(const bson& now) {
  auto vars = make_bson();
  append_parsed(vars.get(), "now", now);
  return vars;
}

}  // namespace

bson wrap_stage(const bson& literal_request, const bson& cut, const bson& now) {
  static const auto& lock = *new bson(parse(stage::kLock));
  auto wrap = make_bson();
  append(wrap.get(), "was", "$$ROOT");
  append(wrap.get(), "d", let(now_as_variable(now), lock).get());
  append_parsed(wrap.get(), "now", now);
  append(wrap.get(), "cut", cut.get());
  append_parsed(wrap.get(), "n", admitted());
  append(wrap.get(), "r", literal_request.get());
  return single("$replaceWith", wrap.get());
}

const bson& admitted() {
  static const auto& parsed = *new bson(parse(stage::kAdmitted));
  return parsed;
}

bson observed_wrap_stage(const bson& literal_request, const bson& now) {
  static const auto& lock = *new bson(parse(stage::kObservedLock));
  auto wrap = make_bson();
  append(wrap.get(), "was", "$$ROOT");
  append(wrap.get(), "d", let(now_as_variable(now), lock).get());
  append_parsed(wrap.get(), "now", now);
  append(wrap.get(), "r", literal_request.get());
  return single("$replaceWith", wrap.get());
}

bson let(const bson& vars, const bson& in) {
  auto b = make_bson();
  append(b.get(), "vars", vars.get());
  append_parsed(b.get(), "in", in);
  return single("$let", b.get());
}

bson reply_projection(bson vars, const bson& summary, const bson& now) {
  append_parsed(vars.get(), "n", admitted());
  auto b = make_bson();
  append(b.get(), "_id", std::int64_t{0});
  for (const char* field : {"fence", "rev", "cap", "resized", "ct", "et", "mine", "observed"})
    append(b.get(), field, std::int64_t{1});
  append_parsed(b.get(), "now", now);
  append(b.get(), "r", let(vars, summary).get());
  return b;
}

bson cut(const request& r, const bson& now) {
  auto arguments = make_bson();
  append_parsed(arguments.get(), "0", now);
  append(arguments.get(), "1", r.skew);
  auto b = make_bson();
  append_array(b.get(), "$subtract", arguments.get());
  return b;
}

void append_options(bson_t* command, bool returns_new, bool upsert, const command_options& options) {
  append_bool(command, "new", returns_new);
  append_bool(command, "upsert", upsert);
  auto concern = make_bson();
  if (options.majority) {
    append(concern.get(), "w", "majority");
    if (options.limit > 0) append(concern.get(), "wtimeout", options.limit);
  } else {
    append(concern.get(), "w", std::int64_t{1});
  }
  if (options.limit > 0) append(command, "maxTimeMS", options.limit);
  append(command, "writeConcern", concern.get());
}

}  // namespace dlock::protocol
