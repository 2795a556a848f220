#include "protocol/reply.hpp"

namespace dlock::protocol {
namespace {

bool find(const bson_t* in, const char* key, bson_iter_t& it) {
  return bson_iter_init_find(&it, in, key);
}

std::int64_t number(const bson_t* in, const char* key, std::int64_t otherwise = 0) {
  bson_iter_t it;
  return find(in, key, it) && BSON_ITER_HOLDS_NUMBER(&it) ? bson_iter_as_int64(&it) : otherwise;
}

std::optional<ms> date(const bson_t* in, const char* key) {
  bson_iter_t it;
  if (!find(in, key, it) || !BSON_ITER_HOLDS_DATE_TIME(&it)) return std::nullopt;
  return bson_iter_date_time(&it);
}

bool flag(const bson_t* in, const char* key, bool otherwise) {
  bson_iter_t it;
  return find(in, key, it) && BSON_ITER_HOLDS_BOOL(&it) ? bson_iter_bool(&it) : otherwise;
}

std::string string(const bson_t* in, const char* key) {
  bson_iter_t it;
  if (!find(in, key, it) || !BSON_ITER_HOLDS_UTF8(&it)) return {};
  std::uint32_t length = 0;
  const char* utf8 = bson_iter_utf8(&it, &length);
  return {utf8, length};
}

/// Calls `use` with the subdocument or array, if there is one.
template <typename Use>
bool with(const bson_iter_t& it, Use use) {
  const std::uint8_t* data = nullptr;
  std::uint32_t length = 0;
  if (BSON_ITER_HOLDS_DOCUMENT(&it)) {
    bson_iter_document(&it, &length, &data);
  } else if (BSON_ITER_HOLDS_ARRAY(&it)) {
    bson_iter_array(&it, &length, &data);
  }
  bson_t sub;
  if (data == nullptr || !bson_init_static(&sub, data, length)) return false;
  use(&sub);
  return true;
}

template <typename Use>
bool with(const bson_t* in, const char* key, Use use) {
  bson_iter_t it;
  return find(in, key, it) && with(it, use);
}

bool is_number_or_missing(const bson_t* in, const char* key) {
  bson_iter_t it;
  return !find(in, key, it) || BSON_ITER_HOLDS_NUMBER(&it);
}

bool is_date_or_missing(const bson_t* in, const char* key) {
  bson_iter_t it;
  return !find(in, key, it) || BSON_ITER_HOLDS_DATE_TIME(&it);
}

/// What the update took for a lock is one afterwards; what it left as it was shows why: here, or in the lists.
bool is_lock(const bson_t* d) {
  return date(d, "et") && is_date_or_missing(d, "ct") && is_date_or_missing(d, "mine") &&
         is_number_or_missing(d, "fence") && is_number_or_missing(d, "rev") && is_number_or_missing(d, "cap");
}

template <typename Use>
void for_each(const bson_t* in, const char* key, Use use) {
  with(in, key, [&](const bson_t* array) {
    bson_iter_t it;
    if (!bson_iter_init(&it, array)) return;
    while (bson_iter_next(&it)) with(it, use);
  });
}

std::optional<std::vector<holder>> read_holders(const bson_t* d) {
  bson_iter_t it;
  if (!find(d, "holders", it) || !BSON_ITER_HOLDS_ARRAY(&it)) return std::nullopt;
  std::vector<holder> out;
  for_each(d, "holders", [&](const bson_t* entry) { out.push_back(parse_holder(entry)); });
  return out;
}

bool is_empty(const bson_t* d, const char* list) {
  bson_iter_t it;
  if (!find(d, list, it) || !BSON_ITER_HOLDS_ARRAY(&it)) return false;
  bool empty = true;
  with(it, [&](const bson_t* elements) { empty = bson_empty(elements); });
  return empty;
}

/// The lists, summarised.
void read_summary(const bson_t* r, reply& out) {
  const std::string me = string(r, "me");
  out.place = number(r, "place", -1);
  out.dead = flag(r, "dead", false);
  out.holders = number(r, "holders");
  out.queue = number(r, "queue");
  out.next_end = date(r, "next_end");
  with(r, "first", [&](const bson_t* f) {
    out.first = {string(f, "who"), number(f, "fence"), date(f, "until").value_or(0)};
  });
  for_each(r, "some", [&](const bson_t* entry) {
    auto h = parse_holder(entry);
    if (!h.announced) out.heirs.push_back({h.id, h.client, h.fence, h.until});
    if (h.id == me && !out.mine) out.mine = std::move(h);
  });
}

reply read(const bson_t* d) {
  reply out;
  out.found = true;
  out.now = date(d, "now").value_or(0);
  out.valid = false;
  if (!is_lock(d)) return out;
  with(d, "r", [&](const bson_t* r) {
    out.valid = true;
    read_summary(r, out);
  });
  if (!out.valid) return out;
  out.rev = number(d, "rev");
  out.fence = number(d, "fence");
  out.cap = number(d, "cap");
  if (date(d, "ct") != date(d, "mine")) out.foreign_until = date(d, "et");
  return out;
}

}  // namespace

holder parse_holder(const bson_t* e) {
  holder h;
  h.id = string(e, "id");
  h.what.exclusive = flag(e, "exclusive", false);
  h.what.weight = number(e, "weight");
  h.delta = number(e, "delta");
  h.since = date(e, "since").value_or(0);
  h.until = date(e, "until").value_or(0);
  h.fence = number(e, "fence");
  h.who = string(e, "who");
  h.client = string(e, "client");
  h.announced = flag(e, "announced", true);
  return h;
}

reply parse_reply(const bson_t* server_reply) {
  reply out;
  with(server_reply, "value", [&](const bson_t* value) { out = read(value); });
  return out;
}

std::optional<reply> parse_short_reply(const bson_t* server_reply, const request& r) {
  std::optional<reply> out;
  with(server_reply, "value", [&](const bson_t* d) {
    const auto holders = read_holders(d);
    const bool mine_alone = holders && holders->size() == 1 && holders->front().id == r.id;
    if (!mine_alone || !is_lock(d) || date(d, "ct") != date(d, "mine") || !is_empty(d, "waiters") ||
        !is_empty(d, "gone"))
      return;
    out.emplace();
    out->found = true;
    out->rev = number(d, "rev");
    out->fence = number(d, "fence");
    out->cap = number(d, "cap");
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
