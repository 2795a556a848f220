#include "protocol/command_parts.hpp"

#include <algorithm>
#include <stdexcept>

namespace dlock::protocol {
namespace {

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

}  // namespace

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

bson literals(const request& r) {
  auto b = make_bson();
  append(b.get(), "id", r.id);
  append(b.get(), "entry", entry(r).get());
  append(b.get(), "cap", r.cap == 0 ? unbounded : r.cap);
  append_bool(b.get(), "too_heavy", r.cap > 0 && r.what.weight > r.cap);
  append(b.get(), "delta", r.delta);
  append(b.get(), "life", r.life);
  append(b.get(), "skew", r.skew);
  append(b.get(), "keep", r.keep);
  append(b.get(), "tomb", r.tomb);
  append(b.get(), "floor", r.floor);
  return single("$literal", b.get());
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
  append(concern.get(), "w", "majority");
  if (options.limit > 0) {
    append(concern.get(), "wtimeout", options.limit);
    append(command, "maxTimeMS", options.limit);
  }
  append(command, "writeConcern", concern.get());
}

}  // namespace dlock::protocol
