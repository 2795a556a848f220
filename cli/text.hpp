#pragma once

#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>

#include <dlock/text.hpp>

namespace dlock::cli {

/// dlock cannot do what it was asked to do. main prints what() and exits with 125.
struct failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The name that a client gives itself, made printable. "somebody" if it is empty.
[[nodiscard]] std::string name_of_client(std::string_view said);
/// The name for a mongo-dlock (node) client, which has no name of its own.
inline constexpr const char* foreign_client = "a mongo-dlock (node) client";

/// `'text'`, printable and without_secrets, because any word may be a URL in the wrong place.
[[nodiscard]] std::string in_quotes(std::string_view text);

/// The same with without_any_secret, for words that make no sense in their position.
[[nodiscard]] std::string quoted_input(std::string_view text);

/// "0.812 s", "12.5 s", "30 s".
[[nodiscard]] std::string in_seconds(std::chrono::duration<double> duration);

/// Writes "dlock: <line>" to stderr, printable, in one write.
void complain(std::string_view line);

/// The same for remarks that may be lost. If the terminal was stopped by Ctrl-S, or nobody reads the pipe, it writes
/// nothing and does not wait. A dlock that waits for its stderr would not renew its lease.
void remark(std::string_view line);

}  // namespace dlock::cli
