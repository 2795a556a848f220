#include "store/history.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "protocol/read.hpp"

namespace dlock {
namespace {

/// In seconds: how far the clock of a publisher may be behind the server's clock, and behind the clock of the author of
/// the newest document.
constexpr std::int64_t kClocksApart = 300;
constexpr std::int64_t kLongest = std::numeric_limits<std::uint32_t>::max();  // of an ObjectId: 2106

}  // namespace

bson id_of(const bson_t* document) {
  auto out = make_bson();
  bson_iter_t it;
  if (bson_iter_init_find(&it, document, "_id")) bson_append_value(out.get(), "_id", 3, bson_iter_value(&it));
  return out;
}

std::optional<std::int64_t> seconds_at(const mongoc_server_description_t* server) {
  const auto now = protocol::read_date(mongoc_server_description_hello_response(server), "localTime");
  if (!now) return std::nullopt;
  return *now / 1000;
}

std::int64_t begin_of_news(const std::vector<bson>& newest, std::int64_t now) {
  std::int64_t first = now;
  for (const auto& id : newest) {
    bson_iter_t it;
    if (!protocol::find_field(id.get(), "_id", it) || !BSON_ITER_HOLDS_OID(&it)) continue;
    first = std::min(first, static_cast<std::int64_t>(bson_oid_get_time_t(bson_iter_oid(&it))));
  }
  return std::clamp(first - kClocksApart, std::int64_t{0}, kLongest);
}

bson not_before(std::int64_t seconds) {
  const auto from = static_cast<std::uint32_t>(seconds);
  const std::array<std::uint8_t, 12> bytes{static_cast<std::uint8_t>(from >> 24U),
                                           static_cast<std::uint8_t>(from >> 16U),
                                           static_cast<std::uint8_t>(from >> 8U), static_cast<std::uint8_t>(from)};
  bson_oid_t oid;
  bson_oid_init_from_data(&oid, bytes.data());
  auto older = make_bson();
  bson_append_oid(older.get(), "$lt", 3, &oid);
  auto range = make_bson();
  append(range.get(), "$not", older.get());  // $gte would leave out an _id that is not an ObjectId
  auto filter = make_bson();
  append(filter.get(), "_id", range.get());
  return filter;
}

bool is_behind(std::optional<std::int64_t> now, std::int64_t seconds) {
  return now && *now < seconds + kClocksApart / 2;
}

}  // namespace dlock
