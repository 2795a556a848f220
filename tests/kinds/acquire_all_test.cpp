#include <algorithm>
#include <array>
#include <atomic>
#include <random>

#include "kinds/harness.hpp"

namespace dlock::testing {
namespace {

using All = Kinds;

TEST_F(All, AreHeldTogether) {
  mutex a(mine, "a");
  shared_mutex b(mine, "b");
  semaphore c(mine, "c", 3);
  auto got = acquire_all({c.take(2), a, b.shared()});
  ASSERT_TRUE(got);
  EXPECT_EQ(got->ids(), (std::vector<std::string>{"c", "a", "b"})) << "as they were given";
  for (const auto* id : {"a", "b", "c"}) {
    EXPECT_GT(got->token(id), 0);
    const auto s = theirs.inspect(id);
    ASSERT_TRUE(s);
    ASSERT_EQ(s->holders.size(), 1U);
    EXPECT_EQ(s->holders[0].token, got->token(id));
  }
  EXPECT_EQ(error_of([&] { (void)got->token("d"); }).code(), errc::invalid_argument);
  EXPECT_TRUE(got->held());
  EXPECT_EQ(a.acquire().result(), outcome::already_held);
  EXPECT_TRUE(shared_mutex(theirs, "b").try_acquire_shared());
  EXPECT_EQ(got->release(), release_result::released);
  EXPECT_FALSE(got->held());
  for (const auto* id : {"a", "b"}) EXPECT_TRUE(mutex(theirs, id).try_acquire()) << id;
}

TEST_F(All, ABusyLockReleasesTheOthers) {
  mutex a(mine, "a"), b(mine, "b"), c(mine, "c");
  const auto held = mutex(theirs, "b").acquire();
  for (const auto timeout : {0ms, 2000ms}) {
    auto got = acquire_all({a, b, c}, {.timeout = timeout});
    EXPECT_EQ(got.result(), timeout > 0ms ? outcome::timed_out : outcome::busy);
    EXPECT_EQ(got.id(), "b");
    ASSERT_TRUE(got.holder());
    EXPECT_EQ(got.holder()->who, "somebody");
    EXPECT_FALSE(got->held());
    // What a slow server has not taken back by the call's end it takes back soon, and before the lease is over.
    EXPECT_TRUE(mutex(theirs, "a").acquire({.timeout = 2s}));
    EXPECT_TRUE(mutex(theirs, "c").try_acquire());
  }
}

TEST_F(All, AreAskedForInTheOrderOfTheirIds) {
  mutex a(mine, "a"), b(mine, "b");
  const auto first = mutex(theirs, "a").acquire(), second = mutex(theirs, "b").acquire();
  EXPECT_EQ(acquire_all({b, a}, {.timeout = 0ms}).id(), "a")
      << "in the order given, two that name them differently deadlock";
}

TEST_F(All, NonsenseIsRefused) {
  mutex a(mine, "a"), b(theirs, "b");
  shared_mutex again(mine, "a");
  EXPECT_EQ(error_of([&] { (void)acquire_all({}); }).code(), errc::invalid_argument);
  EXPECT_EQ(error_of([&] { (void)acquire_all({a, again.shared()}); }).code(), errc::invalid_argument);
  EXPECT_EQ(error_of([&] { (void)acquire_all({a, b}); }).code(), errc::invalid_argument);
  EXPECT_FALSE(mine.inspect("a"));
}

TEST_F(All, AreLostAsOne) {
  auto quick_one = another(changed(quick(), [](auto& o) { o.exp_delta = 3s; }));
  mutex a(quick_one, "a"), b(quick_one, "b");
  auto got = acquire_all({a, b});
  std::atomic<int> told = 0;
  got->on_lost([&] { ++told; });
  place_->remove("b");
  EXPECT_TRUE(eventually([&] { return got->lost().stop_requested(); }));
  EXPECT_FALSE(got->held());
  EXPECT_NE(got->loss().find("\"b\""), std::string::npos) << got->loss();
  EXPECT_EQ(got->release(), release_result::lost);
  EXPECT_TRUE(mutex(theirs, "a").try_acquire()) << "released all the same";
  EXPECT_TRUE(eventually([&] { return told > 0; }));
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(told, 1);
}

TEST_F(All, ASetOfOneIsLostLikeASingleLease) {
  mutex a(mine, "a");
  auto got = acquire_all({a});
  ASSERT_TRUE(got);
  ASSERT_EQ(theirs.revoke("a").size(), 1U);
  EXPECT_TRUE(eventually([&] { return got->lost().stop_requested(); }));
  EXPECT_EQ(got->loss().find("\"a\""), std::string::npos) << "whoever asked for one knows which: " << got->loss();
  EXPECT_NE(got->loss(), "");
}

TEST_F(All, BeginAgainWhenOneIsLostWhileTheyWait) {
  auto quick_one = another(changed(quick(), [](auto& o) { o.exp_delta = 3s; }));
  mutex a(quick_one, "a"), b(quick_one, "b");
  auto blocking = mutex(theirs, "b").acquire();
  auto waiting = later([&] { return acquire_all({b, a}, {.timeout = 60s}); });
  ASSERT_TRUE(held_by("a", 1));
  const auto first = theirs.inspect("a")->holders[0].token;
  place_->remove("a");
  ASSERT_TRUE(eventually([&] {
    const auto s = theirs.inspect("a");
    return s && !s->holders.empty() && s->holders[0].token != first;
  })) << "it must not go on with a lock that it has lost";
  (void)blocking->release();
  auto got = waiting.get();
  ASSERT_TRUE(got);
  EXPECT_TRUE(got->held());
}

TEST_F(All, InAnyOrderThereIsNoDeadlockAndNoPartialHold) {
  constexpr int kLocks = 10, kThreads = 20, kRounds = 100;
  std::atomic<int> left = kRounds;
  std::array<std::atomic<int>, kLocks> inside{};
  std::atomic<int> wrong = 0, failed = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::minstd_rand random(static_cast<unsigned>(t + 1));
      auto& c = t % 2 == 0 ? mine : theirs;
      std::vector<int> order(kLocks);
      for (int i = 0; i < kLocks; ++i) order[static_cast<std::size_t>(i)] = i;
      while (left.fetch_sub(1) > 0) {
        std::shuffle(order.begin(), order.end(), random);
        std::vector<mutex> locks;
        for (int i = 0; i < 3; ++i) locks.emplace_back(c, "lock-" + std::to_string(order[static_cast<std::size_t>(i)]));
        auto got = acquire_all({locks[0], locks[1], locks[2]}, {.timeout = 60s});
        if (!got) {
          ++failed;
          continue;
        }
        for (int i = 0; i < 3; ++i) {
          if (inside[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])].fetch_add(1) != 0) ++wrong;
        }
        for (int i = 0; i < 3; ++i) inside[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])].fetch_sub(1);
        (void)got->release();
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(failed, 0);
  for (int i = 0; i < kLocks; ++i) EXPECT_TRUE(mutex(mine, "lock-" + std::to_string(i)).try_acquire());
}

}  // namespace
}  // namespace dlock::testing
