// Permits while answers are lost: none leaks, none is given twice.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "client/world.hpp"

namespace dlock::testing {
namespace {

TEST(Permits, NoneLeaksOrIsGivenTwiceWhateverAnswersAreLost) {
  constexpr int kPermits = 4, kThreads = 12, kRounds = 25;
  auto o = world::quick();
  o.exp_delta = 30s;  // what leaks does not come back by itself
  world w(o);
  client other = w.another(o);
  std::atomic<int> inside = 0, most = 0, grants = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::minstd_rand random(static_cast<unsigned>(t + 1));
      const semaphore slots(t % 2 == 0 ? *w.locks : other, "slots", kPermits);
      for (int i = 0; i < kRounds; ++i) {
        const auto dice = random() % 12;
        if (dice == 0) w.store->inject({.what = fault::kind::lost_answer});
        if (dice == 1) w.store->inject({.what = fault::kind::lost_request});
        const int k = 1 + static_cast<int>(random() % 2);
        try {
          auto mine = slots;
          auto got = mine.acquire(k, {.timeout = std::chrono::milliseconds{dice < 6 ? 20 : 2000}});
          if (!got) continue;
          ++grants;
          const int now = inside += k;
          for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) continue;
          std::this_thread::sleep_for(1ms);
          inside -= k;
          (void)got->release();
        } catch (const error& e) {
          EXPECT_EQ(e.code(), errc::unavailable) << e.what();
        }
      }
    });
  }
  threads.clear();
  w.store->heal();
  EXPECT_GT(grants, 0);
  EXPECT_LE(most, kPermits);
  EXPECT_TRUE(eventually([&] { return w.store->get("slots")->holders.empty(); })) << "a permit leaked";
  EXPECT_TRUE(semaphore(*w.locks, "slots", kPermits).acquire(kPermits, {.timeout = 30s}));
}

}  // namespace
}  // namespace dlock::testing
