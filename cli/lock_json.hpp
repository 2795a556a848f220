#pragma once

#include <optional>
#include <string>
#include <vector>

#include <dlock/inspect.hpp>

// Locks for programs: one JSON document in ASCII, with the newline. Unknown values are null. Bytes that are not UTF-8
// become U+FFFD. docs/inspect.md lists the members.

namespace dlock::cli {

/// An array.
[[nodiscard]] std::string locks_json(const std::vector<dlock::lock_state>& locks);

/// An object. null if there is no lock.
[[nodiscard]] std::string lock_json(const std::optional<dlock::lock_state>& lock);

}  // namespace dlock::cli
