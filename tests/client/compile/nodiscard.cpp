// Must not compile under -Werror=unused-result: each CASE drops an answer that says whether the lock is held.
#include <dlock/dlock.hpp>

void drop(dlock::client& client, dlock::mutex& lock, dlock::lease& held) {
#if CASE == 0  // the control: nothing is dropped, and it compiles
  (void)lock.release();
  auto got = lock.try_acquire();
  auto waited = lock.acquire();
#elif CASE == 1
  lock.try_acquire();
#elif CASE == 2
  lock.acquire();
#elif CASE == 3
  lock.release();
#elif CASE == 4
  held.release();
#elif CASE == 5
  held.release(std::chrono::milliseconds(1));
#elif CASE == 6
  held.release_at_least(std::chrono::milliseconds(1), std::chrono::milliseconds(1));
#else
#error no such case
#endif
  static_cast<void>(client);
  static_cast<void>(held);
}
