#pragma once

#include <bson/bson.h>

#include <stdexcept>
#include <string>

#include "protocol/bson.hpp"

namespace dlock::testing {

/// Throws if it is no JSON.
[[nodiscard]] inline bson from_json(const std::string& text) {
  bson_error_t error;
  bson b{bson_new_from_json(reinterpret_cast<const std::uint8_t*>(text.data()), static_cast<ssize_t>(text.size()),
                            &error)};
  if (!b) throw std::logic_error(std::string("not JSON: ") + error.message + ": " + text);
  return b;
}

[[nodiscard]] inline std::string to_json(const bson_t* b) {
  char* json = bson_as_relaxed_extended_json(b, nullptr);
  std::string out = json == nullptr ? "(not BSON)" : json;
  bson_free(json);
  return out;
}

}  // namespace dlock::testing
