#pragma once

#include <string>
#include <string_view>

#include "protocol/bson.hpp"
#include "protocol/document.hpp"
#include "protocol/pipeline.hpp"

/// What the commands of pipeline.cpp, batch.cpp and short_form.cpp are made of.
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

/// What the request's holder or waiter keeps.
[[nodiscard]] bson entry(const request& r);

/// {"$literal": {the request}}: no string of the user's is ever an expression.
[[nodiscard]] bson literals(const request& r);
/// What requests that go together have in common.
void append_common(bson_t* to, const request& r);

/// How many at the head of the queue were admitted and are still stored: an expression, of any document.
[[nodiscard]] const bson& admitted();

/// The first stage: see stages.hpp.
[[nodiscard]] bson wrap_stage(const bson& literal_request, const bson& cut, const bson& now);

/// The same for locks with observed expiry: see observed_stages.hpp.
[[nodiscard]] bson observed_wrap_stage(const bson& literal_request, const bson& now);

/// {"$let": {"vars": ..., "in": ...}}
[[nodiscard]] bson let(const bson& vars, const bson& in);

/// The reply: these fields as they are, and what `summary` makes of the lists with `vars` and n, those of the queue
/// that were admitted. It must be total: a projection that fails does so after the update.
[[nodiscard]] bson reply_projection(bson vars, const bson& summary, const bson& now);

/// now - skew: entries with an `until` of this or less have ended for others.
[[nodiscard]] bson cut(const request& r, const bson& now);

/// What follows query and update.
void append_options(bson_t* command, bool returns_new, bool upsert, const command_options& options);

}  // namespace dlock::protocol
