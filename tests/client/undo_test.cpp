#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "client/world.hpp"

/// What goes on in the background stands in nobody's way.
namespace dlock::testing {
namespace {

TEST(Undo, ThatGetsNoAnswerKeepsNoThreadFromOthers) {
  auto o = world::quick();
  o.operation_timeout = 300ms;
  o.exp_delta = 60s;
  world w(o, 1);
  w.store->inject({.what = fault::kind::lost_request, .times = fault::always, .on = [](const auto& r, lane) {
                     return r.lock == "lost";
                   }});
  EXPECT_EQ(error_of([&] { (void)mutex(*w.locks, "lost").acquire().result(); }).code(), errc::unavailable);
  const auto undone = [&] { return w.store->count(operation::cancel); };
  ASSERT_TRUE(eventually([&] { return undone() >= 5; })) << "by now it pauses for longer than the next one has";
  EXPECT_TRUE(mutex(*w.locks, "other").acquire());
  const auto before = undone();
  EXPECT_TRUE(eventually([&] { return undone() > before; })) << "and it goes on";
}

TEST(Undo, OfManyHangingLeavesThreadsToOthersAndAllAreSentInTheEnd) {
  constexpr std::size_t kMany = 20;
  auto o = world::quick();
  o.operation_timeout = 300ms;
  o.exp_delta = 60s;
  world w(o, 16);
  w.store->inject({.times = fault::always, .on = only(operation::try_)});
  w.store->block(only(operation::cancel));
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < kMany; ++i) {
      threads.emplace_back([&] { EXPECT_THROW((void)mutex(*w.locks).try_acquire().result(), error); });
    }
  }
  EXPECT_TRUE(mutex(*w.locks, "other").acquire());
  w.store->unblock();
  EXPECT_TRUE(eventually([&] { return w.store->count(operation::cancel) == kMany; }));
}

TEST(Undo, IsSentWhenTheServerAnswersAgainAlthoughOthersStillHang) {
  constexpr std::size_t kHanging = 8;  // no more are sent while the server is silent
  auto o = world::quick();
  o.operation_timeout = 300ms;
  o.exp_delta = 60s;
  world w(o, 32);
  const auto fails = [&](const std::string& lock) {
    EXPECT_THROW((void)mutex(*w.locks, lock).try_acquire().result(), error);
  };
  w.store->inject({.times = fault::always, .on = only(operation::try_)});
  w.store->inject({.times = fault::always, .on = [](const auto& r, lane) { return r.lock == "silent"; }});
  w.store->block([](const auto& r, lane) { return r.op == operation::cancel && r.lock == "hanging"; });
  const auto undone = [&](const std::string& lock) {
    const auto all = w.store->calls();
    return std::count_if(all.begin(), all.end(),
                         [&](const auto& c) { return c.request.lock == lock && c.request.op == operation::cancel; });
  };
  fails("silent");
  ASSERT_TRUE(eventually([&] { return undone("silent") > 0; }));
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < kHanging; ++i) threads.emplace_back([&] { fails("hanging"); });
  }
  ASSERT_TRUE(w.store->wait_for_blocked(kHanging));
  fails("new");
  EXPECT_EQ(undone("new"), 0);
  ASSERT_TRUE(mutex(*w.locks, "other").acquire({.timeout = 10s})) << "the first answer";
  EXPECT_TRUE(eventually([&] { return undone("new") == 1; }));
  w.store->unblock();
}

TEST(Undo, WhoseTimeIsOverBeforeItsTurnIsNotSent) {
  auto o = world::quick();
  o.operation_timeout = 100ms;
  o.exp_delta = 200ms;
  o.wait_lock_period = 50ms;
  const auto env = std::make_shared<suspended_environment>();
  world w(o, 1, nullptr, env);
  w.store->block();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(error_of([&] { (void)mutex(*w.locks, "lock").acquire().result(); }).code(), errc::unavailable);
  }
  env->suspended = 200;  // what was asked for has ended by then by itself
  w.store->unblock();
  const lock_options other{.id = "other", .exp_delta = 60s};
  ASSERT_TRUE(mutex(*w.locks, other).acquire({.timeout = 10s})) << "the only thread has come to the end of its queue";
  EXPECT_EQ(w.store->count(operation::cancel), 0u);
}

TEST(Undo, IsFinishedAlthoughWhatItIsForWasTheLastOfItsClient) {
  auto o = world::quick();
  o.exp_delta = 300ms;
  o.autorefresh = false;
  bool finished = false;  // it has 0.3 s for that: on a busy machine not each time
  for (int i = 0; i < 3 && !finished; ++i) {
    world w(o);
    auto got = mutex(*w.locks, "lock").try_acquire();
    ASSERT_TRUE(got);
    w.locks.reset();
    ASSERT_TRUE(eventually([&] { return !got->loss().empty(); }));
    w.store->put("lock", std::nullopt);  // so that the release leads to a cancel
    { const auto last = std::move(*got); }
    finished = w.store->count(operation::release) == 1 && w.store->count(operation::cancel) == 1;
  }
  EXPECT_TRUE(finished);
}

}  // namespace
}  // namespace dlock::testing
