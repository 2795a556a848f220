#pragma once

#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>

#include <dlock/text.hpp>

namespace dlock::cli {

/// dlock cannot do what it was asked to: main prints what() and exits with 125.
struct failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What a client says of itself, printable; "somebody" if that is nothing.
[[nodiscard]] std::string name_of_client(std::string_view said);
/// The name of a mongo-dlock (node) client: it says nothing.
inline constexpr const char* foreign_client = "a mongo-dlock (node) client";

/// `'text'`, printable and without_secrets: any word may be a URL in the wrong place.
[[nodiscard]] std::string in_quotes(std::string_view text);

/// The same for words that make no sense where they were typed, without_any_secret.
[[nodiscard]] std::string quoted_input(std::string_view text);

/// "0.812 s", "12.5 s", "30 s".
[[nodiscard]] std::string in_seconds(std::chrono::duration<double> duration);

/// Writes "dlock: <line>" to stderr, printable, in one write.
void complain(std::string_view line);

/// The same for remarks that may be lost: says nothing rather than wait for a terminal that was stopped by Ctrl-S or
/// for a pipe that nobody reads. A dlock that waits for its stderr would not look after its lease.
void remark(std::string_view line);

}  // namespace dlock::cli
