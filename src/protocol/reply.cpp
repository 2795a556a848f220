#include "protocol/reply.hpp"

#include "protocol/read.hpp"

namespace dlock::protocol {
namespace {

bool is_number_or_missing(const bson_t* in, const char* key) {
  bson_iter_t it;
  return !find_field(in, key, it) || BSON_ITER_HOLDS_NUMBER(&it);
}

bool is_date_or_missing(const bson_t* in, const char* key) {
  bson_iter_t it;
  return !find_field(in, key, it) || BSON_ITER_HOLDS_DATE_TIME(&it);
}

template <typename Use>
void for_each(const bson_t* in, const char* key, Use use) {
  read_document(in, key, [&](const bson_t* array) {
    bson_iter_t it;
    if (!bson_iter_init(&it, array)) return;
    while (bson_iter_next(&it)) read_document(it, use);
  });
}

std::optional<std::vector<holder>> read_holders(const bson_t* d) {
  bson_iter_t it;
  if (!find_field(d, "holders", it) || !BSON_ITER_HOLDS_ARRAY(&it)) return std::nullopt;
  return read_holders_of(d, "holders");
}

bool is_empty(const bson_t* d, const char* list) {
  bson_iter_t it;
  if (!find_field(d, list, it) || !BSON_ITER_HOLDS_ARRAY(&it)) return false;
  bool empty = true;
  read_document(it, [&](const bson_t* elements) { empty = bson_empty(elements); });
  return empty;
}

/// The lists, summarised.
void read_summary(const bson_t* r, reply& out) {
  const std::string me = read_string(r, "me");
  out.place = read_number(r, "place", -1);
  out.dead = read_flag(r, "dead", false);
  out.holders = read_number(r, "holders");
  out.queue = read_number(r, "queue");
  out.next_end = read_date(r, "next_end");
  read_document(r, "first", [&](const bson_t* f) {
    out.first = {read_string(f, "who"), read_number(f, "fence"), read_date(f, "until").value_or(0)};
  });
  for_each(r, "some", [&](const bson_t* entry) {
    auto h = parse_holder(entry);
    if (!h.announced) out.heirs.push_back({h.id, h.client, h.fence, h.since, h.until});
    if (h.id == me && !out.mine) out.mine = std::move(h);
  });
  for_each(r, "signs", [&](const bson_t* s) {
    out.signs.push_back({read_string(s, "id"), read_number(s, "beat"), read_number(s, "span")});
  });
}

}  // namespace

reply parse_value(const bson_t* d, bool observed) {
  reply out;
  out.found = true;
  out.now = read_date(d, "now").value_or(0);
  out.valid = false;
  if (!is_lock(d)) return out;
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
  if (read_date(d, "ct") != read_date(d, "mine")) out.foreign_until = read_date(d, "et");
  return out;
}

std::vector<holder> read_holders_of(const bson_t* in, const char* key) {
  std::vector<holder> out;
  for_each(in, key, [&](const bson_t* entry) { out.push_back(parse_holder(entry)); });
  return out;
}

bool is_lock(const bson_t* d) {
  return (read_date(d, "et") || is_observed(d)) && is_date_or_missing(d, "ct") && is_date_or_missing(d, "mine") &&
         is_number_or_missing(d, "fence") && is_number_or_missing(d, "rev") && is_number_or_missing(d, "cap");
}

bool is_observed(const bson_t* d) {
  return read_flag(d, "observed", false);
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
  h.beat = read_number(e, "beat");
  h.span = read_number(e, "span");
  return h;
}

reply parse_reply(const bson_t* server_reply, bool observed) {
  reply out;
  read_document(server_reply, "value", [&](const bson_t* value) { out = parse_value(value, observed); });
  return out;
}

std::optional<reply> parse_short_reply(const bson_t* server_reply, const request& r) {
  std::optional<reply> out;
  read_document(server_reply, "value", [&](const bson_t* d) {
    const auto holders = read_holders(d);
    const bool mine_alone = holders && holders->size() == 1 && holders->front().id == r.id;
    if (!mine_alone || !is_lock(d) || is_observed(d) || read_date(d, "ct") != read_date(d, "mine") ||
        !is_empty(d, "waiters") || !is_empty(d, "gone"))
      return;
    out.emplace();
    out->found = true;
    out->rev = read_number(d, "rev");
    out->fence = read_number(d, "fence");
    out->cap = read_number(d, "cap");
    if (r.op == operation::release) {
      ++out->rev;  // this is how it was before
      return;
    }
    const auto& h = holders->front();
    out->now = h.since;
    out->mine = h;
    out->holders = 1;
    out->first = {h.who, h.fence, h.until};
    out->next_end = h.until;
  });
  return out;
}

}  // namespace dlock::protocol
