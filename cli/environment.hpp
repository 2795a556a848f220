#pragma once

#include <string>
#include <vector>

#include "holding.hpp"

// The environment variables of the command. For the n-th lock, in the order given: DLOCK_ID_<n>, DLOCK_TOKEN_<n>,
// DLOCK_OWNER_<n>. DLOCK_TOKENS is a list of all tokens. There is no list of ids, because an id may contain any
// separator. With one lock, DLOCK_ID, DLOCK_TOKEN and DLOCK_OWNER are set, too. With several locks they are not set, so
// that a command written for one lock fails instead of fencing with the token of another. DLOCK_HELD is for nested
// dlocks, see nesting.hpp.

namespace dlock::cli {

/// "NAME=value" for what is known before any lock is held.
[[nodiscard]] std::vector<std::string> environment_of(const std::vector<std::string>& ids);

/// "NAME=value" for what each grant adds.
[[nodiscard]] std::vector<std::string> environment_of(const std::vector<grant>& grants);

/// Removes all these variables, for any number of locks, and DLOCK_VALUE of `dlock elect`, from the environment of this
/// process. They came from a dlock around this one.
void forget_locks();

}  // namespace dlock::cli
