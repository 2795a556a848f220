// At most three at a time, in all processes together: calls of an API with such a limit.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <dlock/dlock.hpp>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

int main(int argc, char** argv) {
  try {
    dlock::client locks({.url = argc > 1 ? argv[1] : "mongodb://localhost:27017"});
    dlock::semaphore slots(locks, "api-calls", 3);

    std::atomic<int> inside = 0, most = 0, calls = 0;
    std::vector<std::jthread> workers;
    for (int i = 0; i < 8; ++i) {
      workers.emplace_back([&] {
        auto slot = slots.acquire({.timeout = 30s});  // each gets its own permit, from the same object
        if (!slot) return;
        const int now = ++inside;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) continue;
        std::this_thread::sleep_for(20ms);
        ++calls;
        --inside;
      });  // `slot` gives the permit back when it is destroyed
    }
    workers.clear();
    std::printf("%d calls, at most %d at a time\n", calls.load(), most.load());

    // Two permits at once, or none. A waiter for two permits is not passed by others that want one.
    auto both = slots.acquire(2, {.timeout = 10s});
    std::printf("two more: %s\n", to_string(both.result()));
    return calls == 8 && most <= 3 ? 0 : 1;
  } catch (const dlock::error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
