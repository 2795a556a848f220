#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <iterator>
#include <thread>

#include "client/async_result.hpp"
#include "client/no_threads.hpp"
#include "client/world.hpp"

/// Calls that end with a callback. What a call does is tested with those that block; here is how it ends.
namespace dlock::testing {
namespace {

using result = async_result;

std::size_t threads() {
  namespace fs = std::filesystem;
  return static_cast<std::size_t>(std::distance(fs::directory_iterator("/proc/self/task"), fs::directory_iterator()));
}

TEST(Async, AFreeLockIsAcquiredAndReleased) {
  world w;
  mutex lock(*w.locks, "lock");
  result taken, given, again;
  lock.async_acquire({}, taken.taking());
  ASSERT_EQ(taken.get().result(), outcome::acquired);
  EXPECT_TRUE(taken.get()->held());
  EXPECT_NE(taken.thread(), std::this_thread::get_id());
  taken.get()->async_release(given.giving());
  EXPECT_EQ(given.released(), release_result::released);
  taken.get()->async_release(again.giving());
  EXPECT_EQ(again.released(), release_result::not_held);
  EXPECT_TRUE(mutex(*w.locks, "lock").try_acquire());
  w.locks.reset();
  EXPECT_EQ(taken.calls() + given.calls() + again.calls(), 3);
}

TEST(Async, EveryKindHasIt) {
  world w;
  shared_mutex readers(*w.locks, "shared"), writer(*w.locks, "shared");
  semaphore slots(*w.locks, "slots", 3);
  election cluster(*w.locks, "cluster");
  mutex job(*w.locks, "job");
  result read, refused, wrote, waits, two, full, leads, tried, claimed;
  readers.async_acquire_shared({}, read.taking());
  ASSERT_TRUE(read.get());
  writer.async_try_acquire(refused.taking());
  EXPECT_EQ(refused.get().result(), outcome::busy);
  writer.async_acquire({}, wrote.taking());
  EXPECT_EQ(read.get()->release(), release_result::released);
  EXPECT_TRUE(wrote.get());
  readers.async_try_acquire_shared(waits.taking());
  EXPECT_EQ(waits.get().result(), outcome::busy);
  slots.async_acquire(2, {}, two.taking());
  ASSERT_TRUE(two.get());
  slots.async_try_acquire(2, full.taking());
  EXPECT_EQ(full.get().result(), outcome::busy);
  EXPECT_EQ(error_of([&] { slots.async_acquire(4, {}, full.taking()); }).code(), errc::invalid_argument);
  cluster.async_campaign("here", {}, leads.taking());
  ASSERT_TRUE(leads.get());
  EXPECT_EQ(cluster.leader()->value, "here");
  job.async_try_acquire(tried.taking());
  EXPECT_TRUE(tried.get());
  slots.take(1).async_acquire({}, claimed.taking());
  EXPECT_TRUE(claimed.get());
}

TEST(Async, OutcomesAreThoseOfTheCallThatBlocks) {
  world w;
  auto held = mutex(*w.locks, "lock").try_acquire();
  mutex lock(*w.locks, "lock");
  result busy, late, stopped, already;
  lock.async_try_acquire(busy.taking());
  EXPECT_EQ(busy.get().result(), outcome::busy);
  ASSERT_TRUE(busy.get().holder());
  EXPECT_EQ(busy.get().holder()->token, held->token());
  lock.async_acquire({.timeout = 50ms}, late.taking());
  EXPECT_EQ(late.get().result(), outcome::timed_out);
  std::stop_source stop;
  lock.async_acquire({.stop = stop.get_token()}, stopped.taking());
  lock.async_acquire({}, already.taking());
  EXPECT_EQ(already.get().result(), outcome::already_held);
  EXPECT_EQ(stopped.calls(), 0);
  stop.request_stop();
  EXPECT_EQ(stopped.get().result(), outcome::cancelled);
  EXPECT_TRUE(eventually([&] { return w.store->get("lock")->waiters.empty(); }));
  result next;
  EXPECT_EQ(held->release(), release_result::released);
  lock.async_acquire({}, next.taking());
  EXPECT_TRUE(next.get()) << "a call that has ended leaves the object free";
}

TEST(Async, AnErrorIsGivenToTheCallback) {
  world w;
  mutex lock(*w.locks, "lock");
  result refused, silent;
  w.store->inject({.what = fault::kind::refused, .code = errc::not_authorized});
  lock.async_acquire({}, refused.taking());
  EXPECT_EQ(error_of([&] { (void)refused.get(); }).code(), errc::not_authorized);
  w.store->inject({.what = fault::kind::unreachable, .times = fault::always});
  lock.async_acquire({.timeout = 100ms}, silent.taking());
  EXPECT_EQ(error_of([&] { (void)silent.get(); }).code(), errc::unavailable);
  w.store->heal();
  auto got = lock.acquire();
  ASSERT_TRUE(got);
  result no;
  w.store->inject({.what = fault::kind::refused, .on = only(operation::release), .code = errc::not_authorized});
  got->async_release(no.giving());
  EXPECT_EQ(error_of([&] { (void)no.released(); }).code(), errc::not_authorized);
}

TEST(Async, ACallThatCannotBeginThrowsAndItsCallbackIsNotCalled) {
  world w;
  mutex lock(*w.locks, "lock");
  result r;
  EXPECT_EQ(error_of([&] { lock.async_acquire({}, nullptr); }).code(), errc::invalid_argument);
  EXPECT_EQ(error_of([&] { lease().async_release(r.giving()); }).code(), errc::invalid_argument);
  {
    const no_more_threads none;
    EXPECT_EQ(error_of([&] { lock.async_acquire({}, r.taking()); }).code(), errc::unavailable);
  }
  auto got = lock.acquire();
  ASSERT_TRUE(got) << "nothing was begun";
  EXPECT_EQ(error_of([&] { got->async_release(nullptr); }).code(), errc::invalid_argument);
  EXPECT_TRUE(got->held());
  w.locks->close();
  EXPECT_EQ(error_of([&] { lock.async_acquire({}, r.taking()); }).code(), errc::closed);
  EXPECT_EQ(r.calls(), 0);
}

TEST(Async, APlaceInTheQueueIsToldAndNeverAfterTheEnd) {
  world w;
  auto held = mutex(*w.locks, "lock").try_acquire();
  mutex lock(*w.locks, "lock");
  result r;
  event waiting;
  std::atomic<bool> after_the_end = false;
  lock.async_acquire({.on_wait =
                          [&](const wait_status& s) {
                            EXPECT_EQ(s.place, 0);
                            EXPECT_EQ(s.queue_length, 1);
                            if (r.calls() > 0) after_the_end = true;
                            waiting.happen();
                          }},
                     r.taking());
  ASSERT_TRUE(waiting.wait());
  EXPECT_EQ(held->release(), release_result::released);
  EXPECT_TRUE(r.get());
  EXPECT_FALSE(after_the_end);
}

TEST(Async, AnExceptionOfOnWaitEndsTheCall) {
  world w;
  auto held = mutex(*w.locks, "lock").try_acquire();
  mutex lock(*w.locks, "lock");
  result r;
  lock.async_acquire({.on_wait = [](auto&) { throw std::runtime_error("enough"); }}, r.taking());
  EXPECT_THROW((void)r.get(), std::runtime_error);
  EXPECT_TRUE(eventually([&] { return w.store->get("lock")->waiters.empty(); }));
  w.locks.reset();
  EXPECT_EQ(r.calls(), 1);
}

TEST(Async, AnExceptionOfACallbackIsLogged) {
  auto o = world::quick();
  event logged;
  o.log = [&](log_level, std::string_view text) {
    if (text.find("lock \"lock\" threw: oh") != std::string_view::npos) logged.happen();
  };
  world w(o);
  mutex(*w.locks, "lock").async_acquire({}, [](auto&&...) { throw std::runtime_error("oh"); });
  EXPECT_TRUE(logged.wait());
  EXPECT_TRUE(eventually([&] { return w.store->get("lock")->holders.empty(); })) << "its lease goes, too";
  w.locks.reset();  // before what the log callback uses
}

TEST(Async, TheCallGoesOnWithoutItsLockObject) {
  world w;
  auto other = w.another();
  auto held = mutex(other, "lock").try_acquire();
  result r;
  mutex(*w.locks, "lock").async_acquire({}, r.taking());
  ASSERT_TRUE(eventually([&] { return !w.store->get("lock")->waiters.empty(); }));
  EXPECT_EQ(held->release(), release_result::released);
  EXPECT_TRUE(r.get());
}

TEST(Async, CloseCancelsAllThatWait) {
  world w(world::patient());
  auto other = w.another(world::patient());
  auto held = mutex(other, "lock").try_acquire();
  std::vector<result> all(50);
  for (auto& r : all) shared_mutex(*w.locks, "lock").async_acquire_shared({}, r.taking());
  ASSERT_TRUE(eventually([&] { return w.store->get("lock")->waiters.size() == all.size(); }));
  w.locks->close();
  for (const auto& r : all) EXPECT_EQ(r.get().result(), outcome::cancelled);
  w.locks.reset();
  for (const auto& r : all) EXPECT_EQ(r.calls(), 1);
}

TEST(Async, CloseWaitsForCallbacks) {
  world w;
  auto other = w.another();
  auto held = mutex(other, "lock").try_acquire();
  std::atomic<bool> called = false;
  mutex(*w.locks, "lock").async_acquire({}, [&](std::exception_ptr, const acquisition&) {
    std::this_thread::sleep_for(100ms);
    called = true;
  });
  ASSERT_TRUE(eventually([&] { return !w.store->get("lock")->waiters.empty(); }));
  w.locks->close();
  EXPECT_TRUE(called);
}

TEST(Async, TheEndOfTheClientAlsoCancelsACallThatIsNotAnswered) {
  world w;
  mutex lock(*w.locks, "lock");
  result r;
  w.store->block();
  lock.async_acquire({}, r.taking());
  ASSERT_TRUE(w.store->wait_for_blocked(1));
  w.locks.reset();
  EXPECT_EQ(r.get().result(), outcome::cancelled);
  w.store->unblock();
}

TEST(Async, ACallbackMayOwnAllHandles) {
  world w;
  struct handles {
    client locks;
    std::optional<mutex> lock;
  };
  auto own = std::make_shared<handles>(handles{w.another(), {}});
  own->lock.emplace(own->locks, "lock");
  const auto end = std::make_shared<int>();
  auto* const all = own.get();
  all->lock->async_acquire({}, [own = std::move(own), end](std::exception_ptr, acquisition got) mutable {
    EXPECT_TRUE(got);
    own.reset();  // this ends the client, on its own thread
    EXPECT_EQ(got->release(), release_result::released) << "a lease outlives its client";
  });
  EXPECT_TRUE(eventually([&] { return end.use_count() == 1; })) << "the callback was destroyed";
}

TEST(Async, ALeaseIsReleasedInTheBackground) {
  world w;
  result r;
  mutex(*w.locks, "lock").async_acquire({}, r.taking());
  ASSERT_TRUE(r.get());
  w.store->block(only(operation::release));
  {
    const lease l = std::move(*r.get());
    EXPECT_TRUE(l.held());
  }  // would block here
  ASSERT_TRUE(w.store->wait_for_blocked(1));
  w.store->unblock();
  EXPECT_TRUE(eventually([&] { return w.store->get("lock")->holders.empty(); }));
}

TEST(Async, CloseWaitsForAReleaseInTheBackground) {
  world w;
  result r;
  mutex(*w.locks, "lock").async_acquire({}, r.taking());
  ASSERT_TRUE(r.get());
  w.store->block(only(operation::release));
  { const lease l = std::move(*r.get()); }
  ASSERT_TRUE(w.store->wait_for_blocked(1));
  std::jthread later([&] {
    std::this_thread::sleep_for(100ms);
    w.store->unblock();
  });
  w.locks.reset();
  EXPECT_TRUE(w.store->get("lock")->holders.empty());
}

TEST(Async, AfterAnAsyncReleaseTheLeaseMayGo) {
  world w;
  auto got = mutex(*w.locks, "lock").acquire();
  ASSERT_TRUE(got);
  result r;
  w.store->block(only(operation::release));
  {
    lease l = std::move(*got);
    l.async_release(r.giving());
    EXPECT_FALSE(l.held());
  }  // would block here
  EXPECT_EQ(r.calls(), 0);
  w.store->unblock();
  EXPECT_EQ(r.released(), release_result::released);
}

TEST(Async, AStopTokenThatHasFiredSendsNothing) {
  world w;
  std::stop_source stop;
  stop.request_stop();
  result r;
  mutex(*w.locks, "lock").async_acquire({.stop = stop.get_token()}, r.taking());
  EXPECT_EQ(r.get().result(), outcome::cancelled);
  EXPECT_EQ(w.store->calls().size(), 0u);
}

TEST(Async, WaitingTakesNoThread) {
  world w(world::patient());
  auto other = w.another(world::patient());
  const auto id = [](std::size_t i) { return "lock-" + std::to_string(i % 10); };
  std::vector<acquisition> held;
  for (std::size_t i = 0; i < 10; ++i) held.push_back(mutex(other, id(i)).try_acquire());
  std::stop_source stop;
  std::vector<result> all(500);
  const auto before = threads();
  for (std::size_t i = 0; i < all.size(); ++i) {
    shared_mutex(*w.locks, id(i)).async_acquire_shared({.stop = stop.get_token()}, all[i].taking());
  }
  const auto waiters = [&] {
    std::size_t n = 0;
    for (std::size_t i = 0; i < 10; ++i) n += w.store->get(id(i))->waiters.size();
    return n;
  };
  ASSERT_TRUE(eventually([&] { return waiters() == all.size(); }));
  EXPECT_LE(threads(), before + 16 + 1) << "those that send, and one for callbacks";
  stop.request_stop();
  for (const auto& r : all) EXPECT_EQ(r.get().result(), outcome::cancelled);
  EXPECT_LE(threads(), before + 16 + 8);
}

TEST(Async, CallbacksThatBlockTakeEightThreadsAndDelayNoLoss) {
  world w(changed(world::quick(), [](auto& o) { o.exp_delta = 1500ms, o.autorefresh = false; }));
  auto held = mutex(*w.locks, "lost").try_acquire();
  ASSERT_TRUE(held);
  event lost, enough;
  held->on_lost([&] { lost.happen(); });
  std::atomic<int> at_once = 0, most = 0;
  std::vector<result> all(20);
  for (std::size_t i = 0; i < all.size(); ++i) {
    mutex lock(*w.locks, "lock-" + std::to_string(i));
    lock.async_acquire({}, [&, done = all[i].taking()](std::exception_ptr failure, acquisition got) {
      const int now = ++at_once;
      for (int m = most; now > m && !most.compare_exchange_weak(m, now);) {
      }
      (void)enough.wait();
      --at_once;
      done(std::move(failure), std::move(got));
    });
  }
  EXPECT_TRUE(eventually([&] { return at_once == 8; }));
  EXPECT_TRUE(lost.wait());
  EXPECT_TRUE(mutex(*w.locks, "another").try_acquire()) << "calls that block do not wait for them";
  enough.happen();
  for (const auto& r : all) EXPECT_TRUE(r.wait());
  EXPECT_EQ(most, 8);
}

}  // namespace
}  // namespace dlock::testing
