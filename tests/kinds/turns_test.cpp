// Threads of one client take turns at a lock (docs/adr/0027-turns.md).
#include <atomic>
#include <mutex>
#include <optional>
#include <vector>

#include "kinds/harness.hpp"

namespace dlock::testing {
namespace {

struct Turns : Kinds {
  /// A call of `mine` that waits. Its `place` is told.
  std::future<acquisition> waits(const std::string& id, wait_options o = {.timeout = 60s}) {
    const auto told = std::make_shared<std::promise<void>>();
    o.on_wait = [told, once = std::make_shared<std::once_flag>()](const wait_status&) {
      std::call_once(*once, [&] { told->set_value(); });
    };
    auto out = later([this, id, o] { return dlock::mutex(mine, id).acquire(o); });
    EXPECT_EQ(told->get_future().wait_for(30s), std::future_status::ready);
    return out;
  }
};

TEST_F(Turns, TheOthersWaitWithoutAnEntry) {
  auto held = dlock::mutex(mine, "job").acquire();
  ASSERT_TRUE(held);
  std::vector<std::future<acquisition>> all;
  for (int i = 0; i < 5; ++i) all.push_back(waits("job"));
  EXPECT_EQ(mine.inspect("job")->waiters.size(), 0U);
  auto last = held->token();
  EXPECT_EQ(held->release(), release_result::released);
  for (auto& each : all) {
    auto got = each.get();
    ASSERT_TRUE(got);
    EXPECT_GT(got->token(), last) << "first come first served";
    last = got->token();
    EXPECT_EQ(got->release(), release_result::released);
  }
}

TEST_F(Turns, ClientsTakeTurns) {
  auto held = dlock::mutex(theirs, "job").acquire();
  ASSERT_TRUE(held);
  auto one = waits("job"), two = waits("job");
  auto other = later([&] { return dlock::mutex(theirs, "job").acquire({.timeout = 60s}); });
  ASSERT_TRUE(queued("job", 1));
  EXPECT_EQ(held->release(), release_result::released);
  auto first = one.get();
  ASSERT_TRUE(first);
  ASSERT_TRUE(queued("job", 1));
  EXPECT_EQ(first->release(), release_result::released);
  auto second = other.get();
  ASSERT_TRUE(second);
  EXPECT_FALSE(ready(two)) << "its client had a turn already";
  EXPECT_EQ(second->release(), release_result::released);
  EXPECT_TRUE(two.get());
}

TEST_F(Turns, AWaitForATurnEndsWithoutTheServer) {
  auto held = dlock::mutex(mine, "job").acquire();
  ASSERT_TRUE(held);
  std::stop_source stop;
  auto stopped = waits("job", {.timeout = 60s, .stop = stop.get_token()});
  auto late = waits("job", {.timeout = 200ms});
  auto other = dlock::mutex(mine, "job");
  EXPECT_EQ(other.try_acquire().result(), outcome::busy);
  stop.request_stop();
  EXPECT_EQ(stopped.get().result(), outcome::cancelled);
  const auto end = late.get();
  EXPECT_EQ(end.result(), outcome::timed_out);
  ASSERT_TRUE(end.holder());
  EXPECT_EQ(end.holder()->who, "somebody");
  EXPECT_EQ(end.holder()->token, held->token());
  EXPECT_TRUE(held->held());
}

TEST_F(Turns, APlaceInTheQueueIsInherited) {
  auto held = dlock::mutex(theirs, "job").acquire();
  ASSERT_TRUE(held);
  std::stop_source stop;
  auto one = waits("job", {.timeout = 60s, .stop = stop.get_token()});
  auto two = waits("job");
  auto other = later([&] { return dlock::mutex(theirs, "job").acquire({.timeout = 60s}); });
  ASSERT_TRUE(queued("job", 1)) << "the other client has a turn";
  stop.request_stop();
  EXPECT_EQ(one.get().result(), outcome::cancelled);
  EXPECT_EQ(held->release(), release_result::released);
  EXPECT_TRUE(two.get());
  EXPECT_TRUE(other.get());
}

TEST_F(Turns, SeveralLocksAtOnceDoNotBlockEachOther) {
  std::vector<std::future<int>> all;
  for (int t = 0; t < 6; ++t) {
    all.push_back(later([&, t] {
      int times = 0;
      client& c = t % 2 == 0 ? mine : theirs;
      for (int i = 0; i < 10; ++i) {
        dlock::mutex a(c, "a"), b(c, "b");
        if (t < 4) {
          auto got = t % 4 < 2 ? acquire_all({a, b}, {.timeout = 60s}) : acquire_all({b, a}, {.timeout = 60s});
          times += got ? 1 : 0;
        } else {
          times += b.acquire({.timeout = 60s}) ? 1 : 0;
        }
      }
      return times;
    }));
  }
  for (auto& each : all) EXPECT_EQ(each.get(), 10);
}

TEST_F(Turns, ManyThreadsOfSeveralClients) {
  std::vector<client> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(another());
  std::atomic<int> inside = 0, writers = 0, most = 0, got = 0;
  std::vector<std::future<void>> all;
  for (int t = 0; t < 30; ++t) {
    all.push_back(later([&, t] {
      client& c = clients[static_cast<std::size_t>(t % 3)];
      for (int i = 0; i < 8; ++i) {
        dlock::shared_mutex m(c, "data");
        const bool reads = (t + i) % 4 == 0;
        const wait_options o{.timeout = (t + i) % 5 == 0 ? 20ms : 60s};
        std::optional<acquisition> a;
        try {
          a = reads ? m.acquire_shared(o) : m.acquire(o);
        } catch (const error& e) {  // on a busy machine, the first answer takes longer than the shortest timeout
          EXPECT_EQ(e.code(), errc::unavailable) << e.what();
          EXPECT_EQ(o.timeout, 20ms) << e.what();
        }
        if (!a || !*a) continue;
        ++got;
        const int n = ++inside;
        if (!reads) most = std::max(most.load(), n);
        if (!reads) ++writers;
        if (reads && writers > 0) most = 1000;
        std::this_thread::yield();
        if (!reads) --writers;
        --inside;
        if (i % 2 == 0) {
          EXPECT_EQ((*a)->release(), release_result::released);
        }
      }
    }));
  }
  for (auto& each : all) each.get();
  EXPECT_EQ(most, 1) << "a writer is alone";
  EXPECT_GT(got, 150);
}

}  // namespace
}  // namespace dlock::testing
