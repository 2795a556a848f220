#pragma once

#include <functional>
#include <map>
#include <string>

namespace dlock::testing {

/// For each bug the shortest way to see it: true if the library does wrong. By the bug's name.
using demonstrations = std::map<std::string, std::function<bool()>>;

/// What the state machines do.
[[nodiscard]] demonstrations of_machines();
/// What becomes of a document, on the server in DLOCK_TEST_URL; the time is the demonstration's.
[[nodiscard]] demonstrations of_documents();
/// What clients do, on that server.
[[nodiscard]] demonstrations of_clients();

}  // namespace dlock::testing
