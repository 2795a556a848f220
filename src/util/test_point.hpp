#pragma once

namespace dlock {

/// A place where the chaos harness can have the process killed: DLOCK_KILL_AT=<point>[:<nth>] in its environment, in a
/// build with DLOCK_FAIL_POINTS. Elsewhere nothing of it is compiled.
///
///     before-send, after-send   around each command that changes a lock
///     committed                 a release was answered, and its heirs are not told yet
///     heir                      a grant was heard of, and is not taken yet
///     acquired                  the lock is held, and its user does not know yet
///     releasing                 a release has begun, and nothing was sent
#ifdef DLOCK_FAIL_POINTS
void test_point(const char* name) noexcept;
#else
consteval void test_point(const char*) noexcept {}
#endif

}  // namespace dlock
