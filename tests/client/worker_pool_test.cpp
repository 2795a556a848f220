#include "util/worker_pool.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <future>
#include <latch>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "client/no_threads.hpp"
#include "client/world.hpp"
#include "store/driver.hpp"
#include "support/threads.hpp"

namespace dlock {
namespace {

using namespace std::chrono_literals;
using testing::no_more_threads;

TEST(WorkerPool, NeverMoreThreadsThanAllowed) {
  worker_pool pool(2);
  std::atomic<int> now{0}, most{0};
  std::latch all(20);
  for (int i = 0; i < 20; ++i) {
    pool.post([&] {
      const int n = ++now;
      for (int m = most; n > m && !most.compare_exchange_weak(m, n);) {
      }
      std::this_thread::sleep_for(1ms);
      --now;
      all.count_down();
    });
  }
  all.wait();
  EXPECT_LE(most, 2);
}

TEST(WorkerPool, ThreadsThatAreNotNeededEndButNotTheLastOne) {
  const auto its_threads = [] { return testing::threads()["idle"]; };
  worker_pool pool(5, "idle", 20ms);
  const auto need_five = [&] {
    const auto all = std::make_shared<std::latch>(5);
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(pool.post([all] { all->arrive_and_wait(); }));
    all->wait();
  };
  for (int round = 0; round < 3; ++round) {
    need_five();
    EXPECT_TRUE(testing::eventually([&] { return its_threads() == 1; })) << its_threads();
    EXPECT_FALSE(pool.is_busy());
  }
  EXPECT_FALSE(testing::eventually([&] { return its_threads() == 0; }, 100ms));
  need_five();
  EXPECT_TRUE(testing::eventually([&] {
    const auto done = std::make_shared<std::promise<void>>();  // one after the other, so the idle threads take turns
    EXPECT_TRUE(pool.post([done] { done->set_value(); }));
    done->get_future().wait();
    return its_threads() == 1;
  }));
  pool.stop(30s);
  EXPECT_TRUE(testing::eventually([&] { return its_threads() == 0; }));
}

TEST(WorkerPool, AStoppedPoolTakesNothing) {
  worker_pool pool(1);
  pool.stop(1s);
  EXPECT_FALSE(pool.post([] { FAIL(); }));
}

TEST(WorkerPool, StoppingWaitsForATaskOnlySoLong) {
  auto release = std::make_shared<std::promise<void>>();
  auto ended = std::make_shared<std::promise<void>>();
  {
    worker_pool pool(1);
    std::latch begun(1);
    pool.post([&begun, release, ended] {
      begun.count_down();
      (void)release->get_future().wait_for(60s);
      ended->set_value();
    });
    begun.wait();
    const auto before = std::chrono::steady_clock::now();
    pool.stop(20ms);
    EXPECT_LT(std::chrono::steady_clock::now() - before, 30s) << "it waited for the task";
  }
  release->set_value();
  EXPECT_EQ(ended->get_future().wait_for(30s), std::future_status::ready)
      << "it ends in its own time, without the pool";
}

TEST(WorkerPool, TasksThatHaveNotBegunAreDroppedAndDestroyed) {
  auto owned = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = owned;
  std::promise<void> release;
  {
    worker_pool pool(1);
    std::latch begun(1);
    pool.post([&] {
      begun.count_down();
      release.get_future().wait();
    });
    begun.wait();
    pool.post([owned = std::move(owned)] { FAIL() << "it was dropped"; });
    EXPECT_FALSE(watch.expired());
    pool.stop(1ms);
    EXPECT_TRUE(watch.expired());
    release.set_value();
  }
}

TEST(WorkerPool, ATaskMayDestroyItsOwnPool) {
  std::promise<void> done;
  auto pool = std::make_shared<worker_pool>(2);
  std::promise<void> handed_over;
  pool->post([&, mine = pool]() mutable {
    handed_over.get_future().wait();
    mine->stop(60s);
    mine.reset();
    done.set_value();
  });
  pool.reset();
  handed_over.set_value();
  EXPECT_EQ(done.get_future().wait_for(30s), std::future_status::ready) << "it waited for itself";
}

TEST(WorkerPool, ItsThreadsTakeNoSignals) {
  worker_pool pool(1);
  std::promise<bool> blocked;
  pool.post([&] {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    blocked.set_value(sigismember(&mask, SIGINT) == 1 && sigismember(&mask, SIGTERM) == 1 &&
                      sigismember(&mask, SIGUSR1) == 1);
  });
  EXPECT_TRUE(blocked.get_future().get());
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  EXPECT_EQ(sigismember(&mask, SIGINT), 0) << "the program's own threads do";
}

/// A pool whose only thread is busy until release(), and that gets no other until then.
class short_of_threads {
 public:
  explicit short_of_threads(std::size_t most) : pool(most) {
    std::latch begun(1);
    pool.post([this, &begun] {
      begun.count_down();
      release_.wait();
    });
    begun.wait();
    none_.emplace();
  }
  /// A limit is no more; the thread stays busy.
  void more_threads() { none_.reset(); }
  void release() { release_.count_down(); }

