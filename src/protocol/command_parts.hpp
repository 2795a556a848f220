#pragma once

#include <string>
#include <string_view>

#include "protocol/bson.hpp"
#include "protocol/document.hpp"
#include "protocol/pipeline.hpp"

/// What the commands of pipeline.cpp and short_form.cpp are made of.
namespace dlock::protocol {

/// A lock without a capacity, in pipelines: the largest number needs no case.
inline constexpr std::int64_t unbounded = std::int64_t{1} << 53;

/// A piece of extended JSON, wrapped as {"e": value}, so that the value may be of any type.
[[nodiscard]] bson parse(const std::string& json);
/// Its value.
void append_parsed(bson_t* to, std::string_view key, const bson& parsed);

/// {key: value}
template <typename Value>
[[nodiscard]] bson single(std::string_view key, const Value& value) {
  auto b = make_bson();
  append(b.get(), key, value);
  return b;
}

/// {"$literal": {the request}}: no string of the user's is ever an expression. `entry` is what its holder or waiter
/// keeps.
[[nodiscard]] bson literals(const request& r);

/// now - skew: entries with an `until` of this or less have ended for others.
[[nodiscard]] bson cut(const request& r, const bson& now);

/// What follows query and update.
void append_options(bson_t* command, bool returns_new, bool upsert, const command_options& options);

}  // namespace dlock::protocol
