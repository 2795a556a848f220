#pragma once

namespace dlock {

/// A point where the chaos harness can kill the process: DLOCK_KILL_AT=<point>[:<nth>] in its environment, in a build
/// with DLOCK_FAIL_POINTS. Any other build contains nothing of it.
///
///     before-send, after-send   around each command that changes a lock
///     committed                 a release was answered, but its heirs have not got their notices yet
///     heir                      the client knows of a grant, but has not taken it yet
///     acquired                  the lock is held, but its user does not know yet
///     releasing                 a release has begun, but nothing was sent yet
#ifdef DLOCK_FAIL_POINTS
void test_point(const char* name) noexcept;
#else
consteval void test_point(const char*) noexcept {}
#endif

}  // namespace dlock
