#include "protocol/reply.hpp"

#include <algorithm>
#include <limits>

#include "protocol/plausible.hpp"
#include "protocol/read.hpp"

namespace dlock::protocol {
namespace {

bool is_number_or_missing(const bson_t* in, const char* key) {
  bson_iter_t it;
  return !find_field(in, key, it) || BSON_ITER_HOLDS_NUMBER(&it);
}

/// Whether the field is absent, or is a number from 0 to below `end`.
bool is_below(const bson_t* in, const char* key, std::int64_t end) {
  bson_iter_t it;
  if (!find_field(in, key, it)) return true;
  if (!BSON_ITER_HOLDS_DOUBLE(&it)) return bson_iter_as_int64(&it) >= 0 && bson_iter_as_int64(&it) < end;
  return bson_iter_double(&it) >= 0 && bson_iter_double(&it) < static_cast<double>(end);
}

bool is_date_or_missing(const bson_t* in, const char* key) {
  bson_iter_t it;
  return !find_field(in, key, it) || BSON_ITER_HOLDS_DATE_TIME(&it);
}

std::optional<std::vector<holder>> read_holders(const bson_t* d) {
  bson_iter_t it;
  if (!find_field(d, "holders", it) || !BSON_ITER_HOLDS_ARRAY(&it)) return std::nullopt;
  return read_holders_of(d, "holders");
}

/// A number that the server has counted.
std::int64_t read_count(const bson_t* in, const char* key, std::int64_t otherwise) {
  return std::clamp<std::int64_t>(read_number(in, key, otherwise), otherwise, std::numeric_limits<std::int32_t>::max());
}

holder_summary summary_of(const holder& h) {
  holder_summary out{h.who, h.fence, h.until};
  if (lingers(h.id)) {
    out.lingering = h.id;
    out.client = h.client;
  }
  return out;
}

/// Reads the summary of the lists.
void read_summary(const bson_t* r, reply& out) {
  const std::string me = read_string(r, "me");
  out.place = read_count(r, "place", -1);
  out.dead = read_flag(r, "dead", false);
  out.holders = read_count(r, "holders", 0);
  out.queue = read_count(r, "queue", 0);
  out.next_end = read_date(r, "next_end");
  out.head_until = read_date(r, "head_until");
  read_document(r, "first", [&](const bson_t* f) { out.first = summary_of(parse_holder(f)); });
  for_each_document(r, "some", [&](const bson_t* entry) {
    auto h = parse_holder(entry);
    if (!h.announced) out.heirs.push_back({h.id, h.client, h.fence, h.since, h.until});
    if (h.id == me && !out.mine) out.mine = std::move(h);
  });
  for_each_document(r, "signs", [&](const bson_t* s) {
    out.signs.push_back({read_string(s, "id"), read_number(s, "beat"), read_number(s, "span")});
  });
  drop_strange_tokens(out);
}

}  // namespace

reply parse_value(const bson_t* d, bool observed) {
  reply out;
  out.found = true;
  out.now = read_clock(d, "now");
  out.valid = false;
  if (!is_lock(d)) return out;
  out.defect = defect(d, out.now);
  if (!out.defect.empty()) return out;
  out.other_expiry = is_observed(d) != observed;
  if (out.other_expiry) return out;
  read_document(d, "r", [&](const bson_t* r) {
    out.valid = true;
    read_summary(r, out);
  });
  if (!out.valid) return out;
  out.rev = read_number(d, "rev");
  out.fence = read_number(d, "fence");
  out.cap = read_number(d, "cap");
  out.resized = read_integer(d, "resized");
  if (read_date(d, "ct") != read_date(d, "mine")) out.foreign_until = read_date(d, "et");
  return out;
}

std::vector<holder> read_holders_of(const bson_t* in, const char* key) {
  std::vector<holder> out;
  for_each_document(in, key, [&](const bson_t* entry) { out.push_back(parse_holder(entry)); });
  return out;
}

bool is_lock(const bson_t* d) {
  return (read_date(d, "et") || is_observed(d)) && is_date_or_missing(d, "ct") && is_date_or_missing(d, "mine") &&
         is_number_or_missing(d, "fence") && is_number_or_missing(d, "rev") && is_number_or_missing(d, "cap");
}

std::string defect(const bson_t* d, ms now) {
  if (!is_below(d, "fence", end_of_tokens(now))) return "fence";
  if (!is_below(d, "rev", token_limit)) return "rev";
  return {};
}

bool is_observed(const bson_t* d) {
  return read_flag(d, "observed", false);
}

std::size_t read_admitted(const bson_t* d) {
  bson_iter_t it;
  if (!find_field(d, "admitted", it) || !BSON_ITER_HOLDS_INT32(&it)) return 0;
  return static_cast<std::size_t>(std::max(0, bson_iter_int32(&it)));
}

holder parse_holder(const bson_t* e) {
  holder h;
  h.id = read_string(e, "id");
  h.what.exclusive = read_flag(e, "exclusive", false);
  h.what.weight = read_number(e, "weight");
  h.delta = read_number(e, "delta");
  h.since = read_date(e, "since").value_or(0);
  h.until = read_date(e, "until").value_or(0);
  h.fence = read_number(e, "fence");
  h.who = read_string(e, "who");
  h.client = read_string(e, "client");
  h.announced = read_flag(e, "announced", true);
  h.revoked = read_flag(e, "revoked", false);
  h.value = read_string(e, "value");
  h.seq = read_number(e, "seq");
  h.beat = read_number(e, "beat");
  h.span = read_number(e, "span");
  return h;
}

reply parse_reply(const bson_t* server_reply, bool observed) {
  reply out;
  const auto read = [&](const bson_t* value) { out = parse_value(value, observed); };
  read_document(server_reply, "value", read);
  read_document(server_reply, "cursor", [&](const bson_t* cursor) { for_each_document(cursor, "firstBatch", read); });
  return out;
}

std::optional<reply> parse_short_reply(const bson_t* server_reply, const request& r) {
  std::optional<reply> out;
  read_document(server_reply, "value", [&](const bson_t* d) {
    auto holders = read_holders(d);
    const auto queue = read_count(d, "queue", -1) - static_cast<std::int64_t>(read_admitted(d));
    if (!holders || queue < 0 || !is_lock(d) || is_observed(d) || read_date(d, "ct") != read_date(d, "mine")) return;
    if (!defect(d, read_clock(d, "mine")).empty()) return;
    const auto mine = std::find_if(holders->begin(), holders->end(), [&](const auto& h) { return h.id == r.id; });
    const bool is_holder = mine != holders->end();
    const bool is_last = queue > 0 && read_string(d, "last") == r.id;
    const bool taken = is_holder && holders->size() == 1 && queue == 0;
    // If the lock was not changed, this answer tells nothing.
    if (r.op == operation::release ? is_holder : !taken && !is_last) return;
    out.emplace();
    out->found = true;
    out->now = read_clock(d, "mine");
    out->rev = read_number(d, "rev");
    out->fence = read_number(d, "fence");
    out->cap = read_number(d, "cap");
    out->resized = read_integer(d, "resized");
    out->holders = static_cast<std::int64_t>(holders->size());
    out->queue = queue;
    if (is_last) out->place = queue - 1;
    if (taken) out->mine = *mine;
    for (const auto& h : *holders) {
      if (!out->first) out->first = summary_of(h);
      if (!h.announced) out->heirs.push_back({h.id, h.client, h.fence, h.since, h.until});
      out->next_end = std::min(out->next_end.value_or(h.until), h.until);
    }
    bson_iter_t it, entries;
    const bool no_tombs = find_field(d, "gone", it) && bson_iter_recurse(&it, &entries) && !bson_iter_next(&entries);
    out->calm = no_tombs && out->queue == 0 && holders->size() == (taken ? 1 : 0) && read_admitted(d) == 0;
    drop_strange_tokens(*out);
  });
  return out;
}

}  // namespace dlock::protocol
