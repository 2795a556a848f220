#pragma once

#include <bson/bson.h>

#include <cstdint>
#include <memory>
#include <string_view>

namespace dlock {

/// An owned BSON document.
struct bson_deleter {
  void operator()(bson_t* b) const noexcept { bson_destroy(b); }
};
using bson = std::unique_ptr<bson_t, bson_deleter>;

[[nodiscard]] inline bson make_bson() {
  return bson{bson_new()};
}

inline void append(bson_t* to, std::string_view key, std::string_view value) {
  bson_append_utf8(to, key.data(), static_cast<int>(key.size()), value.data(), static_cast<int>(value.size()));
}
inline void append(bson_t* to, std::string_view key, std::int64_t value) {
  bson_append_int64(to, key.data(), static_cast<int>(key.size()), value);
}
inline void append_bool(bson_t* to, std::string_view key, bool value) {
  bson_append_bool(to, key.data(), static_cast<int>(key.size()), value);
}
inline void append(bson_t* to, std::string_view key, const bson_t* value) {
  bson_append_document(to, key.data(), static_cast<int>(key.size()), value);
}
inline void append_array(bson_t* to, std::string_view key, const bson_t* value) {
  bson_append_array(to, key.data(), static_cast<int>(key.size()), value);
}

}  // namespace dlock
