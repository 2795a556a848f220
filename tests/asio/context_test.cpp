#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>

#include "asio/asio_test.hpp"

/// What ends while an operation waits: the context, the coroutine, the client.
namespace dlock::testing {
namespace {

net::awaitable<void> wait_for(std::shared_ptr<mutex> lock, std::shared_ptr<int> alive, bool& went_on) {
  (void)co_await async_acquire(*lock, {}, net::use_awaitable);
  went_on = *alive == 0;
}

TEST(AsioContext, ItsEndDestroysTheCoroutinesThatWaitAndCancelsTheirCalls) {
  world w;
  auto other = w.another();
  auto held = mutex(other, "lock").try_acquire();
  auto alive = std::make_shared<int>(0);
  bool went_on = false;
  {
    net::io_context context;
    for (int i = 0; i < 5; ++i) {
      net::co_spawn(context, wait_for(std::make_shared<mutex>(*w.locks, "lock"), alive, went_on), net::detached);
    }
    context.poll();
    ASSERT_TRUE(eventually([&] { return waiters(w) == 1; })) << "the others wait for their turn";
    EXPECT_GT(alive.use_count(), 1);
  }
  EXPECT_EQ(alive.use_count(), 1) << "their frames are gone";
  EXPECT_FALSE(went_on);
  EXPECT_TRUE(eventually([&] { return waiters(w) == 0; }));
}

TEST(AsioContext, WhatIsPostedAndNotRunGivesItsLeaseBack) {
  world w;
  {
    net::io_context context;
    async_acquire(mutex(*w.locks, "lock"), {}, net::bind_executor(context, [](std::exception_ptr, const acquisition&) {
                    ADD_FAILURE() << "nobody runs it";
                  }));
    ASSERT_TRUE(eventually([&] { return holders(w) == 1; }));
  }
  EXPECT_TRUE(eventually([&] { return holders(w) == 0; }));
}

TEST(AsioContext, ItsEndIsNoRaceWithTheEndsOfCalls) {
  world w;
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> called = 0, made = 0, gone = 0;
    struct tracked {
      std::atomic<int>* gone;
      ~tracked() { ++*gone; }
    };
    {
      net::io_context context;
      for (int i = 0; i < 8; ++i) {
        ++made;
        async_acquire(
            mutex(*w.locks, "lock-" + std::to_string(i)), {},
            net::bind_executor(net::make_strand(context), [&called, t = std::make_unique<tracked>(tracked{&gone})](
                                                              std::exception_ptr, const acquisition&) { ++called; }));
      }
      std::jthread runs([&] { context.run_for(std::chrono::milliseconds(round % 4)); });
      runs.join();
    }
    EXPECT_EQ(gone, made + made) << "each handler is destroyed once, called or not";
    EXPECT_LE(called, made);
  }
}

TEST(AsioContext, AHandlerThatIsDestroyedMayOwnTheClient) {
  world w;
  auto held = mutex(*w.locks, "lock").try_acquire();
  auto own = std::make_shared<client>(w.another());
  const std::weak_ptr<client> watched = own;
  {
    net::io_context context;
    mutex lock(*own, "lock");
    async_acquire(lock, {},
                  net::bind_executor(context, [own = std::move(own)](std::exception_ptr, const acquisition&) {}));
    ASSERT_TRUE(eventually([&] { return waiters(w) == 1; }));
  }
  EXPECT_TRUE(watched.expired());
  EXPECT_TRUE(eventually([&] { return waiters(w) == 0; }));
}

TEST(AsioContext, TheEndOfTheClientCancelsWhatWaits) {
  world w;
  auto other = w.another();
  auto held = mutex(other, "lock").try_acquire();
  net::io_context context;
  std::array<int, 10> outcomes{};
  for (auto& o : outcomes) {
    async_acquire(mutex(*w.locks, "lock"), {},
                  net::bind_executor(context, [&](std::exception_ptr, const acquisition& got) {
                    if (got.result() == outcome::cancelled) ++o;
                  }));
  }
  ASSERT_TRUE(eventually([&] { return waiters(w) == 1; })) << "the others wait for their turn";
  w.locks.reset();
  context.run();
  for (const int o : outcomes) EXPECT_EQ(o, 1);
}

TEST(AsioContext, AThreadPoolMayEndAsWell) {
  world w;
  auto other = w.another();
  auto held = mutex(other, "lock").try_acquire();
  auto alive = std::make_shared<int>(0);
  {
    net::thread_pool pool(2);
    for (int i = 0; i < 5; ++i) {
      async_acquire(mutex(*w.locks, "lock"), {},
                    net::bind_executor(pool, [alive](std::exception_ptr, const acquisition&) {}));
    }
    ASSERT_TRUE(eventually([&] { return waiters(w) == 1; })) << "the others wait for their turn";
    pool.stop();
  }
  EXPECT_EQ(alive.use_count(), 1);
}

}  // namespace
}  // namespace dlock::testing
