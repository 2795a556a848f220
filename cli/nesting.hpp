#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <dlock/dlock.hpp>

#include "holding.hpp"

// A dlock that runs under another dlock must not wait for a lock that the other one holds: both would wait forever. So
// the command finds in DLOCK_HELD all locks that the dlocks around it got, each as its token and a hash of its id. Only
// the server knows whether such a lock is still held, and whether it is in the collection in question. The same is true
// of a `dlock hold` of a process around this one. It cannot change that process's environment, so it is asked (see
// hold_socket.hpp).

namespace dlock::cli {

/// "-" and a hash of `text`, which is the same in every dlock.
[[nodiscard]] std::string tag_of(const std::string& text);

/// "DLOCK_HELD=...": what this dlock found in that variable, and `grants`.
[[nodiscard]] std::string held_for_nested(const std::vector<grant>& grants);

/// How the locks are requested.
struct wish {
  lock_mode mode = lock_mode::exclusive;
  std::int64_t take = 0;  ///< For mode permits: how many.
};

/// Checks before and during the wait for `ids` with `wait`. Throws failure when one of them cannot be acquired before a
/// dlock around this one releases it. Does nothing for a single try, or if there is no dlock around this one. Otherwise
/// it asks the server. `where`: the options of the client.
void refuse_to_wait_for_oneself(const dlock::client& client, const dlock::client_options& where,
                                const std::vector<std::string>& ids, wish how, dlock::wait_options& wait);

}  // namespace dlock::cli
