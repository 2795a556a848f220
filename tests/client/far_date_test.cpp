// Anybody can write any date into a lock's document.
#include <gtest/gtest.h>

#include <limits>

#include "client/world.hpp"
#include "runtime/feeds.hpp"

namespace dlock::testing {
namespace {

using protocol::ms;
using std::chrono::system_clock;

constexpr ms year_9999 = 253'402'300'799'999;

TEST(FarDate, IsTheLastThatTheClockCanExpress) {
  const auto last = system_time(year_9999);
  EXPECT_EQ(last, system_time(std::numeric_limits<ms>::max()));
  EXPECT_EQ(system_clock::to_time_t(last), 9'223'372'036) << "in 2262";
  for (const ms early : {ms{0}, ms{-1}, -year_9999, std::numeric_limits<ms>::min()})
    EXPECT_EQ(system_time(early), system_clock::time_point{});
  EXPECT_GT(last - system_time(-year_9999), system_clock::duration{});
  EXPECT_EQ(system_time(1'795'482'123'045).time_since_epoch(), 1'795'482'123'045ms);
}

TEST(FarDate, InALockIsShownAsFar) {
  world w;
  election cluster(*w.locks, "lock");
  auto leading = cluster.campaign("a");
  ASSERT_TRUE(leading);
  auto document = w.store->get("lock");
  document->holders[0].until = year_9999;
  document->holders[0].since = -year_9999;
  document->waiters.push_back({.id = "x", .until = year_9999, .since = year_9999});
  w.store->put("lock", document);
  const auto seen = w.locks->inspect("lock");
  ASSERT_TRUE(seen && seen->holders.size() == 1 && seen->waiters.size() == 1);
  EXPECT_EQ(seen->holders[0].until, system_time(year_9999));
  EXPECT_GT(seen->holders[0].until - seen->at, 24h * 365 * 200);
  EXPECT_EQ(seen->holders[0].since, system_clock::time_point{});
  EXPECT_FALSE(seen->holders[0].expired);
  EXPECT_EQ(seen->waiters[0].since, system_time(year_9999));
  EXPECT_EQ(cluster.leader()->since, system_clock::time_point{});
}

TEST(FarDate, TheTimeUntilItCanBeAddedToATime) {
  world w;
  auto got = mutex(*w.locks, "lock").try_acquire();
  ASSERT_TRUE(got);
  auto document = w.store->get("lock");
  document->holders.at(0).until = year_9999;
  w.store->put("lock", document);
  const auto busy = mutex(*w.locks, "lock").try_acquire();
  ASSERT_TRUE(busy.holder());
  EXPECT_GT(busy.holder()->expires_in, 24h * 365 * 30);
  EXPECT_LT(busy.holder()->expires_in, 24h * 365 * 36) << "in nanoseconds it is no overflow";
}

TEST(FarDate, OfAnEventIsShownAsFar) {
  world w(world::quick(), 16, std::make_shared<fake_channel>());
  system_clock::time_point when;
  event told;
  const auto one = w.locks->subscribe("lock", [&](const lock_event& e) {
    when = e.at;
    told.happen();
  });
  ASSERT_TRUE(one.wait_until_open(30s));
  std::vector<bson> events;
  events.push_back(protocol::announcement_document({"lock", true, 7, "somebody", year_9999 - 1}));
  EXPECT_EQ(w.notices->insert(feed_of_events(w.locks->options().notif_channel), events).what, answer::kind::replied);
  ASSERT_TRUE(told.wait());
  EXPECT_EQ(when, system_time(year_9999));
}

}  // namespace
}  // namespace dlock::testing
