#include <algorithm>
#include <atomic>
#include <mutex>

#include "kinds/harness.hpp"

namespace dlock::testing {
namespace {

using Shared = Kinds;

TEST_F(Shared, ReadersTogetherWritersAlone) {
  shared_mutex a(mine, "lock"), b(theirs, "lock"), w(theirs, "lock");
  const auto one = a.acquire_shared(), two = b.acquire_shared();
  ASSERT_TRUE(one && two);
  EXPECT_EQ(w.try_acquire().result(), outcome::busy);
  EXPECT_EQ(a.release(), release_result::released);
  EXPECT_EQ(w.try_acquire().result(), outcome::busy) << "one is still reading";
  EXPECT_EQ(b.release(), release_result::released);
  const auto writing = w.try_acquire();
  ASSERT_TRUE(writing);
  EXPECT_EQ(a.try_acquire_shared().result(), outcome::busy);
}

TEST_F(Shared, TokensOfReadersRiseAndDiffer) {
  shared_mutex a(mine, "lock"), b(theirs, "lock"), w(theirs, "lock");
  auto one = a.acquire_shared(), two = b.acquire_shared();
  EXPECT_GT(two->token(), one->token());
  const auto last = two->token();
  (void)one->release();
  (void)two->release();
  EXPECT_GT(w.acquire()->token(), last);
}

TEST_F(Shared, NeitherStarvesTheOther) {
  shared_mutex a(mine, "lock"), b(mine, "lock"), c(theirs, "lock"), w(theirs, "lock"), late(mine, "lock");
  auto reading = a.acquire_shared();
  auto writing = later([&] { return w.acquire(); });
  ASSERT_TRUE(queued("lock", 1));
  EXPECT_EQ(late.try_acquire_shared().result(), outcome::busy) << "it must not pass the writer";
  auto second = later([&] { return b.acquire_shared(); });
  ASSERT_TRUE(queued("lock", 2));
  auto third = later([&] { return c.acquire_shared(); });
  ASSERT_TRUE(queued("lock", 3));
  EXPECT_FALSE(ready(second, 100ms));
  (void)reading->release();
  ASSERT_TRUE(ready(writing, 30s));
  auto held = writing.get();
  EXPECT_FALSE(ready(second, 100ms));
  (void)held->release();
  EXPECT_TRUE(ready(second, 30s));
  EXPECT_TRUE(ready(third, 30s)) << "neighbours go together";
}

TEST_F(Shared, ADowngradeLetsTheReadersInAndNobodyElse) {
  shared_mutex w(mine, "lock"), a(theirs, "lock"), b(theirs, "lock"), next(theirs, "lock");
  auto writing = w.acquire();
  const auto token = writing->token();
  auto one = later([&] { return a.acquire_shared(); });
  ASSERT_TRUE(queued("lock", 1));
  auto two = later([&] { return b.acquire_shared(); });
  ASSERT_TRUE(queued("lock", 2));
  auto later_writer = later([&] { return next.acquire(); });
  ASSERT_TRUE(queued("lock", 3));
  EXPECT_EQ(w.downgrade(), downgrade_result::downgraded);
  EXPECT_TRUE(ready(one, 30s));
  EXPECT_TRUE(ready(two, 30s));
  EXPECT_FALSE(ready(later_writer, 100ms));
  EXPECT_TRUE(writing->held());
  EXPECT_EQ(writing->token(), token);
  EXPECT_EQ(w.downgrade(), downgrade_result::downgraded) << "again";
  (void)one.get()->release();
  (void)two.get()->release();
  EXPECT_FALSE(ready(later_writer, 100ms)) << "the one that downgraded still reads";
  (void)writing->release();
  EXPECT_TRUE(ready(later_writer, 30s));
}

TEST_F(Shared, ADowngradeOfWhatIsNotHeld) {
  shared_mutex w(mine, "lock");
  EXPECT_EQ(w.downgrade(), downgrade_result::not_held);
  auto got = w.acquire();
  (void)got->release();
  EXPECT_EQ(w.downgrade(), downgrade_result::not_held);
}

TEST_F(Shared, ADowngradeOfWhatIsGoneSaysLost) {
  shared_mutex w(mine, "lock");
  auto got = w.acquire();
  place_->remove("lock");
  EXPECT_EQ(w.downgrade(), downgrade_result::lost);
  EXPECT_FALSE(got->held());
  EXPECT_TRUE(eventually([&] { return got->lost().stop_requested(); }));
}

TEST_F(Shared, ThereIsNoUpgrade) {
  shared_mutex a(mine, "lock");
  const auto reading = a.acquire_shared();
  ASSERT_TRUE(reading);
  EXPECT_EQ(a.acquire().result(), outcome::already_held);
  EXPECT_EQ(a.try_acquire().result(), outcome::already_held);
  EXPECT_EQ(a.acquire_shared().result(), outcome::already_held);
}

TEST_F(Shared, AMutexOfThatIdIsItsExclusiveSide) {
  shared_mutex a(mine, "lock");
  mutex m(theirs, "lock");
  const auto reading = a.acquire_shared();
  EXPECT_EQ(m.try_acquire().result(), outcome::busy);
}

TEST_F(Shared, InAFloodOfReadersAWriterWaitsForThoseAheadOfItOnly) {
  constexpr int kReaders = 50, kWriters = 5;
  struct reading {
    boot_clock::time_point asked;
    std::int64_t token;
  };
  std::atomic<bool> stop = false;
  std::mutex guard;
  std::vector<reading> all;
  std::vector<std::jthread> readers;
  for (int i = 0; i < kReaders; ++i) {
    readers.emplace_back([&, &c = i % 2 == 0 ? mine : theirs] {
      shared_mutex m(c, "lock");
      while (!stop) {
        const auto asked = boot_clock::now();
        auto got = m.acquire_shared({.timeout = 60s});
        if (!got) continue;
        std::this_thread::sleep_for(1ms);
        const std::lock_guard here(guard);
        all.push_back({asked, got->token()});
      }
    });
  }
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard here(guard);
    return all.size() > kReaders;
  })) << "no flood";
  shared_mutex w(mine, "lock");
  std::vector<reading> writings;  // when it was seen to stand in the queue, and its token
  for (int i = 0; i < kWriters; ++i) {
    std::optional<boot_clock::time_point> queued_at;
    auto got = w.acquire({.timeout = 60s, .on_wait = [&](const wait_status& now) {
                            if (queued_at) return;
                            queued_at = boot_clock::now();
                            EXPECT_LT(now.place, kReaders);
                          }});
    EXPECT_TRUE(got);
    if (queued_at && got) writings.push_back({*queued_at, got->token()});
  }
  stop = true;
  readers.clear();
  EXPECT_FALSE(writings.empty()) << "there was no flood";
  for (const auto& writing : writings) {
    const auto passed = std::count_if(
        all.begin(), all.end(), [&](const reading& r) { return r.asked > writing.asked && r.token < writing.token; });
    EXPECT_EQ(passed, 0) << "readers that came after it got in before it";
  }
}

}  // namespace
}  // namespace dlock::testing
