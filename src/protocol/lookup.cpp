#include "protocol/lookup.hpp"

#include <algorithm>
#include <cctype>

#include "protocol/command_parts.hpp"
#include "protocol/plausible.hpp"
#include "protocol/read.hpp"
#include "protocol/reply.hpp"

namespace dlock::protocol {
namespace {

/// A regular expression that matches what begins with this text.
std::string beginning_with(const std::string& text) {
  std::string out = "^";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80 && std::isalnum(byte) == 0) out += '\\';
    out += c;
  }
  return out;
}

bson filter(const lookup& l) {
  if (!l.ids.empty()) {
    auto ids = make_bson();
    for (std::size_t i = 0; i < l.ids.size(); ++i) append(ids.get(), std::to_string(i), l.ids[i]);
    auto in = make_bson();
    append_array(in.get(), "$in", ids.get());
    return single("_id", in.get());
  }
  if (!l.id.empty()) return single("_id", single("$eq", l.id).get());
  auto id = make_bson();
  // Only strings: a document with another type of _id is not a lock.
  append(id.get(), "$gt", "");
  if (!l.prefix.empty()) bson_append_regex(id.get(), "$regex", -1, beginning_with(l.prefix).c_str(), "");
  return single("_id", id.get());
}

template <typename Entry, typename Parse>
std::vector<Entry> entries(const bson_t* d, const char* list, Parse parse) {
  std::vector<Entry> out;
  for_each_document(d, list, [&](const bson_t* entry) { out.push_back(parse(entry)); });
  return out;
}

waiter parse_waiter(const bson_t* e) {
  waiter w;
  w.id = read_string(e, "id");
  w.what.exclusive = read_flag(e, "exclusive", false);
  w.what.weight = read_number(e, "weight");
  w.delta = read_number(e, "delta");
  w.term = read_number(e, "term");
  w.seen = read_date(e, "seen").value_or(0);
  w.until = read_date(e, "until").value_or(0);
  w.who = read_string(e, "who");
  w.client = read_string(e, "client");
  w.since = read_date(e, "since").value_or(w.seen);
  w.value = read_string(e, "value");
  w.beat = read_number(e, "beat");
  w.span = read_number(e, "span");
  return w;
}

lockd_flag parse_lockd(const bson_t* d) {
  bson_iter_t it;
  if (!find_field(d, "lockd", it)) return lockd_flag::absent;
  if (BSON_ITER_HOLDS_BOOL(&it)) return bson_iter_bool(&it) ? lockd_flag::yes : lockd_flag::no;
  return lockd_flag::one;
}

}  // namespace

bson lookup_pipeline(const lookup& l, const std::string& now) {
  auto wrapped = make_bson();
  append(wrapped.get(), "d", "$$ROOT");
  append_parsed(wrapped.get(), "now", parse(now));
  auto stages = make_bson();
  append(stages.get(), "0", single("$match", filter(l).get()).get());
  append(stages.get(), "1", single("$sort", single("_id", std::int64_t{1}).get()).get());
  append(stages.get(), "2", single("$replaceWith", wrapped.get()).get());
  auto out = make_bson();
  append_array(out.get(), "pipeline", stages.get());
  return out;
}

snapshot parse_snapshot(const bson_t* s) {
  snapshot out;
  out.now = read_clock(s, "now");
  read_document(s, "d", [&](const bson_t* d) {
    out.id = read_string(d, "_id");
    out.valid = is_lock(d);
    if (out.valid) out.defect = defect(d, out.now);
    out.valid = out.valid && out.defect.empty();
    if (!out.valid) return;
    auto& w = out.what;
    w.fence = read_number(d, "fence");
    w.rev = read_number(d, "rev");
    w.cap = read_number(d, "cap");
    w.resized = read_integer(d, "resized");
    w.holders = entries<holder>(d, "holders", parse_holder);
    w.waiters = entries<waiter>(d, "waiters", parse_waiter);
    const auto admitted = std::min(w.waiters.size(), read_admitted(d));
    w.waiters.erase(w.waiters.begin(), w.waiters.begin() + static_cast<std::ptrdiff_t>(admitted));
    w.lockd = parse_lockd(d);
    w.ct = read_date(d, "ct");
    w.et = read_date(d, "et");
    w.mine = read_date(d, "mine");
    w.observed = is_observed(d);
    drop_strange_tokens(w, out.now);
  });
  return out;
}

ms skew_of(const document& d) {
  constexpr ms most = 3'600'000;
  ms latest = 0;
  for (const auto& h : d.holders) latest = std::max(latest, h.until);
  return d.et && latest > 0 ? std::clamp<ms>(*d.et - latest, 0, most) : 0;
}

}  // namespace dlock::protocol
