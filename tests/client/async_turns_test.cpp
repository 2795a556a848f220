// Calls that end with a callback, on leases that pass on inside the client or linger (docs/adr/0031-local-turns.md,
// docs/adr/0032-linger.md).
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "client/async_result.hpp"
#include "client/world.hpp"
#include "support/environments.hpp"

namespace dlock::testing {
namespace {

using result = async_result;

struct AsyncTurns : ::testing::Test {
  // Time stands still, so no answer of the server becomes too old.
  world w{world::quick(), 16, nullptr, std::make_shared<manual_environment>()};
  const lock_options turns{.id = "lock", .local_turns = 4}, linger{.id = "lock", .linger = 1500ms};

  [[nodiscard]] std::size_t commands() const { return w.store->calls().size(); }
  [[nodiscard]] std::size_t holders() const { return w.store->get("lock")->holders.size(); }
};

TEST_F(AsyncTurns, ALeasePassesOnFromCallToCall) {
  mutex one(*w.locks, turns), two(*w.locks, turns), three(*w.locks, turns);
  result first, second, third, given, given_again;
  one.async_acquire({}, first.taking());
  ASSERT_TRUE(first.get());
  two.async_acquire({}, second.taking());
  three.async_acquire({}, third.taking());
  const auto before = commands();
  first.get()->async_release(given.giving());
  EXPECT_EQ(given.released(), release_result::released);
  ASSERT_TRUE(second.get());
  EXPECT_FALSE(first.get()->held());
  EXPECT_TRUE(second.get()->held());
  EXPECT_EQ(second.get()->token(), first.get()->token() + 1);
  EXPECT_EQ(second.get()->owner(), first.get()->owner() + "+1");
  EXPECT_EQ(third.calls(), 0);
  second.get()->async_release(given_again.giving());
  EXPECT_EQ(given_again.released(), release_result::released);
  ASSERT_TRUE(third.get());
  EXPECT_EQ(third.get()->token(), first.get()->token() + 2);
  EXPECT_EQ(commands(), before);
  EXPECT_EQ(third.get()->release(), release_result::released);
  EXPECT_EQ(holders(), 0U);
}

TEST_F(AsyncTurns, ALeasePassesOnBetweenACallThatBlocksAndOneThatDoesNot) {
  mutex one(*w.locks, turns), two(*w.locks, turns);
  auto first = one.acquire();
  ASSERT_TRUE(first);
  result second, given;
  two.async_acquire({}, second.taking());
  const auto before = commands();
  EXPECT_EQ(first->release(), release_result::released);
  ASSERT_TRUE(second.get());
  EXPECT_EQ(second.get()->token(), first->token() + 1);
  EXPECT_NE(second.thread(), std::this_thread::get_id());
  EXPECT_EQ(commands(), before);
}

TEST_F(AsyncTurns, WhoWasCancelledGetsNoTurn) {
  mutex one(*w.locks, turns), two(*w.locks, turns), three(*w.locks, turns);
  auto first = one.acquire();
  ASSERT_TRUE(first);
  std::stop_source stop;
  result second, third, given;
  two.async_acquire({.stop = stop.get_token()}, second.taking());
  three.async_acquire({}, third.taking());
  stop.request_stop();
  EXPECT_EQ(second.get().result(), outcome::cancelled);
  first->async_release(given.giving());
  ASSERT_TRUE(third.get());
  EXPECT_EQ(third.get()->token(), first->token() + 1);
  EXPECT_EQ(given.released(), release_result::released);
}

TEST_F(AsyncTurns, ATurnThatNobodyTakesIsGivenBack) {
  mutex one(*w.locks, turns);
  auto first = one.acquire();
  ASSERT_TRUE(first);
  event called;
  {
    mutex two(*w.locks, turns);
    two.async_acquire({}, [&](std::exception_ptr, acquisition) { called.happen(); });  // the lease is destroyed
  }
  EXPECT_EQ(first->release(), release_result::released);
  EXPECT_TRUE(called.wait());
  EXPECT_TRUE(eventually([&] { return holders() == 0; }));
}

TEST_F(AsyncTurns, ALeaseThatLingersIsTakenWithoutACommand) {
  mutex lock(*w.locks, linger);
  result first, second, third, given, given_again;
  lock.async_acquire({}, first.taking());
  ASSERT_TRUE(first.get());
  const auto before = commands();
  first.get()->async_release(given.giving());
  EXPECT_EQ(given.released(), release_result::released);
  lock.async_acquire({}, second.taking());
  ASSERT_TRUE(second.get());
  EXPECT_NE(second.thread(), std::this_thread::get_id()) << "never inline";
  EXPECT_EQ(second.get()->token(), first.get()->token() + 1);
  second.get()->async_release(given_again.giving());
  EXPECT_EQ(given_again.released(), release_result::released);
  lock.async_try_acquire(third.taking());
  ASSERT_TRUE(third.get());
  EXPECT_EQ(third.get()->token(), first.get()->token() + 2);
  EXPECT_EQ(commands(), before);
  EXPECT_EQ(holders(), 1U);
}

TEST_F(AsyncTurns, CloseReleasesALeaseThatLingers) {
  mutex lock(*w.locks, linger);
  result first, given;
  lock.async_acquire({}, first.taking());
  ASSERT_TRUE(first.get());
  first.get()->async_release(given.giving());
  EXPECT_EQ(given.released(), release_result::released);
  EXPECT_EQ(holders(), 1U);
  w.locks.reset();
  EXPECT_EQ(holders(), 0U);
}

}  // namespace
}  // namespace dlock::testing
