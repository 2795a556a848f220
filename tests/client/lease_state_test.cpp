// What the handles of a lease show, and whom its loss is told to.
#include "runtime/lease_state.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>
#include <memory>
#include <optional>
#include <thread>

#include "client/granted.hpp"
#include "client/no_threads.hpp"

namespace dlock::testing {
namespace {

using detail::lease_state;
using phase = lease_state::phase;
using namespace std::chrono_literals;

struct LeaseState : ::testing::Test {
  worker_pool notices{worker_pool::unlimited};
  lease_state record{{}, 1, granted("lock", "me", 7000, 500)};

  void become(phase now) {
    lease_state::callbacks unused;
    EXPECT_FALSE(record.change({.hold = 1, .now = now}, unused));
  }
  void extend(protocol::ms until) {
    lease_state::callbacks unused;
    EXPECT_FALSE(record.change({.hold = 1, .now = phase::held, .valid_until = until}, unused));
  }
  /// As the monitor does.
  void lose() {
    lease_state::callbacks unused;
    if (!record.change({.hold = 1, .now = phase::lost, .why = engine::loss::gone}, unused)) return;
    for (auto& callback : record.tell_loss(notices)) callback();
  }
};

TEST_F(LeaseState, IsHeldUntilItsEnd) {
  EXPECT_TRUE(record.held(499));
  EXPECT_FALSE(record.held(500));
  EXPECT_EQ(record.token(), 7000);
  EXPECT_EQ(record.owner(), "me");
  EXPECT_EQ(record.lock(), "lock");
}

TEST_F(LeaseState, ExtendsForwardsOnly) {
  extend(800);
  EXPECT_EQ(record.valid_until(), 800);
  extend(700);
  EXPECT_EQ(record.valid_until(), 800);
}

TEST_F(LeaseState, IsNotHeldOnceItIsLostOrGivenBack) {
  lose();
  EXPECT_FALSE(record.held(0));
  EXPECT_EQ(record.reason(), loss_reason::removed);
  EXPECT_EQ(record.loss(), detail::no_longer_ours);
  lease_state other{{}, 2, granted("lock", "me", 7000, 500)};
  lease_state::callbacks unused;
  EXPECT_FALSE(other.change({.hold = 2, .now = phase::releasing}, unused));
  EXPECT_FALSE(other.held(0));
}

TEST_F(LeaseState, ALossThatAReleaseFindsIsNotToldToCallbacks) {
  bool told = false;
  record.on_lost([&] { told = true; }, notices);
  become(phase::releasing);
  become(phase::lost);
  notices.stop(10s);
  EXPECT_FALSE(told);
  EXPECT_FALSE(record.lost().stop_requested());
  EXPECT_EQ(record.reason(), loss_reason::none);
}

TEST_F(LeaseState, ALossFiresTheTokenAndEveryCallbackOnce) {
  std::latch told(3);
  std::stop_callback on_stop(record.lost(), [&] { told.count_down(); });
  std::atomic<int> calls{0};
  for (int i = 0; i < 2; ++i) {
    record.on_lost(
        [&] {
          ++calls;
          told.count_down();
        },
        notices);
  }
  lose();
  lose();
  told.wait();
  notices.stop(10s);
  EXPECT_EQ(calls, 2);
  EXPECT_TRUE(record.lost().stop_requested());
  EXPECT_EQ(record.now(), phase::lost);
}

TEST_F(LeaseState, ACallbackRegisteredTooLateIsCalledAtOnceOnAnotherThread) {
  lose();
  std::promise<std::thread::id> where;
  record.on_lost([&] { where.set_value(std::this_thread::get_id()); }, notices);
  EXPECT_NE(where.get_future().get(), std::this_thread::get_id());
}

TEST_F(LeaseState, ACallbackIsNotCalledAfterARelease) {
  record.on_lost([] { FAIL(); }, notices);
  become(phase::releasing);
  become(phase::released);
  record.on_lost([] { FAIL(); }, notices);
  notices.stop(10s);
  EXPECT_FALSE(record.lost().stop_requested());
}

TEST_F(LeaseState, ALossIsToldEvenIfNoThreadCanBeHad) {
  notices.stop(1s);
  bool told = false;
  record.on_lost([&] { told = true; }, notices);
  lose();
  EXPECT_TRUE(told);
  EXPECT_TRUE(record.lost().stop_requested());
}

TEST_F(LeaseState, ALossIsToldEvenIfEveryThreadIsBusyAndThereAreNoMore) {
  std::promise<void> unblock;
  std::latch begun(1);
  notices.post([&] {
    begun.count_down();
    unblock.get_future().wait();
  });
  begun.wait();
  bool told = false;
  record.on_lost([&] { told = true; }, notices);
  {
    const no_more_threads none;
    lose();
  }
  EXPECT_TRUE(told);
  EXPECT_TRUE(record.lost().stop_requested());
  unblock.set_value();
  notices.stop(10s);
}

/// A callback that is not done with being copied before another one's belongings are gone.
struct slow_to_copy {
  slow_to_copy(std::shared_future<std::thread::id> until, const std::atomic<bool>& is_slow)
      : gone(std::move(until)), slow(is_slow) {}
  slow_to_copy(const slow_to_copy& other) : gone(other.gone), slow(other.slow) {
    if (slow) gone.wait_for(2s);
  }
  slow_to_copy(slow_to_copy&&) noexcept = default;
  void operator()() const {}
  std::shared_future<std::thread::id> gone;
  const std::atomic<bool>& slow;
};

TEST_F(LeaseState, WhatACallbackOwnsIsDestroyedOnTheThreadThatCalledIt) {
  std::promise<std::thread::id> gone;
  const std::shared_future<std::thread::id> where = gone.get_future();
  std::promise<std::thread::id> called;
  std::atomic<bool> slow{false};
  std::shared_ptr<int> owned(new int(1), [&](const int* p) {
    delete p;
    gone.set_value(std::this_thread::get_id());
  });
  record.on_lost([&called, owned = std::move(owned)] { called.set_value(std::this_thread::get_id()); }, notices);
  record.on_lost(slow_to_copy(where, slow), notices);
  slow = true;
  lose();
  EXPECT_EQ(where.get(), called.get_future().get());
  notices.stop(10s);
}

}  // namespace
}  // namespace dlock::testing
