#pragma once

#include <string>
#include <vector>

#include "connection.hpp"
#include "holding.hpp"

// The environment variables of the command. For the n-th lock, in the order given: DLOCK_ID_<n>, DLOCK_TOKEN_<n>,
// DLOCK_OWNER_<n>. DLOCK_TOKENS is a list of all tokens. There is no list of ids, because an id may contain any
// separator. With one lock, DLOCK_ID, DLOCK_TOKEN and DLOCK_OWNER are set, too. With several locks they are not set, so
// that a command written for one lock fails instead of fencing with the token of another. DLOCK_HELD is for nested
// dlocks, see nesting.hpp. DLOCK_AT_* say where the locks are, for `dlock note`.

namespace dlock::cli {

/// "NAME=value" for what is known before any lock is held.
[[nodiscard]] std::vector<std::string> environment_of(const std::vector<std::string>& ids);

/// "NAME=value" for where the locks are: DLOCK_AT_DB and DLOCK_AT_COLL, and DLOCK_AT_URL or DLOCK_AT_URL_FILE if the
/// URL was given in that way. No password is in it: --url has none. (DLOCK_URL is inherited.)
[[nodiscard]] std::vector<std::string> environment_of(const connection_options& options);

/// "NAME=value" for what each grant adds.
[[nodiscard]] std::vector<std::string> environment_of(const std::vector<grant>& grants);

/// Removes all these variables, for any number of locks, and DLOCK_VALUE of `dlock elect`, from the environment of this
/// process. They came from a dlock around this one.
void forget_locks();

/// One lock that the dlock around this one holds.
struct held_around {
  std::string id;
  std::string owner;
};
/// Those of the innermost dlock around this one, in their order, by these variables. Empty: there is none.
[[nodiscard]] std::vector<held_around> locks_around_us();

}  // namespace dlock::cli
