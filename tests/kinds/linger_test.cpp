// A lease that nobody uses is kept for a while (docs/adr/0032-linger.md).
#include "kinds/harness.hpp"

namespace dlock::testing {
namespace {

struct Linger : Kinds {
  // A release that is not early: inspect() sees it.
  static lock_options lingers() { return {.id = "job", .durable_release = true, .linger = 2500ms}; }
};

TEST_F(Linger, TheNextCallTakesItAtOnce) {
  dlock::mutex one(mine, lingers());
  auto first = one.acquire();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->release(), release_result::released);
  const auto kept = mine.inspect("job")->holders;
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_TRUE(kept[0].lingering);
  auto second = one.try_acquire();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->token(), first->token() + 1);
  EXPECT_EQ(second->owner(), first->owner() + "+1");
  EXPECT_EQ(second->release(), release_result::released);
  EXPECT_TRUE(held_by("job", 0)) << "when its time is over";
}

TEST_F(Linger, WhoWaitsRecallsIt) {
  dlock::mutex one(mine, lingers());
  auto first = one.acquire();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->release(), release_result::released);
  auto other = dlock::mutex(theirs, "job").acquire({.timeout = 2s});
  ASSERT_TRUE(other);
  EXPECT_GE(other->token(), first->token() + 1000);
  EXPECT_EQ(other->release(), release_result::released);
  first = one.acquire();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->release(), release_result::released);
  EXPECT_TRUE(mine.inspect("job")->holders.empty()) << "after a recall it does not linger";
}

TEST_F(Linger, WhoTriesRecallsIt) {
  auto first = dlock::shared_mutex(mine, lingers()).acquire();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->release(), release_result::released);
  EXPECT_TRUE(eventually([&] { return bool(dlock::mutex(theirs, "job").try_acquire()); }));
}

TEST_F(Linger, ItIsAtMostHalfOfTheLease) {
  EXPECT_EQ(error_of([&] { dlock::mutex(mine, lock_options{.id = "job", .linger = 2501ms}); }).code(),
            errc::invalid_argument);
  EXPECT_EQ(error_of([&] { dlock::mutex(mine, lock_options{.id = "job", .linger = -1ms}); }).code(),
            errc::invalid_argument);
  dlock::mutex(mine, lingers());
}

}  // namespace
}  // namespace dlock::testing
