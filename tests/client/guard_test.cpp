#include <gtest/gtest.h>

#include <type_traits>

#include "client/world.hpp"

namespace dlock::testing {
namespace {

static_assert(!std::is_copy_constructible_v<guard> && !std::is_move_constructible_v<guard>);
static_assert(!std::is_convertible_v<mutex&, guard>, "a lock is acquired only where somebody writes guard");

void expect_in(const std::string& part, const error& e) {
  EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
}

TEST(Guard, HoldsTheLockUntilTheEndOfItsScope) {
  world w;
  mutex lock(*w.locks, "lock");
  {
    guard held(lock);
    held.check();
    EXPECT_EQ(held.token(), held->token());
    EXPECT_EQ(held->id(), "lock");
    EXPECT_FALSE(held.lost().stop_requested());
    EXPECT_EQ(mutex(*w.locks, "lock").try_acquire().result(), outcome::busy);
  }
  EXPECT_TRUE(mutex(*w.locks, "lock").try_acquire());
}

TEST(Guard, TakesEachKindOfLock) {
  world w;
  shared_mutex files(*w.locks, "files");
  shared_mutex others(*w.locks, "files");
  semaphore slots(*w.locks, "slots", 3);
  const guard reads(files.shared());
  const guard reads_too(others.shared());
  const guard two(slots.take(2));
  reads.check();
  two.check();
  EXPECT_EQ(mutex(*w.locks, "files").try_acquire().result(), outcome::busy);
  EXPECT_EQ(semaphore(*w.locks, "slots", 3).try_acquire(2).result(), outcome::busy);
}

TEST(Guard, ThrowsWhyItDidNotAcquire) {
  world w;
  mutex lock(*w.locks, "lock");
  const guard held(lock);
  mutex other(*w.locks, "lock");

  const error busy = error_of([&] { guard(other, {.timeout = 0ms}); });
  EXPECT_EQ(busy.code(), errc::not_acquired);
  EXPECT_TRUE(busy.retryable());
  EXPECT_FALSE(busy.in_doubt());
  expect_in("cannot acquire lock \"lock\": it is busy; its holder is somebody; try again", busy);

  const error late = error_of([&] { guard(other, {.timeout = 10ms}); });
  EXPECT_EQ(late.code(), errc::not_acquired);
  EXPECT_TRUE(late.retryable());
  expect_in("the wait timed out; its holder is ", late);

  std::stop_source stop;
  stop.request_stop();
  const error cancelled = error_of([&] { guard(other, {.stop = stop.get_token()}); });
  EXPECT_EQ(cancelled.code(), errc::not_acquired);
  EXPECT_FALSE(cancelled.retryable());
  expect_in("cancelled", cancelled);

  const error already = error_of([&] { guard{lock}; });
  EXPECT_EQ(already.code(), errc::not_acquired);
  EXPECT_FALSE(already.retryable());
  expect_in("this object holds or acquires it already", already);
}

TEST(Guard, CheckThrowsOnceTheLeaseIsLost) {
  world w;
  mutex lock(*w.locks, "lock");
  const guard held(lock);
  w.store->put("lock", std::nullopt);
  ASSERT_TRUE(eventually([&] { return held.lost().stop_requested(); }));
  const error lost = error_of([&] { held.check(); });
  EXPECT_EQ(lost.code(), errc::not_held);
  EXPECT_FALSE(lost.retryable());
  expect_in("lock \"lock\" was lost: the server no longer has it", lost);
  expect_in("; another may hold it, so stop what it guards", lost);
}

TEST(Guard, CheckThrowsAfterARelease) {
  world w;
  mutex lock(*w.locks, "lock");
  guard held(lock);
  EXPECT_EQ(held->release(), release_result::released);
  EXPECT_EQ(std::string(error_of([&] { held.check(); }).what()),
            "lock \"lock\" was released: it is not held any more; acquire it again");
  EXPECT_EQ(error_of([] { lease().check(); }).code(), errc::not_held);
}

}  // namespace
}  // namespace dlock::testing
