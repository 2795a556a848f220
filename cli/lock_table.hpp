#pragma once

#include <string>
#include <vector>

#include <dlock/inspect.hpp>

// Locks for people. Whatever comes from outside is made printable; times are relative to lock_state::at.

namespace dlock::cli {

/// Whether there is anything to tell of it: it is held or waited for.
[[nodiscard]] bool is_in_use(const dlock::lock_state& lock);

/// A line for each lock, under a heading. Of several holders the first one is shown, and how many more there are.
[[nodiscard]] std::string lock_table(const std::vector<dlock::lock_state>& locks);

/// All of one lock: its holders and its waiters, in order.
[[nodiscard]] std::string lock_description(const dlock::lock_state& lock);

/// The holders of a lock, or others who are to be shown like them, a line each, under a heading.
[[nodiscard]] std::string holder_table(const dlock::lock_state& lock);
[[nodiscard]] std::string holder_table(const dlock::lock_state& lock, const std::vector<dlock::lock_holder>& holders);

/// "web1:4711 report.sh", "somebody", "a mongo-dlock (node) client"
[[nodiscard]] std::string name_of(const dlock::lock_holder& holder);

}  // namespace dlock::cli
