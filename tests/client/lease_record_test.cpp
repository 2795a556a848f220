#include "client/lease_record.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>
#include <memory>
#include <optional>
#include <thread>

#include "client/no_threads.hpp"

namespace dlock {
namespace {

using phase = lease_record::phase;
using namespace std::chrono_literals;

struct LeaseRecord : ::testing::Test {
  worker_pool notices{worker_pool::unlimited};
  lease_record record{protocol::request{.lock = "lock", .id = "me", .delta = 1000}, {.token = 7000}, 500};
};

TEST_F(LeaseRecord, IsHeldUntilItsEnd) {
  EXPECT_TRUE(record.held(499));
  EXPECT_FALSE(record.held(500));
  EXPECT_EQ(record.token(), 7000);
  EXPECT_EQ(record.owner(), "me");
  EXPECT_EQ(record.lock(), "lock");
}

TEST_F(LeaseRecord, AsksForItselfByTheSameId) {
  const auto r = record.ask(protocol::operation::renew);
  EXPECT_EQ(r.op, protocol::operation::renew);
  EXPECT_EQ(r.id, "me");
  EXPECT_EQ(r.lock, "lock");
  EXPECT_EQ(r.delta, 1000);
}

TEST_F(LeaseRecord, ExtendsForwardsOnly) {
  record.extend(800);
  EXPECT_EQ(record.valid_until(), 800);
  record.extend(700);
  EXPECT_EQ(record.valid_until(), 800);
}

TEST_F(LeaseRecord, IsNotExtendedOnceItIsLostOrGivenBack) {
  record.lose(notices, loss_reason::removed, "a test");
  record.extend(900);
  EXPECT_EQ(record.valid_until(), 500);
  EXPECT_FALSE(record.held(0));
}

TEST_F(LeaseRecord, OnlyOneOfManyReleases) {
  std::atomic<int> releasing{0};
  std::latch go(8);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      go.arrive_and_wait();
      if (record.begin_release() == phase::held) ++releasing;
    });
  }
  threads.clear();
  EXPECT_EQ(releasing, 1);
  EXPECT_EQ(record.now(), phase::releasing);
}

TEST_F(LeaseRecord, AReleaseInDoubtCanBeAskedAgain) {
  EXPECT_EQ(record.begin_release(), phase::held);
  record.end_release(phase::in_doubt);
  EXPECT_FALSE(record.held(0));
  EXPECT_EQ(record.begin_release(), phase::in_doubt);
  record.end_release(phase::released);
  EXPECT_EQ(record.begin_release(), phase::released);
  EXPECT_EQ(record.now(), phase::released);
}

TEST_F(LeaseRecord, ALossFiresTheTokenAndEveryCallbackOnce) {
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
  record.lose(notices, loss_reason::removed, "a test");
  record.lose(notices, loss_reason::removed, "a test");
  told.wait();
  notices.stop(10s);
  EXPECT_EQ(calls, 2);
  EXPECT_TRUE(record.lost().stop_requested());
  EXPECT_EQ(record.begin_release(), phase::lost);
}

TEST_F(LeaseRecord, ACallbackRegisteredTooLateIsCalledAtOnceOnAnotherThread) {
  record.lose(notices, loss_reason::removed, "a test");
  std::promise<std::thread::id> where;
  record.on_lost([&] { where.set_value(std::this_thread::get_id()); }, notices);
  EXPECT_NE(where.get_future().get(), std::this_thread::get_id());
}

TEST_F(LeaseRecord, ACallbackIsNotCalledAfterARelease) {
  record.on_lost([] { FAIL(); }, notices);
  (void)record.begin_release();
  record.end_release(phase::released);
  record.lose(notices, loss_reason::removed, "a test");
  record.on_lost([] { FAIL(); }, notices);
  notices.stop(10s);
  EXPECT_FALSE(record.lost().stop_requested());
}

TEST_F(LeaseRecord, ACallbackThatBlocksKeepsNoOtherWaiting) {
  std::promise<void> unblock;
  std::latch told(2);
  record.on_lost([&] { unblock.get_future().wait(); }, notices);
  std::stop_callback on_stop(record.lost(), [&] { told.count_down(); });
  record.on_lost([&] { told.count_down(); }, notices);
  record.lose(notices, loss_reason::removed, "a test");
  told.wait();
  unblock.set_value();
  notices.stop(10s);
}

TEST_F(LeaseRecord, ALossIsToldEvenIfNoThreadCanBeHad) {
  notices.stop(1s);
  bool told = false;
  record.on_lost([&] { told = true; }, notices);
  record.lose(notices, loss_reason::removed, "a test");
  EXPECT_TRUE(told);
  EXPECT_TRUE(record.lost().stop_requested());
}

TEST_F(LeaseRecord, ALossIsToldEvenIfEveryThreadIsBusyAndThereAreNoMore) {
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
    const testing::no_more_threads none;
    record.lose(notices, loss_reason::removed, "a test");
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

TEST_F(LeaseRecord, WhatACallbackOwnsGoesOnTheThreadThatCalledIt) {
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
  record.lose(notices, loss_reason::removed, "a test");
  EXPECT_EQ(where.get(), called.get_future().get());
  notices.stop(10s);
}

}  // namespace
}  // namespace dlock
