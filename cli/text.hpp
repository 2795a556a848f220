#pragma once

#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

namespace dlock::cli {

/// dlock cannot do what it was asked to: main prints what() and exits with 125.
struct failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// `text` with whatever could confuse a terminal or a log written as \xNN: control characters, those that turn the
/// direction of writing, and what is not UTF-8. Ids and what other clients say of themselves come from outside.
[[nodiscard]] std::string printable(std::string_view text);

/// What a client says of itself, printable; "somebody" if that is nothing.
[[nodiscard]] std::string name_of_client(std::string_view said);
/// The name of a mongo-dlock (node) client: it says nothing.
inline constexpr const char* foreign_client = "a mongo-dlock (node) client";

/// `'text'`, printable and without_secrets: any word may be a URL in the wrong place.
[[nodiscard]] std::string quoted(std::string_view text);

/// The same for words that make no sense where they were typed, without_any_secret.
[[nodiscard]] std::string quoted_input(std::string_view text);

/// The length of the UTF-8 character that `text` begins with; 0 if it begins with none.
[[nodiscard]] std::size_t utf8_character(std::string_view text);

/// "0.812 s", "12.5 s", "30 s".
[[nodiscard]] std::string in_seconds(std::chrono::nanoseconds duration);

/// Writes "dlock: <line>" to stderr, in one write.
void complain(std::string_view line);

/// The same for remarks that may be lost: says nothing rather than wait for a terminal that was stopped by Ctrl-S or
/// for a pipe that nobody reads. A dlock that waits for its stderr would not look after its lease.
void remark(std::string_view line);

}  // namespace dlock::cli
