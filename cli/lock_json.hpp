#pragma once

#include <optional>
#include <string>
#include <vector>

#include <dlock/history.hpp>
#include <dlock/inspect.hpp>

// Locks for programs: one JSON document in ASCII, with the newline. Unknown values are null. Bytes that are not UTF-8
// become U+FFFD. docs/inspect.md lists the members.

namespace dlock::cli {

/// An array.
[[nodiscard]] std::string locks_json(const std::vector<dlock::lock_state>& locks);

/// An object, with the history of the lock. null if there is no lock.
[[nodiscard]] std::string lock_json(const std::optional<dlock::lock_state>& lock,
                                    const std::vector<dlock::past_run>& runs);

/// The same object without blanks and newlines.
[[nodiscard]] std::string lock_line(const dlock::lock_state& lock);
/// An array of what ran under a lock, without blanks and newlines.
[[nodiscard]] std::string runs_line(const std::vector<dlock::past_run>& runs);
/// A string.
[[nodiscard]] std::string id_json(const std::string& id);

}  // namespace dlock::cli
