#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "client/world.hpp"

/// What goes on in the background stands in nobody's way.
namespace dlock::testing {
namespace {

TEST(Undo, ManyCancelsThatHangLeaveThreadsToOthersAndAllAreSentInTheEnd) {
  constexpr std::size_t kMany = 20;
  world w(changed(world::quick(), [](auto& o) { o.operation_timeout = 300ms, o.exp_delta = 60s; }), 16);
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

TEST(Undo, ACancelIsSentAfterTheLastHandleOfItsClientIsGone) {
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
