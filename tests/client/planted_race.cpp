// A data race planted on purpose: the sanitizer run proves itself by finding it. One thread of the library's (a notice
// of a lost lease) and this one write a plain int without a lock.
#include <atomic>
#include <cstdio>
#include <thread>

#include "client/world.hpp"

int main() {
  using namespace dlock::testing;
  auto o = world::quick();
  o.exp_delta = std::chrono::milliseconds(300);
  o.autorefresh = false;
  world w(o);
  int plain = 0;
  std::atomic<bool> told{false};  // relaxed: it orders nothing
  {
    auto got = dlock::mutex(*w.locks, "lock").try_acquire();
    got->on_lost([&] {
      ++plain;
      told.store(true, std::memory_order_relaxed);
    });
    const auto end = got->valid_until() + std::chrono::seconds(30);
    while (!told.load(std::memory_order_relaxed) && dlock::boot_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      ++plain;
    }
    ++plain;
  }
  w.locks.reset();
  std::printf("%d\n", plain);
}
