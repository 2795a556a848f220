
#include "kinds/harness.hpp"

namespace dlock::testing {
namespace {

using Shared = Kinds;

TEST_F(Shared, ReadersTogetherWritersAlone) {
  shared_mutex a(mine, "lock"), b(theirs, "lock"), w(theirs, "lock");
  const auto one = a.acquire_shared(), two = b.acquire_shared();
  ASSERT_TRUE(one && two);
  EXPECT_EQ(w.try_acquire().result(), outcome::busy);
  EXPECT_EQ(a.release(), release_result::released);
  EXPECT_EQ(w.try_acquire().result(), outcome::busy) << "one is still reading";
  EXPECT_EQ(b.release(), release_result::released);
  const auto writing = w.try_acquire();
  ASSERT_TRUE(writing);
  EXPECT_EQ(a.try_acquire_shared().result(), outcome::busy);
}

TEST_F(Shared, NeitherStarvesTheOther) {
  shared_mutex a(mine, "lock"), b(mine, "lock"), c(theirs, "lock"), w(theirs, "lock"), late(mine, "lock");
  auto reading = a.acquire_shared();
  auto writing = later([&] { return w.acquire(); });
  ASSERT_TRUE(queued("lock", 1));
  EXPECT_EQ(late.try_acquire_shared().result(), outcome::busy) << "it must not pass the writer";
  auto second = later([&] { return b.acquire_shared(); });
  ASSERT_TRUE(queued("lock", 2));
  auto third = later([&] { return c.acquire_shared(); });
  ASSERT_TRUE(queued("lock", 3));
  EXPECT_FALSE(ready(second, 100ms));
  (void)reading->release();
  ASSERT_TRUE(ready(writing, 30s));
  auto held = writing.get();
  EXPECT_FALSE(ready(second, 100ms));
  (void)held->release();
  EXPECT_TRUE(ready(second, 30s));
  EXPECT_TRUE(ready(third, 30s)) << "neighbours go together";
}

TEST_F(Shared, ADowngradeLetsTheReadersInAndNobodyElse) {
  shared_mutex w(mine, "lock"), a(theirs, "lock"), b(theirs, "lock"), next(theirs, "lock");
  auto writing = w.acquire();
  const auto token = writing->token();
  auto one = later([&] { return a.acquire_shared(); });
  ASSERT_TRUE(queued("lock", 1));
  auto two = later([&] { return b.acquire_shared(); });
  ASSERT_TRUE(queued("lock", 2));
  auto later_writer = later([&] { return next.acquire(); });
  ASSERT_TRUE(queued("lock", 3));
  EXPECT_EQ(w.downgrade(), downgrade_result::downgraded);
  EXPECT_TRUE(ready(one, 30s));
  EXPECT_TRUE(ready(two, 30s));
  EXPECT_FALSE(ready(later_writer, 100ms));
  EXPECT_TRUE(writing->held());
  EXPECT_EQ(writing->token(), token);
  EXPECT_EQ(w.downgrade(), downgrade_result::downgraded) << "again";
  (void)one.get()->release();
  (void)two.get()->release();
  EXPECT_FALSE(ready(later_writer, 100ms)) << "the one that downgraded still reads";
  (void)writing->release();
  EXPECT_TRUE(ready(later_writer, 30s));
}

TEST_F(Shared, ADowngradeOfWhatIsNotHeld) {
  shared_mutex w(mine, "lock");
  EXPECT_EQ(w.downgrade(), downgrade_result::not_held);
  auto got = w.acquire();
  (void)got->release();
  EXPECT_EQ(w.downgrade(), downgrade_result::not_held);
}

TEST_F(Shared, ADowngradeOfWhatIsGoneSaysLost) {
  shared_mutex w(mine, "lock");
  auto got = w.acquire();
  place_->remove("lock");
  EXPECT_EQ(w.downgrade(), downgrade_result::lost);
  EXPECT_FALSE(got->held());
  EXPECT_TRUE(eventually([&] { return got->lost().stop_requested(); }));
}

TEST_F(Shared, ThereIsNoUpgrade) {
  shared_mutex a(mine, "lock");
  const auto reading = a.acquire_shared();
  ASSERT_TRUE(reading);
  EXPECT_EQ(a.acquire().result(), outcome::already_held);
  EXPECT_EQ(a.try_acquire().result(), outcome::already_held);
  EXPECT_EQ(a.acquire_shared().result(), outcome::already_held);
}

}  // namespace
}  // namespace dlock::testing
