// When the machine's wall clock is set, it may have been stopped before, in a way that no other clock counts: what is
// held is asked of the server.
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <string>
#include <utility>

#include "client/watched.hpp"
#include "util/clock_watch.hpp"

namespace dlock::testing {
namespace {

struct WallClock : watched {
  /// As the kernel says it. A test must not set the clock of the machine, which others use, and no namespace has a wall
  /// clock of its own.
  void set_clock() const { EXPECT_EQ(eventfd_write(clock, 1), 0); }
};

TEST_F(WallClock, WhenTheWallClockIsSetAllLeasesAreRenewedAtOnce) {
  const auto one = hold("one", 600'000), other = hold("other", 300'000);
  const auto ends = [&] { return std::pair(one->valid_until(), other->valid_until()); };
  for (std::size_t round = 1; round <= 2; ++round) {
    const auto before = ends();
    env->advance(5);  // so that an end can be later
    set_clock();
    EXPECT_TRUE(asked(operation::renew, 2 * round)) << "long before it is time";
    EXPECT_TRUE(eventually([&] { return ends().first > before.first && ends().second > before.second; }));
  }
  EXPECT_EQ(store->count(operation::renew), 4u) << "once each";
}

TEST_F(WallClock, WhatWasTakenDuringAStopOfTheMachineIsToldWhenTheWallClockIsSet) {
  for (const bool renews : {true, false}) {
    const auto held = hold(renews ? "renewed" : "not renewed", 600'000, renews);
    store->put(held->lock(), std::nullopt);
    set_clock();
    if (!renews) go_to(now() + 100);  // it looks once more
    EXPECT_EQ(time_of_loss(held), now());
    EXPECT_EQ(held->loss(), detail::no_longer_ours);
  }
}

TEST_F(WallClock, ARenewalThatWasOnItsWayWhenTheWallClockWasSetIsFollowedByAnother) {
  const auto held = hold("lock", 600'000), other = hold("other", 600'000);
  const auto renewals = [&](const std::string& lock) {
    std::size_t n = 0;
    for (const auto& c : store->calls()) {
      if (c.request.op == operation::renew && c.request.lock == lock) ++n;
    }
    return n;
  };
  store->block([](const auto& r, lane) { return r.op == operation::renew && r.lock == "lock"; });
  for (std::size_t round = 1; round <= 2; ++round) {
    env->advance(5);
    set_clock();
    ASSERT_TRUE(store->wait_for_blocked(1));
    ASSERT_TRUE(eventually([&] { return renewals("other") == round; })) << "it has heard of it";
    ASSERT_TRUE(is_extended(other, 600'000)) << "it is not on its way any more";
  }
  EXPECT_EQ(renewals("lock"), 1u);
  store->unblock();
  EXPECT_TRUE(eventually([&] { return renewals("lock") == 2; }))
      << "the first may have been answered before the machine was stopped";
  EXPECT_TRUE(is_extended(held, 600'000));
  EXPECT_TRUE(held->held(now()));
}

TEST_F(WallClock, ALeaseThatIsNotRenewedIsOnlyLookedAtWhenTheWallClockIsSet) {
  const auto held = hold("lock", 600'000, false);
  const auto first = held->valid_until();
  const auto until = store->get("lock")->holders.at(0).until;
  store->inject({.what = fault::kind::lost_request, .times = 2, .on = only(operation::peek)});
  set_clock();
  for (int i = 0; i < 2; ++i) go_to(now() + 100);
  EXPECT_TRUE(asked(operation::peek, 3)) << "until it is answered";
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(sleeps_until(first));
    env->advance(100);
  }
  EXPECT_EQ(store->count(operation::peek), 3u) << "and not again";
  EXPECT_EQ(store->count(operation::renew), 0u);
  EXPECT_EQ(held->valid_until(), first);
  EXPECT_EQ(store->get("lock")->holders.at(0).until, until);
}

TEST(ClockWatch, OfThisMachineIsThereAndSilent) {
  clock_watch real;
  EXPECT_GE(real.fd(), 0);
  EXPECT_FALSE(real.was_set());
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  clock_watch instead{fd};
  EXPECT_FALSE(instead.was_set());
  ASSERT_EQ(eventfd_write(fd, 1), 0);
  EXPECT_TRUE(instead.was_set());
  EXPECT_FALSE(instead.was_set()) << "once";
}

}  // namespace
}  // namespace dlock::testing
