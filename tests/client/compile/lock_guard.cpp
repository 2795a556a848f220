// Must not compile with GUARD: neither std::lock_guard nor std::unique_lock could say that the lease was lost.
#include <dlock/dlock.hpp>

#include <mutex>

void use(dlock::mutex& lock) {
#if GUARD == 1
  const std::lock_guard guard(lock);
#elif GUARD == 2
  const std::unique_lock guard(lock);
#else
  auto got = lock.acquire();  // the control
#endif
}
