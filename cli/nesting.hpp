#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <dlock/dlock.hpp>

#include "holding.hpp"

// A dlock that runs under another one must not wait for what that one holds: both would wait for ever. So a command
// finds in DLOCK_HELD what all dlocks around it got, each as its token and a hash of its id. Whether it is still held,
// and in the collection in question, only the server knows.

namespace dlock::cli {

/// "DLOCK_HELD=...": what this dlock found there, and `grants`.
[[nodiscard]] std::string held_for_nested(const std::vector<grant>& grants);

/// How locks are wanted.
struct wish {
  lock_mode mode = lock_mode::exclusive;
  std::int64_t take = 0;  ///< Of mode permits.
};

/// Before and while `ids` are waited for with `wait`: throws failure once one of them cannot be had before a dlock
/// around this one gives it back. Nothing for a single try, nor if there is none around; else it asks the server.
void refuse_to_wait_for_oneself(const dlock::client& client, const std::vector<std::string>& ids, wish how,
                                dlock::wait_options& wait);

}  // namespace dlock::cli
