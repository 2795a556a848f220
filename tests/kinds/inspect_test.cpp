#include "kinds/harness.hpp"

namespace dlock::testing {
namespace {

using Inspect = Kinds;

TEST_F(Inspect, AnUnknownLockIsNothing) {
  EXPECT_FALSE(mine.inspect("nobody's"));
  EXPECT_TRUE(mine.list().empty());
  EXPECT_EQ(error_of([&] { (void)mine.inspect(""); }).code(), errc::invalid_argument);
  EXPECT_EQ(error_of([&] { (void)mine.revoke(""); }).code(), errc::invalid_argument);
}

TEST_F(Inspect, TellsWhoHoldsAndWhoWaitsInOrder) {
  auto o = quick();
  o.who = "first";
  auto first = another(o);
  o.who = "second";
  auto second = another(o);
  mutex a(mine, "lock"), b(first, "lock");
  shared_mutex c(second, "lock");
  auto held = a.acquire();
  auto one = later([&] { return b.acquire(); });
  ASSERT_TRUE(queued("lock", 1));
  auto two = later([&] { return c.acquire_shared(); });
  ASSERT_TRUE(queued("lock", 2));
  const auto s = theirs.inspect("lock");
  ASSERT_TRUE(s);
  EXPECT_EQ(s->id, "lock");
  EXPECT_EQ(s->permits, 0);
  EXPECT_EQ(s->token, held->token());
  ASSERT_EQ(s->holders.size(), 1U);
  const auto& h = s->holders[0];
  EXPECT_EQ(h.who, "somebody");
  EXPECT_EQ(h.mode, lock_mode::exclusive);
  EXPECT_EQ(h.token, held->token());
  EXPECT_FALSE(h.expired || h.revoked || h.foreign);
  EXPECT_LE(h.since, s->at);
  EXPECT_GT(h.until, s->at);
  EXPECT_LE(h.until, s->at + 5s);
  ASSERT_EQ(s->waiters.size(), 2U);
  EXPECT_EQ(s->waiters[0].who, "first");
  EXPECT_EQ(s->waiters[1].who, "second");
  EXPECT_EQ(s->waiters[1].mode, lock_mode::shared);
  EXPECT_GE(s->waiters[0].since, h.since);
  EXPECT_LE(s->waiters[0].since, s->at);
  (void)held->release();
  (void)one.get()->release();
}

TEST_F(Inspect, ListsByPrefixInOrder) {
  std::vector<lease> held;
  for (const auto* id : {"b.2", "b.1", "b", "a", "b$1", "B.1", "c"})
    held.push_back(std::move(*mutex(mine, id).acquire()));
  const auto ids = [&](const std::string& prefix) {
    std::string out;
    for (const auto& s : theirs.list(prefix)) out += (out.empty() ? "" : " ") + s.id;
    return out;
  };
  EXPECT_EQ(ids(""), "B.1 a b b$1 b.1 b.2 c");
  EXPECT_EQ(ids("b"), "b b$1 b.1 b.2");
  EXPECT_EQ(ids("b."), "b.1 b.2") << "a dot is a dot";
  EXPECT_EQ(ids("b$"), "b$1");
  EXPECT_EQ(ids("\xc3\xa9"), "");
}

TEST_F(Inspect, AHolderWhoseLeaseIsOverIsListedAsExpired) {
  if (observes()) GTEST_SKIP() << "with observed expiry no clock says that a lease is over";
  mutex a(mine, lock_options{.id = "lock", .exp_delta = 3s, .autorefresh = false});
  const auto got = a.acquire();
  ASSERT_TRUE(got);
  EXPECT_TRUE(theirs.inspect("lock")->expired.empty());
  EXPECT_TRUE(eventually([&] { return theirs.inspect("lock")->holders.empty(); }));
  const auto seen = theirs.inspect("lock");
  ASSERT_EQ(seen->expired.size(), 1U);
  EXPECT_TRUE(seen->expired[0].expired);
  EXPECT_TRUE(mutex(theirs, "lock").try_acquire()) << "it was free, and was shown so";
  EXPECT_TRUE(theirs.inspect("lock")->expired.empty());
}

TEST_F(Inspect, ListsMoreThanAPageOfThem) {
  auto o = quick();
  o.exp_delta = 300s;  // so many are not renewed in time everywhere
  auto holder = another(o);
  std::vector<lease> held;
  for (int i = 0; i < 230; ++i) held.push_back(std::move(*mutex(holder, "lock-" + std::to_string(1000 + i)).acquire()));
  const auto all = theirs.list("lock-");
  ASSERT_EQ(all.size(), 230U);
  EXPECT_EQ(all.front().id, "lock-1000");
  EXPECT_EQ(all.back().id, "lock-1229");
}

TEST_F(Inspect, ARevocationOfATokenRevokesThatHolderOnly) {
  shared_mutex a(mine, "lock"), b(mine, "lock");
  auto one = a.acquire_shared(), two = b.acquire_shared();
  const auto off = theirs.revoke("lock", one->token());
  ASSERT_EQ(off.size(), 1U);
  EXPECT_EQ(off[0].token, one->token());
  EXPECT_TRUE(eventually([&] { return !one->held(); }));
  EXPECT_TRUE(two->held());
  ASSERT_EQ(theirs.revoke("lock").size(), 2U) << "all of them";
  EXPECT_TRUE(eventually([&] { return !two->held(); }));
}

/// The clocks of the servers may differ by as much as the users of the lock say.
TEST_F(Inspect, WhoActsFromOutsideUsesTheClockSkewOfTheLock) {
  if (observes()) GTEST_SKIP() << "nothing ends by the clock";
  auto o = quick();
  o.clock_skew = 1h;
  auto users = another(o);
  o.autorefresh = false;
  auto silent = another(o);
  auto first = semaphore(silent, lock_options{.id = "slots", .exp_delta = 200ms}, 3).acquire();
  auto second = semaphore(users, "slots", 3).acquire();
  ASSERT_TRUE(first && second);
  ASSERT_TRUE(eventually([&] {
    const auto s = theirs.inspect("slots");
    return s && s->expired.size() == 1;
  })) << "for a client with a small clock_skew, its lease has ended";
  const auto holders = [&] { return users.inspect("slots")->holders.size(); };
  EXPECT_TRUE(theirs.set_note("slots", second->owner(), "a note"));
  EXPECT_EQ(holders(), 2U);
  const auto told = semaphore(theirs, "slots", 3).resize(4);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->in_use, 2);
  EXPECT_EQ(holders(), 2U);
  EXPECT_EQ(theirs.revoke("slots", second->token()).size(), 1U);
  EXPECT_EQ(holders(), 2U);
}

}  // namespace
}  // namespace dlock::testing
