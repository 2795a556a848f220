#pragma once

#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>

namespace dlock::cli {

/// dlock cannot do what it was asked to: main prints what() and exits with 125.
struct failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// `'text'`, with whatever could confuse a terminal or a log written as \xNN. Ids and what other clients say of
/// themselves come from outside.
[[nodiscard]] std::string quoted(std::string_view text);

/// The same without the quotes.
[[nodiscard]] std::string printable(std::string_view text);

/// "0.812 s", "12.5 s", "30 s".
[[nodiscard]] std::string in_seconds(std::chrono::nanoseconds duration);

/// Writes "dlock: <line>" to stderr, in one write.
void complain(std::string_view line);

/// The same for remarks that may be lost: says nothing rather than wait for a terminal that was stopped by Ctrl-S or
/// for a pipe that nobody reads. A dlock that waits for its stderr would not look after its lease.
void remark(std::string_view line);

}  // namespace dlock::cli
