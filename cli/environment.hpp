#pragma once

#include <string>
#include <vector>

#include "holding.hpp"

// What the command finds in its environment. For the n-th lock, in the order given: DLOCK_ID_<n>, DLOCK_TOKEN_<n>,
// DLOCK_OWNER_<n>; all tokens in one list: DLOCK_TOKENS. There is no list of ids: they may hold any separator. For one
// lock also DLOCK_ID, DLOCK_TOKEN and DLOCK_OWNER; with several they are not set, so that a command that was written
// for one lock fails instead of fencing with the token of another. DLOCK_HELD is for other dlocks, see nesting.hpp.

namespace dlock::cli {

/// "NAME=value" for what is known before anything is held.
[[nodiscard]] std::vector<std::string> environment_of(const std::vector<std::string>& ids);

/// "NAME=value" for what the locks were granted with.
[[nodiscard]] std::vector<std::string> environment_of(const std::vector<grant>& grants);

/// Takes all of it, for any number of locks, and an elect's DLOCK_VALUE, out of this process's environment: what is
/// there came from a dlock further out.
void forget_locks();

}  // namespace dlock::cli
