#pragma once

#include <string>
#include <vector>

#include <dlock/history.hpp>
#include <dlock/inspect.hpp>

// Locks for people. Text from outside is made printable. Times are relative to lock_state::at.

namespace dlock::cli {

/// Whether the lock has a holder or a waiter. Otherwise there is nothing to show.
[[nodiscard]] bool is_in_use(const dlock::lock_state& lock);

/// One line for each lock, under a heading. If a lock has several holders, the line shows the first one and the number
/// of the others.
[[nodiscard]] std::string lock_table(const std::vector<dlock::lock_state>& locks);

/// Everything about one lock: its holders and its waiters, in order.
[[nodiscard]] std::string lock_description(const dlock::lock_state& lock);

/// A table of the holders of a lock, or of `holders`, with one line each, under a heading.
[[nodiscard]] std::string holder_table(const dlock::lock_state& lock);
[[nodiscard]] std::string holder_table(const dlock::lock_state& lock, const std::vector<dlock::lock_holder>& holders);

/// What ran under a lock lately, with one line each, under a heading.
[[nodiscard]] std::string history_table(const std::vector<dlock::past_run>& runs);

/// "web1:4711 report.sh", "somebody", "a mongo-dlock (node) client"
[[nodiscard]] std::string name_of(const dlock::lock_holder& holder);

}  // namespace dlock::cli
