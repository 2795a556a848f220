#pragma once

#include <string>
#include <string_view>

#include "protocol/bson.hpp"
#include "protocol/document.hpp"
#include "protocol/pipeline.hpp"

/// The common parts of the commands in pipeline.cpp, batch.cpp, short_form.cpp and express.cpp.
namespace dlock::protocol {

/// In pipelines, "no capacity" is this large number. So it needs no case of its own.
inline constexpr std::int64_t unbounded = std::int64_t{1} << 53;

/// `text` with `by` wherever `what` stood, which must be somewhere. All variants of a stage are made in this way.
/// Values of a request are never a part of a text: see literals().
[[nodiscard]] std::string replaced(std::string text, std::string_view what, std::string_view by);

/// Parses a piece of extended JSON. The result is wrapped as {"e": value}, so that the value can have any type.
[[nodiscard]] bson parse(const std::string& json);
/// Appends the value of what parse() has returned.
void append_parsed(bson_t* to, std::string_view key, const bson& parsed);

/// {key: value}
template <typename Value>
[[nodiscard]] bson single(std::string_view key, const Value& value) {
  auto b = make_bson();
  append(b.get(), key, value);
  return b;
}

/// What the entry of the holder or waiter takes from the request.
[[nodiscard]] bson entry(const request& r);

/// {"$literal": {the request}}. So a string of the user is never an expression.
[[nodiscard]] bson literals(const request& r);
/// The fields that are equal in requests that go together.
void append_common(bson_t* to, const request& r);

/// How many entries at the head of the queue were admitted and are still stored. An expression that works on any
/// document.
[[nodiscard]] const bson& admitted();

/// The first stage: see stages.hpp.
[[nodiscard]] bson wrap_stage(const bson& literal_request, const bson& cut, const bson& now);

/// The same for locks with observed expiry: see observed_stages.hpp.
[[nodiscard]] bson observed_wrap_stage(const bson& literal_request, const bson& now);

/// {"$let": {"vars": ..., "in": ...}}
[[nodiscard]] bson let(const bson& vars, const bson& in);

/// The projection that makes the reply: some fields unchanged, and `summary`, which reads the lists. `summary` can use
/// `vars` and n (how many entries of the queue were admitted and are still stored). It must be total: if a projection
/// fails, the update has already happened.
[[nodiscard]] bson reply_projection(bson vars, const bson& summary, const bson& now);

/// now - skew. Entries whose `until` is this or earlier have expired for everybody but their owner.
[[nodiscard]] bson cut(const request& r, const bson& now);

/// Appends the options that follow after query and update.
void append_options(bson_t* command, bool returns_new, bool upsert, const command_options& options);

}  // namespace dlock::protocol
