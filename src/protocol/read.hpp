#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "protocol/bson.hpp"
#include "protocol/document.hpp"

/// Reads fields of documents that anybody may have written. A field that is missing or has another type counts as
/// absent.
namespace dlock::protocol {

inline bool find_field(const bson_t* in, const char* key, bson_iter_t& it) {
  return bson_iter_init_find(&it, in, key);
}

inline std::int64_t read_number(const bson_t* in, const char* key, std::int64_t otherwise = 0) {
  constexpr double kEnd = 9.2e18;  // larger numbers do not fit into 64 bits
  bson_iter_t it;
  if (!find_field(in, key, it) || !BSON_ITER_HOLDS_NUMBER(&it)) return otherwise;
  if (BSON_ITER_HOLDS_DOUBLE(&it) && !(bson_iter_double(&it) > -kEnd && bson_iter_double(&it) < kEnd)) return otherwise;
  return bson_iter_as_int64(&it);
}

/// 0 if it is not a whole number.
inline std::int64_t read_integer(const bson_t* in, const char* key) {
  bson_iter_t it;
  return find_field(in, key, it) && BSON_ITER_HOLDS_INT(&it) ? bson_iter_as_int64(&it) : 0;
}

inline std::optional<ms> read_date(const bson_t* in, const char* key) {
  bson_iter_t it;
  if (!find_field(in, key, it) || !BSON_ITER_HOLDS_DATE_TIME(&it)) return std::nullopt;
  constexpr ms kFurthest = ms{1} << 52;  // sums of such times do not overflow
  return std::clamp<ms>(bson_iter_date_time(&it), -kFurthest, kFurthest);
}

/// The server's own clock, which is not set before 1970.
inline ms read_clock(const bson_t* in, const char* key) {
  return std::max<ms>(0, read_date(in, key).value_or(0));
}

inline bool read_flag(const bson_t* in, const char* key, bool otherwise) {
  bson_iter_t it;
  return find_field(in, key, it) && BSON_ITER_HOLDS_BOOL(&it) ? bson_iter_bool(&it) : otherwise;
}

inline std::string read_string(const bson_t* in, const char* key) {
  bson_iter_t it;
  if (!find_field(in, key, it) || !BSON_ITER_HOLDS_UTF8(&it)) return {};
  std::uint32_t length = 0;
  const char* utf8 = bson_iter_utf8(&it, &length);
  return {utf8, length};
}

/// Calls `use` with the subdocument or array, if there is one.
template <typename Use>
bool read_document(const bson_iter_t& it, Use use) {
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
bool read_document(const bson_t* in, const char* key, Use use) {
  bson_iter_t it;
  return find_field(in, key, it) && read_document(it, use);
}

/// Calls `use` with each document in the array `list`.
template <typename Use>
void for_each_document(const bson_t* in, const char* list, Use use) {
  read_document(in, list, [&](const bson_t* array) {
    bson_iter_t it;
    if (!bson_iter_init(&it, array)) return;
    while (bson_iter_next(&it)) read_document(it, use);
  });
}

}  // namespace dlock::protocol
