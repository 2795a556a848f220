#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

#include "client/world.hpp"

/// What a client makes of answers that do not come, come late, or say no.
namespace dlock::testing {
namespace {

TEST(Answers, ALostReplyIsAskedForAgainWithTheSameIdAndHoldsOnce) {
  for (const bool queue : {false, true}) {
    world w;
    w.store->inject({.what = fault::kind::lost_answer, .times = 2});
    mutex lock(*w.locks, "lock");
    auto got = queue ? lock.acquire() : lock.try_acquire();
    ASSERT_TRUE(got);
    const auto calls = w.store->calls();
    ASSERT_GE(calls.size(), 3u);
    EXPECT_EQ(calls[0].request.id, calls[2].request.id);
    EXPECT_EQ(got->owner(), calls[0].request.id);
    EXPECT_EQ(w.store->get("lock")->holders.size(), 1u);
  }
}

TEST(Answers, TheLeaseCountsFromTheRequestThatSetIt) {
  world w;
  mutex lock(*w.locks, "lock");
  const auto before = boot_clock::now();
  auto got = lock.try_acquire();
  EXPECT_LE(got->valid_until(), boot_clock::now() + 3s);
  EXPECT_GE(got->valid_until(), before + 3s - 310ms);
  EXPECT_LE(got->valid_for(), 3s - 300ms) << "a margin is kept";
}

TEST(Answers, NoAnswerToATryEndsByItsTimeAndInDoubt) {
  auto o = world::quick();
  o.operation_timeout = 300ms;
  world w(o);
  w.store->block(only(operation::try_));
  mutex lock(*w.locks, "lock");
  const auto took = time_of([&] {
    const auto e = error_of([&] { (void)lock.try_acquire().result(); });
    EXPECT_EQ(e.code(), errc::unavailable);
    EXPECT_TRUE(e.retryable());
    EXPECT_TRUE(e.in_doubt());
    EXPECT_NE(std::string(e.what()).find("\"lock\""), std::string::npos) << e.what();
  });
  EXPECT_GE(took, 300ms);
  EXPECT_LT(took, 10s);
  w.store->unblock();
}

TEST(Answers, ACancelThatOvertakesItsEnqueueKeepsItOut) {
  auto o = world::quick();
  o.operation_timeout = 200ms;
  world w(o);
  w.store->block([](const auto& r, lane) { return r.op == operation::enqueue; });
  EXPECT_EQ(error_of([&] { (void)mutex(*w.locks, "lock").acquire().result(); }).code(), errc::unavailable);
  ASSERT_TRUE(eventually([&] { return w.store->count(operation::cancel) == 1 && w.store->get("lock"); }));
  w.store->unblock();  // now the request arrives
  ASSERT_TRUE(eventually([&] { return w.store->get("lock")->rev >= 2; }));
  EXPECT_TRUE(w.store->get("lock")->holders.empty());
  EXPECT_TRUE(w.store->get("lock")->waiters.empty());
}

TEST(Answers, WithoutContactAWaitGivesUpAfterTheOperationTimeout) {
  auto o = world::quick();
  o.operation_timeout = 300ms;
  world w(o);
  w.store->inject({.what = fault::kind::unreachable, .times = fault::always});
  const auto took = time_of([&] {
    const auto e = error_of([&] { (void)mutex(*w.locks, "lock").acquire().result(); });
    EXPECT_EQ(e.code(), errc::unavailable);
    EXPECT_FALSE(e.in_doubt()) << "nothing was ever sent";
  });
  EXPECT_LT(took, 10s);
}

TEST(Answers, AnOutageThatBeginsWhileWaitingIsWaitedOut) {
  auto o = world::quick();
  o.operation_timeout = 200ms;
  o.wait_lock_period = 2s;
  world w(o);
  auto held = mutex(*w.locks, "lock").try_acquire();
  event waiting, granted;
  std::jthread waiter([&] {
    mutex lock(*w.locks, "lock");
    auto got = lock.acquire({.on_wait = [&](auto&) { waiting.happen(); }});
    EXPECT_TRUE(got);
    granted.happen();
  });
  ASSERT_TRUE(waiting.wait());
  w.store->inject({.what = fault::kind::lost_request, .times = fault::always, .on = only(operation::heartbeat)});
  std::this_thread::sleep_for(600ms);  // longer than a first contact may take
  EXPECT_EQ(held->release(), release_result::released);
  w.store->heal();
  EXPECT_TRUE(granted.wait());
}

TEST(Answers, ARefusalIsAnErrorAtOnce) {
  for (const auto code : {errc::not_authorized, errc::authentication, errc::server}) {
    world w;
    w.store->inject({.what = fault::kind::refused, .code = code, .why = "because"});
    const auto e = error_of([&] { (void)mutex(*w.locks, "lock").acquire().result(); });
    EXPECT_EQ(e.code(), code);
    EXPECT_FALSE(e.retryable());
    EXPECT_NE(std::string(e.what()).find("because"), std::string::npos);
    EXPECT_EQ(w.store->count(operation::enqueue), 1u);
  }
}

TEST(Answers, AWaiterThatIsRefusedLaterLeavesTheQueue) {
  world w;
  auto held = mutex(*w.locks, "lock").try_acquire();
  w.store->inject({.what = fault::kind::refused, .on = only(operation::heartbeat), .code = errc::not_authorized});
  EXPECT_EQ(error_of([&] { (void)mutex(*w.locks, "lock").acquire().result(); }).code(), errc::not_authorized);
  EXPECT_TRUE(eventually([&] { return w.store->get("lock")->waiters.empty(); }))
      << "or it would be an heir that is not there";
}

TEST(Answers, ALockInUseWithAnotherCapacityIsAConfigurationError) {
  world w;
  protocol::request r{
      .op = operation::try_, .lock = "lock", .id = "permit", .what = {false, 1}, .cap = 3, .delta = 60'000};
  ASSERT_TRUE(w.store->apply(r).reply.mine);
  const auto e = error_of([&] { (void)mutex(*w.locks, "lock").acquire().result(); });
  EXPECT_EQ(e.code(), errc::configuration);
  EXPECT_NE(std::string(e.what()).find("a semaphore with 3 permits"), std::string::npos) << e.what();
}

TEST(Release, WithoutAnAnswerEndsByItsTimeAndCanBeAskedAgain) {
  world w;
  mutex lock(*w.locks, "lock");
  auto got = lock.try_acquire();
  w.store->block(only(operation::release));
  const auto took = time_of([&] {
    const auto e = error_of([&] { (void)got->release(200ms); });
    EXPECT_EQ(e.code(), errc::unavailable);
    EXPECT_TRUE(e.in_doubt());
    EXPECT_TRUE(e.retryable());
  });
  EXPECT_GE(took, 200ms);
  EXPECT_LT(took, 10s);
  EXPECT_FALSE(got->held());
  w.store->unblock();
  ASSERT_TRUE(eventually([&] { return w.store->get("lock")->holders.empty(); })) << "it goes on in the background";
  EXPECT_EQ(got->release(), release_result::released) << "the first try of it, which was in doubt, has released";
  EXPECT_EQ(got->release(), release_result::not_held);
}

TEST(Release, ALostReplyOfAReleaseIsAReleaseNotALoss) {
  world w;
  auto got = mutex(*w.locks, "lock").try_acquire();
  w.store->inject({.what = fault::kind::lost_answer, .on = only(operation::release)});
  EXPECT_EQ(got->release(), release_result::released);
}

TEST(Release, OfAnAcquisitionInDoubtLeavesATombstoneForItsLateRequest) {
  world w;
  w.store->inject({.what = fault::kind::lost_answer});
  auto got = mutex(*w.locks, "lock").acquire();
  ASSERT_TRUE(got);
  const auto first = w.store->calls()[0].request;
  EXPECT_EQ(got->release(), release_result::released);
  ASSERT_TRUE(eventually([&] { return !w.store->get("lock")->gone.empty(); }));
  const auto late = w.store->apply(first);  // its first copy arrives at last
  EXPECT_TRUE(late.reply.dead);
  EXPECT_FALSE(late.reply.mine);
  EXPECT_TRUE(w.store->get("lock")->holders.empty());
}

TEST(Release, LearnsThatTheLockWasTaken) {
  world w;
  auto got = mutex(*w.locks, "lock").try_acquire();
  w.store->put("lock", std::nullopt);
  EXPECT_EQ(got->release(), release_result::lost);
  EXPECT_EQ(got->release(), release_result::lost);
}

TEST(Release, AtLeastKeepsTheLockTakenThatLongWithoutRenewing) {
  world w;
  const auto began = boot_clock::now();
  auto got = mutex(*w.locks, "lock").try_acquire();
  EXPECT_EQ(got->release_at_least(2s, 1s), release_result::released);
  EXPECT_FALSE(got->held());
  mutex other(*w.locks, "lock");
  EXPECT_EQ(other.try_acquire().result(), outcome::busy);
  EXPECT_TRUE(other.acquire({.timeout = 30s}));
  EXPECT_GE(boot_clock::now() - began, 2s);
  EXPECT_EQ(w.store->count(operation::renew), 0u);
}

TEST(Release, AtLeastThatHasPassedFreesAtOnce) {
  world w;
  auto got = mutex(*w.locks, "lock").try_acquire();
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(got->release_at_least(10ms, 1s), release_result::released);
  EXPECT_TRUE(mutex(*w.locks, "lock").try_acquire());
}

TEST(Release, RefusesTimesWithoutSense) {
  world w;
  auto got = mutex(*w.locks, "lock").try_acquire();
  EXPECT_EQ(error_of([&] { (void)got->release(0ms); }).code(), errc::invalid_argument);
  EXPECT_EQ(error_of([&] { (void)got->release(-1ms); }).code(), errc::invalid_argument);
  EXPECT_EQ(error_of([&] { (void)got->release_at_least(-1ms, 1s); }).code(), errc::invalid_argument);
  EXPECT_EQ(error_of([&] { (void)got->release_at_least(std::chrono::milliseconds::max(), 1s); }).code(),
            errc::invalid_argument);
  EXPECT_TRUE(got->held());
  EXPECT_EQ(got->release(std::chrono::milliseconds::max()), release_result::released);
}

TEST(Release, OfManyThreadsOneReleases) {
  world w;
  auto got = mutex(*w.locks, "lock").try_acquire();
  std::atomic<int> released{0};
  std::latch go(8);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        go.arrive_and_wait();
        if (got->release() == release_result::released) ++released;
      });
    }
  }
  EXPECT_EQ(released, 1);
  EXPECT_EQ(w.store->count(operation::release), 1u);
}

TEST(Release, ADestructorThatGetsNoAnswerIsBoundedAndDoesNotThrow) {
  auto o = world::quick();
  o.operation_timeout = 200ms;
  world w(o);
  std::optional<acquisition> got(mutex(*w.locks, "lock").try_acquire());
  w.store->block(only(operation::release));
  EXPECT_LT(time_of([&] { got.reset(); }), 10s);
  w.store->unblock();
  EXPECT_TRUE(eventually([&] { return w.store->get("lock")->holders.empty(); }));
}

}  // namespace
}  // namespace dlock::testing
