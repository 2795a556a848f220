// What a client counts.
#include <dlock/metrics.hpp>

#include <gtest/gtest.h>

#include <string>

#include "client/async_result.hpp"
#include "client/watched.hpp"
#include "runtime/monitor.hpp"
#include "runtime/tally.hpp"

namespace dlock::testing {
namespace {

using lock_kind = lock_metrics::kind;

/// What was counted of one kind of locks.
lock_metrics of(const client& c, lock_kind what = lock_kind::exclusive, const std::string& label = "") {
  for (auto& m : c.metrics().locks) {
    if (m.what == what && m.label == label) return m;
  }
  return {};
}

command_metrics of_command(const client& c, const std::string& name) {
  for (auto& m : c.metrics().commands) {
    if (m.name == name) return m;
  }
  return {};
}

TEST(Metrics, OfAClientThatHasDoneNothingAreEmpty) {
  const world w;
  const auto m = w.locks->metrics();
  EXPECT_TRUE(m.locks.empty());
  EXPECT_TRUE(m.commands.empty());
  EXPECT_FALSE(m.least_left_at_renewal);
  EXPECT_TRUE(m.notifications_up);
}

TEST(Metrics, ADurationIsCountedInItsBucket) {
  detail::duration_tally t;
  for (const auto us : {0, 299, 300, 301, 1000}) t.add(std::chrono::microseconds{us});
  t.add(10'000s);
  t.add(10'001s);
  const auto h = t.value();
  EXPECT_EQ(h.counts[0], 3U);
  EXPECT_EQ(h.counts[1], 2U);
  EXPECT_EQ(h.counts[15], 1U);
  EXPECT_EQ(h.counts[16], 1U);
  EXPECT_EQ(h.count(), 7U);
  EXPECT_EQ(h.sum, 20'001s + std::chrono::microseconds{1900});
}

TEST(Metrics, EachKindOfLockIsCountedByItself) {
  world w;
  const auto alone = mutex(*w.locks, "mutex").try_acquire();
  shared_mutex both(*w.locks, "shared");
  const auto reads = both.try_acquire_shared();
  const auto some = semaphore(*w.locks, "semaphore", 3).try_acquire(2);
  const auto leads = election(*w.locks, "election").campaign("me");
  for (const auto what : {lock_kind::exclusive, lock_kind::shared, lock_kind::permits, lock_kind::election}) {
    EXPECT_EQ(of(*w.locks, what).acquired, 1U) << to_string(what);
    EXPECT_EQ(of(*w.locks, what).held, 1U) << to_string(what);
  }
  EXPECT_EQ(w.locks->metrics().elections_led, 1U);
}

TEST(Metrics, CallsAreCountedByTheirOutcome) {
  world w;
  auto other = w.another();
  auto got = mutex(other, "lock").try_acquire();
  mutex lock(*w.locks, "lock");
  EXPECT_FALSE(lock.try_acquire());
  EXPECT_FALSE(lock.acquire({.timeout = 20ms}));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(lock.acquire({.stop = stop.get_token()}));
  w.store->inject({.what = fault::kind::refused, .on = only(operation::try_)});
  EXPECT_THROW((void)lock.try_acquire(), error);
  async_result result;
  lock.async_acquire({}, result.taking());
  EXPECT_EQ(of(*w.locks).waiting, 1U);
  EXPECT_EQ(got->release(), release_result::released);
  EXPECT_TRUE(result.get());
  const auto m = of(*w.locks);
  EXPECT_EQ(m.waiting, 0U);
  EXPECT_EQ(m.acquired, 1U);
  EXPECT_EQ(m.busy, 1U);
  EXPECT_EQ(m.timed_out, 1U);
  EXPECT_EQ(m.cancelled, 1U);
  EXPECT_EQ(m.failed, 1U);
  EXPECT_EQ(m.waited.count(), 1U);
  EXPECT_EQ(m.held, 1U);
  EXPECT_EQ(m.held_for.count(), 0U);
}

TEST(Metrics, ACallThatItsCallbackEndsIsCountedToo) {
  world w;
  auto other = w.another();
  const auto got = mutex(other, "lock").try_acquire();
  const auto throws = [](const wait_status&) { throw std::runtime_error("the callback's own"); };
  EXPECT_THROW((void)mutex(*w.locks, "lock").acquire({.on_wait = throws}), std::runtime_error);
  EXPECT_TRUE(eventually([&] { return of(*w.locks).waiting == 0; }));
  EXPECT_EQ(of(*w.locks).cancelled, 1U);
}

TEST(Metrics, WaitsAndHoldsAreMeasured) {
  const auto env = std::make_shared<manual_environment>();
  world w(world::quick(), 16, nullptr, env);
  {
    auto got = mutex(*w.locks, "lock").try_acquire();
    env->advance(200);
    EXPECT_EQ(got->release(), release_result::released);
  }
  auto m = of(*w.locks);
  EXPECT_EQ(m.held, 0U);
  EXPECT_EQ(m.held_for.count(), 1U);
  EXPECT_EQ(m.held_for.sum, 200ms);
  EXPECT_EQ(m.waited.sum, 0ms);
  EXPECT_EQ(of_command(*w.locks, "release").answered, 1U);
}

TEST(Metrics, CommandsAreCountedWithTheirTimes) {
  const auto env = std::make_shared<manual_environment>();
  world w(world::quick(), 16, nullptr, env);
  w.store->block(only(operation::enqueue));
  mutex lock(*w.locks, "lock");
  async_result result;
  lock.async_acquire({}, result.taking());
  ASSERT_TRUE(w.store->wait_for_blocked(1));
  env->advance(20);
  EXPECT_EQ(of_command(*w.locks, "enqueue").took.count(), 0U);
  w.store->unblock();
  ASSERT_TRUE(result.get());
  EXPECT_EQ(of_command(*w.locks, "enqueue").answered, 1U);
  EXPECT_EQ(of_command(*w.locks, "enqueue").took.sum, 20ms);
  EXPECT_EQ(of(*w.locks).waited.sum, 20ms);
  (void)w.locks->inspect("lock");
  EXPECT_EQ(of_command(*w.locks, "read").answered, 1U);
  w.store->inject({.what = fault::kind::refused, .on = only(operation::try_)});
  EXPECT_THROW((void)mutex(*w.locks, "another").try_acquire(), error);
  EXPECT_EQ(of_command(*w.locks, "try").refused, 1U);
}

TEST(Metrics, NotificationsThatFailAreSeen) {
  world w(world::quick(), 16, std::make_shared<fake_channel>());
  w.notices->fail("broken");
  ASSERT_TRUE(mutex(*w.locks, "lock").try_acquire());
  EXPECT_TRUE(eventually([&] { return !w.locks->metrics().notifications_up; }));
  w.notices->heal();
  ASSERT_TRUE(mutex(*w.locks, "lock").try_acquire());
  EXPECT_TRUE(eventually([&] { return w.locks->metrics().notifications_up; }));
}

TEST(Metrics, LabelsAreFewAndTheRestIsOther) {
  auto o = world::quick();
  o.metrics_label = [](std::string_view id) {
    if (id == "throws") throw std::runtime_error("the function's own");
    return std::string(id.substr(0, id.find('/')));
  };
  world w(o);
  const auto use = [&](const std::string& id) { EXPECT_TRUE(mutex(*w.locks, id).try_acquire()); };
  for (int i = 0; i < 102; ++i) use(std::to_string(i) + "/a");
  use("99/b");
  use("101/b");
  use("throws");
  use("other");
  EXPECT_EQ(w.locks->metrics().locks.size(), 101U);
  EXPECT_EQ(of(*w.locks, lock_kind::exclusive, "0").acquired, 1U);
  EXPECT_EQ(of(*w.locks, lock_kind::exclusive, "99").acquired, 2U);
  EXPECT_EQ(of(*w.locks, lock_kind::exclusive, "other").acquired, 5U);
}

TEST(Metrics, WorkAfterTheEndAndWithoutAnyMutex) {
  world w;
  { ASSERT_TRUE(mutex(*w.locks, "lock").try_acquire()); }
  w.locks->close();
  EXPECT_EQ(of(*w.locks).acquired, 1U);
  const auto env = std::make_shared<manual_environment>();
  const auto m = std::make_shared<detail::monitor>(
      detail::monitor::parts{.where = running_store(env),
                             .notices = nullptr,
                             .channel_name = "",
                             .io = std::make_shared<worker_pool>(1),
                             .callbacks = std::make_shared<worker_pool>(worker_pool::unlimited),
                             .env = env,
                             .log = {}},
      engine::client::settings{.id = "me"});
  m->step([&](auto&, protocol::ms) { EXPECT_TRUE(m->counts().snapshot().locks.empty()); });  // in the mutex
  m->end();
}

// --- what takes time ------------------------------------------------------------------------------------------------

struct MetricsInTime : watched {
  [[nodiscard]] lock_metrics counts() const { return core->metrics().locks.at(0); }
};

TEST_F(MetricsInTime, LossesAreCountedByTheirReason) {
  EXPECT_EQ(counts().held, 0U) << "the first lease of all was dropped";
  const auto before = counts().held_for.count();
  const auto expires = hold("expires", 300, false);
  EXPECT_EQ(counts().held, 1U);
  go_to(expires->valid_until());
  EXPECT_EQ(time_of_loss(expires), now());
  EXPECT_EQ(counts().expired, 1U);
  const auto removed = hold("removed", 600);
  store->put("removed", std::nullopt);
  go_to(now() + 200);
  EXPECT_EQ(time_of_loss(removed), now());
  EXPECT_EQ(counts().removed, 1U);
  EXPECT_EQ(core->metrics().renewals_lost, 1U);
  const auto gone = hold("gone", far, false);
  store->put("gone", std::nullopt);
  EXPECT_EQ(core->release(*gone, 0, 1000), release_result::lost);
  EXPECT_EQ(counts().found_at_release, 1U);
  const auto revoked = hold("revoked", far, false);
  const protocol::snapshot seen{.id = "revoked", .what = *store->get("revoked")};
  EXPECT_TRUE(core->revoke(seen, seen.what.holders.at(0), false));
  EXPECT_EQ(time_of_loss(revoked), now());
  EXPECT_EQ(counts().revoked, 1U);
  EXPECT_EQ(counts().held, 0U);
  EXPECT_EQ(counts().held_for.count(), before + 4);
  EXPECT_EQ(counts().expired + counts().removed + counts().found_at_release, 3U);
}

TEST_F(MetricsInTime, RenewalsAreCountedWithWhatWasLeft) {
  const auto held = hold("lock", 3000);
  EXPECT_FALSE(core->metrics().least_left_at_renewal);
  store->inject({.what = fault::kind::lost_request, .on = only(operation::renew)});
  go_to(now() + 1000);
  go_to(now() + 150);
  EXPECT_TRUE(is_extended(held, 3000));
  go_to(now() + 1000);
  EXPECT_TRUE(is_extended(held, 3000));
  const auto m = core->metrics();
  EXPECT_EQ(m.renewed, 2U);
  EXPECT_EQ(m.renewals_failed, 1U);
  EXPECT_EQ(m.left_at_renewal.sum, 1550ms + 1700ms);
  EXPECT_EQ(m.least_left_at_renewal, 1550ms);
  for (const auto& c : m.commands) {
    if (c.name != "renew") continue;
    EXPECT_EQ(c.answered, 2U);
    EXPECT_EQ(c.no_answer, 1U);
    EXPECT_EQ(c.in_doubt, 1U);
  }
}

}  // namespace
}  // namespace dlock::testing
