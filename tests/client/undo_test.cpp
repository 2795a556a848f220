#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "client/world.hpp"
#include "util/clock.hpp"

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

TEST(Undo, WhoseTimeIsOverBeforeItsTurnIsNotSent) {
  auto o = world::quick();
  o.operation_timeout = 100ms;
  o.exp_delta = 200ms;
  o.wait_lock_period = 50ms;
  world w(o, 1);
  w.store->block();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(error_of([&] { (void)mutex(*w.locks, "lock").acquire().result(); }).code(), errc::unavailable);
  }
  const auto over = now_ms() + 200;  // what was asked for has ended by then by itself
  ASSERT_TRUE(eventually([&] { return now_ms() > over; }));
  w.store->unblock();
  ASSERT_TRUE(mutex(*w.locks, "other").acquire({.timeout = 10s})) << "the only thread has come to the end of its queue";
  EXPECT_EQ(w.store->count(operation::cancel), 0u);
}

TEST(Undo, IsFinishedAlthoughWhatItIsForWasTheLastOfItsClient) {
  auto o = world::quick();
  o.exp_delta = 300ms;
  o.autorefresh = false;
  world w(o);
  auto got = mutex(*w.locks, "lock").try_acquire();
  ASSERT_TRUE(got);
  w.locks.reset();
  ASSERT_TRUE(eventually([&] { return !got->loss().empty(); }));
  w.store->put("lock", std::nullopt);  // so that the release leads to a cancel
  { const auto last = std::move(*got); }
  EXPECT_EQ(w.store->count(operation::release), 1u);
  EXPECT_EQ(w.store->count(operation::cancel), 1u);
}

}  // namespace
}  // namespace dlock::testing
