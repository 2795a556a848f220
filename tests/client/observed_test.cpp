// Clients and locks with observed expiry, on a store whose clock jumps.
#include <gtest/gtest.h>

#include <thread>

#include "client/world.hpp"

namespace dlock::testing {
namespace {

constexpr protocol::ms kDay = 86'400'000;

client_options observing(std::chrono::milliseconds lease = 1s) {
  auto o = world::quick();
  o.exp_delta = lease;
  o.expiry = expiry::observed;
  return o;
}

/// Takes the lock and is never heard of again.
void die_holding(world& w, const client_options& o) {
  protocol::request dead{.op = operation::try_, .lock = "lock", .id = "dead", .delta = o.exp_delta.count()};
  dead.observed = true;
  ASSERT_TRUE(w.store->apply(dead).reply.mine);
}

TEST(ObservedExpiry, ALiveHolderKeepsTheLockHoweverTheServersClockJumps) {
  for (const auto jump : {kDay, -kDay}) {
    world w(observing(3s));
    auto theirs = w.another(observing(3s));
    auto held = mutex(*w.locks, "lock").try_acquire();
    ASSERT_TRUE(held);
    auto waiting =
        std::async(std::launch::async, [&] { return mutex(theirs, "lock").acquire({.timeout = 4500ms}).result(); });
    std::this_thread::sleep_for(300ms);
    w.store->advance(jump);
    EXPECT_EQ(waiting.get(), outcome::timed_out) << jump;
    EXPECT_TRUE(held->held()) << jump;
    EXPECT_TRUE(eventually([&] { return w.store->get("lock")->waiters.empty(); })) << jump;  // it leaves on its own
    EXPECT_EQ(held->release(), release_result::released) << jump;
    EXPECT_TRUE(mutex(theirs, "lock").try_acquire()) << jump;
  }
}

TEST(ObservedExpiry, ADeadHoldersLockPassesOnHoweverTheServersClockJumps) {
  for (const auto jump : {kDay, -kDay}) {
    world w(observing());
    die_holding(w, observing());
    auto waiting = std::async(std::launch::async, [&] {
      return time_of([&] { EXPECT_TRUE(mutex(*w.locks, "lock").acquire({.timeout = 60s})) << jump; });
    });
    std::this_thread::sleep_for(200ms);
    w.store->advance(jump);
    const auto took = waiting.get();
    EXPECT_GE(took, 1s) << jump << ": it must be watched for a whole lease, whatever the clock says";
    EXPECT_LT(took, 20s) << jump;
  }
}

TEST(ObservedExpiry, OneTryAfterTheOtherTakesOverToo) {
  world w(observing());
  die_holding(w, observing());
  std::optional<lease> got;
  const auto took = time_of([&] {
    ASSERT_TRUE(eventually([&] {
      std::this_thread::sleep_for(50ms);
      auto a = mutex(*w.locks, "lock").try_acquire();  // another object each time
      if (a) got.emplace(std::move(*a));
      return got.has_value();
    }));
  });
  EXPECT_GE(took, 1s);
  EXPECT_LT(took, 20s);
}

TEST(ObservedExpiry, AFirstTryTakesNothingOver) {
  world w(observing());
  die_holding(w, observing());
  w.store->advance(kDay);
  EXPECT_FALSE(mutex(*w.locks, "lock").try_acquire());
}

TEST(ObservedExpiry, AHolderThatHangsIsToldBeforeItsLockPassesOn) {
  world w(observing(4s));  // told 0.4 s earlier: that much a busy machine may be late
  auto theirs = w.another(observing(4s));
  auto held = mutex(*w.locks, "lock").try_acquire();
  ASSERT_TRUE(held);
  w.store->inject({.what = fault::kind::lost_request, .times = fault::always, .on = only(operation::renew)});
  w.store->advance(kDay);
  EXPECT_TRUE(mutex(theirs, "lock").acquire({.timeout = 60s}));
  EXPECT_FALSE(held->held());
  EXPECT_TRUE(eventually([&] { return held->lost().stop_requested(); }));
}

TEST(ObservedExpiry, AnHeirThatIsToldReturnsAndItsLeaseCountsFromItsLastRequest) {
  for (const auto jump : {kDay, -kDay}) {
    auto o = observing(90s);
    o.wait_lock_period = 60s;
    world w(o, 16, std::make_shared<fake_channel>());
    auto other = w.another(o);
    auto first = mutex(*w.locks, "lock").try_acquire();
    ASSERT_TRUE(first);
    std::optional<acquisition> got;
    const auto asked = boot_clock::now();
    {
      std::jthread waiting([&] { got = mutex(other, "lock").acquire({.timeout = 90s}); });
      ASSERT_TRUE(eventually([&] {
        return w.store->get("lock")->waiters.size() == 1 &&
               other.notifications().now == notification_status::state::working;
      }));
      w.settle();
      w.store->forget_calls();
      w.store->block([](const auto& r, lane) { return r.op == operation::renew; });
      w.store->advance(jump);
      EXPECT_EQ(first->release(), release_result::released);
    }
    ASSERT_TRUE(got && *got) << jump;
    EXPECT_EQ(w.store->count(operation::heartbeat), 0u) << jump;
    // What the server's clock says would be a day more or less.
    EXPECT_LE((*got)->valid_until(), boot_clock::now() + 60s) << jump;
    EXPECT_GE((*got)->valid_until(), asked + 59s) << jump;
    w.store->unblock();
  }
}

TEST(ObservedExpiry, AllMustAgreeAndTheErrorNamesBoth) {
  for (const auto first : {expiry::observed, expiry::server_clock}) {
    const auto second = first == expiry::observed ? expiry::server_clock : expiry::observed;
    world w;
    auto held = mutex(*w.locks, lock_options{.id = "lock", .expiry = first}).try_acquire();
    ASSERT_TRUE(held);
    for (const auto timeout : {0ms, 500ms}) {
      try {
        (void)mutex(*w.locks, lock_options{.id = "lock", .expiry = second}).acquire({.timeout = timeout});
        ADD_FAILURE() << "no error";
      } catch (const error& e) {
        EXPECT_EQ(e.code(), errc::configuration);
        for (const char* both : {"server_clock", "observed"})
          EXPECT_NE(std::string(e.what()).find(both), std::string::npos) << e.what();
      }
    }
    EXPECT_TRUE(held->held());
  }
}

TEST(ObservedExpiry, ASemaphoresResizeMustAgreeToo) {
  world w;
  semaphore pool(*w.locks, lock_options{.id = "lock", .expiry = expiry::observed}, 2);
  auto held = pool.try_acquire();
  ASSERT_TRUE(held);
  EXPECT_THROW((void)semaphore(*w.locks, "lock", 2).resize(3), error);
  ASSERT_TRUE(pool.resize(3));
  EXPECT_EQ(w.store->get("lock")->cap, 3);
}

TEST(ObservedExpiry, AReleasedLockIsKeptForAsLongAsWasAsked) {
  world w(observing(5s));
  auto theirs = w.another(observing(5s));
  const auto took = time_of([&] {
    auto held = mutex(*w.locks, "lock").try_acquire();
    ASSERT_TRUE(held);
    w.store->advance(kDay);
    EXPECT_EQ(held->release_at_least(700ms, 1s), release_result::released);
    EXPECT_TRUE(mutex(theirs, "lock").acquire({.timeout = 60s}));
  });
  EXPECT_GE(took, 650ms);
  EXPECT_LT(took, 20s);
}

TEST(ObservedExpiry, AnOperatorTakesALockOffWithoutKnowingItsExpiry) {
  world w(observing());
  auto held = mutex(*w.locks, "lock").try_acquire();
  ASSERT_TRUE(held);
  auto plain = w.another();
  ASSERT_EQ(plain.inspect("lock")->expiry, expiry::observed);
  EXPECT_EQ(plain.revoke("lock", std::nullopt, revocation::at_once).size(), 1u);
  EXPECT_TRUE(mutex(*w.locks, "lock").try_acquire());
}

TEST(ObservedExpiry, AnElectionShowsItsLeaderHoweverTheServersClockJumps) {
  world w(observing());
  election cluster(*w.locks, "lock");
  auto leading = cluster.campaign("me");
  ASSERT_TRUE(leading);
  w.store->advance(kDay);
  const auto seen = cluster.leader();
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->value, "me");
}

}  // namespace
}  // namespace dlock::testing
