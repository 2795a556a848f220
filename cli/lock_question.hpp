#pragma once

#include <dlock/dlock.hpp>

#include "attempt.hpp"
#include "session.hpp"
#include "verbs.hpp"

namespace dlock::cli {

/// Acquires the locks of `options`, all or none. Throws failure if that would wait for a dlock around this one.
[[nodiscard]] answer ask_for_locks(dlock::client& client, const run_options& options, dlock::wait_options wait);

/// The exit status if others hold one of them. With -v, it says who. Throws failure for any other answer.
[[nodiscard]] int not_acquired(const answer& got, const run_options& options, const session& session);

}  // namespace dlock::cli
