#include "protocol/reply.hpp"

namespace dlock::protocol {
namespace {

bool find(const bson_t* in, const char* key, bson_iter_t& it) { return bson_iter_init_find(&it, in, key); }

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

void read(const bson_t* r, reply& out) {
  out.found = true;
  out.valid = flag(r, "valid", false);
  out.now = date(r, "now").value_or(0);
  if (!out.valid) return;  // what stands there is not ours
  out.rev = number(r, "rev");
  out.fence = number(r, "fence");
  out.cap = number(r, "cap");
  with(r, "mine", [&](const bson_t* m) { out.mine = parse_holder(m); });
  out.place = number(r, "place", -1);
  out.dead = flag(r, "dead", false);
  out.holders = number(r, "holders");
  out.queue = number(r, "queue");
  with(r, "first", [&](const bson_t* f) {
    out.first = {string(f, "who"), number(f, "fence"), date(f, "until").value_or(0)};
  });
  out.next_end = date(r, "next_end");
  out.foreign_until = date(r, "foreign_until");
  with(r, "heirs", [&](const bson_t* heirs) {
    bson_iter_t it;
    bson_iter_init(&it, heirs);
    while (bson_iter_next(&it)) {
      with(it, [&](const bson_t* h) {
        out.heirs.push_back({string(h, "id"), string(h, "client"), number(h, "fence"), date(h, "until").value_or(0)});
      });
    }
  });
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
  with(server_reply, "value", [&](const bson_t* value) {
    with(value, "r", [&](const bson_t* r) { read(r, out); });
  });
  return out;
}

}  // namespace dlock::protocol
