// What a call throws when the answer is a refusal, or does not come: the code, the text, and whether it is in doubt.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <future>
#include <latch>
#include <thread>

#include "client/world.hpp"

namespace dlock::testing {
namespace {

TEST(Errors, WithoutAnAnswerATryEndsByItsTimeAndInDoubt) {
  world w(changed(world::quick(), [](auto& o) { o.operation_timeout = 300ms; }));
  w.store->block(only(operation::try_));
  const auto took = time_of([&] {
    const auto e = error_of([&] { (void)mutex(*w.locks, "lock").try_acquire().result(); });
    EXPECT_EQ(e.code(), errc::unavailable);
    EXPECT_TRUE(e.retryable());
    EXPECT_TRUE(e.in_doubt());
    EXPECT_NE(std::string(e.what()).find("\"lock\""), std::string::npos) << e.what();
  });
  EXPECT_GE(took, 300ms);
  EXPECT_LT(took, 10s);
  w.store->unblock();
}

TEST(Errors, ARefusalIsTheErrorOfItsCodeAndSaysWhatToDo) {
  const std::pair<errc, std::string> table[] = {
      {errc::not_authorized, "because; grant find, insert and update on the collection"},
      {errc::authentication, "because; check user, password and authSource in the URL"},
      {errc::server, "log"},
      {errc::unsupported_server, "upgrade"}};
  for (const auto& [code, advice] : table) {
    world w;
    w.store->inject({.what = fault::kind::refused, .code = code, .why = "because"});
    const auto e = error_of([&] { (void)mutex(*w.locks, "lock").acquire().result(); });
    EXPECT_EQ(e.code(), code);
    EXPECT_FALSE(e.retryable());
    EXPECT_FALSE(e.in_doubt());
    EXPECT_NE(std::string(e.what()).find("because; "), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find(advice), std::string::npos) << e.what();
    EXPECT_EQ(w.store->count(operation::enqueue), 1u);
  }
  world w;
  mutex lock(*w.locks, "lock");
  w.locks->close();
  const std::string closed = error_of([&] { (void)lock.acquire().result(); }).what();
  EXPECT_NE(closed.find("; make another"), std::string::npos) << closed;
}

TEST(Errors, WhatIsOnItsWayWhenTheClientIsClosedIsInDoubt) {
  const auto closed_during = [](operation on_its_way, const std::function<void(world&)>& does) {
    world w;
    auto held = mutex(*w.locks, "lock").acquire();
    ASSERT_TRUE(held);
    w.store->block(only(on_its_way));
    auto e = std::async(std::launch::async, [&] { return error_of([&] { does(w); }); });
    ASSERT_TRUE(w.store->wait_for_blocked(1));
    w.locks->close();
    const auto failed = e.get();
    EXPECT_EQ(failed.code(), errc::closed) << failed.what();
    EXPECT_TRUE(failed.in_doubt()) << failed.what();
    w.store->unblock();
  };
  closed_during(operation::resize, [](world& w) { (void)semaphore(*w.locks, "permits", 3).resize(4); });
  closed_during(operation::revoke, [](world& w) { (void)w.locks->revoke("lock"); });
  closed_during(operation::cancel, [](world& w) { (void)w.locks->revoke("lock", {}, revocation::at_once); });
  closed_during(operation::amend, [](world& w) {
    election office(*w.locks, "office");
    auto leads = office.campaign("a");
    ASSERT_TRUE(leads);
    (void)office.proclaim("b");
  });
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
  world w(changed(world::quick(), [](auto& o) { o.operation_timeout = 200ms; }));
  std::optional<acquisition> got(mutex(*w.locks, "lock").try_acquire());
  w.store->block(only(operation::release));
  EXPECT_LT(time_of([&] { got.reset(); }), 10s);
  w.store->unblock();
  EXPECT_TRUE(eventually([&] { return w.store->get("lock")->holders.empty(); }));
}

}  // namespace
}  // namespace dlock::testing
