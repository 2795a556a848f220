// Observed expiry on a real server, with clients whose commands find its clock a day off: what a primary whose clock
// jumped, or a new one, makes of them.
#include <memory>

#include "replica/fixture.hpp"
#include "store/mongo_store.hpp"
#include "support/fake_client.hpp"

namespace dlock::testing {
namespace {

constexpr milliseconds kLease = 4s;
constexpr milliseconds kDay = 24h;

class ObservedExpiry : public Replica {
 protected:
  [[nodiscard]] client at(milliseconds offset, expiry how = expiry::observed) const {
    auto o = options("test", kLease);
    o.expiry = how;
    o.clock_skew = 0ms;
    o.wait_lock_period = 500ms;
    mongo_settings settings;
    settings.db = o.db;
    settings.coll = o.coll;
    settings.now_expression = R"({"$add": ["$$NOW", )" + std::to_string(offset.count()) + "]}";
    auto where = std::make_shared<mongo_store>(std::make_shared<mongo_pool>(o.url, "url", 5s, 20), settings);
    where->connect(boot_clock::now() + 20s);
    return fake_client(where, o);
  }
  /// Takes the lock and is not heard of any more.
  void die_holding() {
    auto dead = at(0ms);
    dead_.push_back(mutex(dead, id).try_acquire());
    ASSERT_TRUE(dead_.back());
    dead.close();
  }
  std::vector<acquisition> dead_;  // their ends would give the lock back
};

// The control: without it the jump might not bite.
TEST_F(ObservedExpiry, ByTheServersClockAJumpEndsALiveLease) {
  auto mine = at(0ms, expiry::server_clock), theirs = at(kDay, expiry::server_clock);
  auto held = mutex(mine, id).try_acquire();
  ASSERT_TRUE(held);
  EXPECT_TRUE(mutex(theirs, id).try_acquire());
}

TEST_F(ObservedExpiry, ALiveHolderKeepsTheLockHoweverTheServersClockJumps) {
  for (const auto offset : {kDay, -kDay}) {
    auto mine = at(0ms), theirs = at(offset);
    auto held = mutex(mine, id).try_acquire();
    ASSERT_TRUE(held);
    EXPECT_EQ(mutex(theirs, id).acquire({.timeout = kLease * 2}).result(), outcome::timed_out);
    EXPECT_TRUE(held->held());
    EXPECT_TRUE(eventually([&] { return waiters(id) == 0; }));  // it leaves on its own
    EXPECT_EQ(held->release(), release_result::released);
    auto next = mutex(theirs, id).try_acquire();
    ASSERT_TRUE(next);
    EXPECT_GT(next->token(), held->token());
  }
}

TEST_F(ObservedExpiry, ADeadHoldersLockPassesOnHoweverTheServersClockJumps) {
  for (const auto offset : {kDay, -kDay}) {
    die_holding();
    auto theirs = at(offset);
    std::optional<lease> got;
    const auto took = time_of([&] {
      auto a = mutex(theirs, id).acquire({.timeout = 60s});
      if (a) got.emplace(std::move(*a));
    });
    ASSERT_TRUE(got);
    EXPECT_GE(took, kLease);
    EXPECT_LT(took, kLease * 2 + 20s);
  }
}

}  // namespace
}  // namespace dlock::testing
