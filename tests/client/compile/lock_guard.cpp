// Must not compile with GUARD: std::lock_guard could not say that the lease was lost.
#include <dlock/dlock.hpp>

#include <mutex>

void use(dlock::mutex& lock) {
#ifdef GUARD
  const std::lock_guard guard(lock);
#else
  auto got = lock.acquire();  // the control
#endif
}