 private:
  std::latch release_{1};
  std::optional<no_more_threads> none_;

 public:
  worker_pool pool;  // goes first: its thread uses the rest
};

TEST(WorkerPool, WithoutALimitATaskIsHandedBackIfNoThreadCanBeStarted) {
  short_of_threads here(worker_pool::unlimited);
  int calls = 0;
  std::function<void()> task = [&] { ++calls; };
  EXPECT_FALSE(here.pool.post(std::move(task)));
  ASSERT_TRUE(task) << "somebody else can do it";
  task();
  here.more_threads();
  std::latch done(1);
  EXPECT_TRUE(here.pool.post([&] { done.count_down(); })) << "as soon as there are threads";
  done.wait();
  here.release();
  here.pool.stop(10s);
  EXPECT_EQ(calls, 1);
}

TEST(WorkerPool, ATaskThatMayWaitIsDoneByTheNextFreeThread) {
  for (const bool limit : {true, false}) {
    short_of_threads here(limit ? 2 : worker_pool::unlimited);
    std::latch done(1);
    const auto task = [&] { done.count_down(); };
    EXPECT_TRUE(limit ? here.pool.post(task) : here.pool.post_patiently(task));
    EXPECT_FALSE(done.try_wait());
    here.release();
    done.wait();
  }
}

TEST(WorkerPool, ATaskThatWaitsTakesNoThreadFromOthers) {
  short_of_threads here(worker_pool::unlimited);
  std::latch both(2);  // only passes if both run at once
  std::latch out(2);
  const auto task = [&] {
    both.arrive_and_wait();
    out.count_down();
  };
  EXPECT_TRUE(here.pool.post_patiently(task));
  here.more_threads();
  EXPECT_TRUE(here.pool.post(task));
  out.wait();
  here.release();
}

/// Else a thread that is still in the driver finds its libraries cleaned up, and they abort the process.
TEST(WorkerPool, ATaskThatIsNotWaitedForIsOverBeforeTheDriverIsCleanedUp) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // a new process, which has no driver yet
  static std::atomic<bool> over = false;
  static std::latch at_exit(1);
  const auto ends = [] {
    (void)std::atexit([] { _exit(over ? 0 : 1); });  // like a library that was there before the driver: it comes last
    initialise_driver();
    (void)std::atexit([] { at_exit.count_down(); });
    auto pool = std::make_unique<worker_pool>(1);
    std::latch begun(1);
    if (!pool->post([&begun] {
          begun.count_down();
          at_exit.wait();
          over = true;
        })) {
      _exit(2);
    }
    begun.wait();
    pool->stop(0ms);
    pool.reset();
    std::exit(3);
  };
  EXPECT_EXIT(ends(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace dlock
