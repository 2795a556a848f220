#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>
#include <type_traits>

#include "client/world.hpp"

namespace dlock::testing {
namespace {

// lock_guard needs lock() and unlock(); neither could say that the lease was lost.
template <typename T>
concept basic_lockable = requires(T t) {
  t.lock();
  t.unlock();
};
template <typename T>
concept try_lockable = requires(T t) {
  t.try_lock();
};
static_assert(!basic_lockable<mutex> && !try_lockable<mutex>);
static_assert(!basic_lockable<lease> && !basic_lockable<client>);
static_assert(!std::is_copy_constructible_v<lease> && !std::is_copy_assignable_v<lease>);
static_assert(std::is_nothrow_move_constructible_v<lease> && std::is_nothrow_move_assignable_v<mutex>);
static_assert(!std::is_copy_constructible_v<client> && !std::is_copy_constructible_v<acquisition>);
static_assert(!std::is_convertible_v<acquisition, bool>, "`bool ok = lock.try_acquire()` would release at once");

TEST(Mutex, AlreadyHeldIsSaidAtOnceAndNothingIsSent) {
  world w;
  mutex lock(*w.locks, "lock");
  auto got = lock.acquire();
  ASSERT_TRUE(got);
  w.store->forget_calls();
  EXPECT_EQ(lock.acquire().result(), outcome::already_held);
  EXPECT_EQ(lock.try_acquire().result(), outcome::already_held);
  EXPECT_EQ(w.store->calls().size(), 0u);
  EXPECT_TRUE(got->held());
}

TEST(Mutex, AlreadyHeldIsSaidWhileItIsAcquiring) {
  world w;
  auto holder = mutex(*w.locks, "lock").try_acquire();
  mutex lock(*w.locks, "lock");
  std::stop_source stop;
  event waiting;
  std::jthread waiter([&] {
    const auto for_ever = std::chrono::milliseconds::max();
    const wait_options o{for_ever, stop.get_token(), [&](auto&) { waiting.happen(); }};
    EXPECT_EQ(lock.acquire(o).result(), outcome::cancelled);
  });
  ASSERT_TRUE(waiting.wait());
  EXPECT_EQ(lock.try_acquire().result(), outcome::already_held);
  stop.request_stop();
}

TEST(Mutex, TheMutexCanReleaseItsLease) {
  world w;
  mutex lock(*w.locks, "lock");
  EXPECT_EQ(lock.release(), release_result::not_held);
  auto got = lock.try_acquire();
  EXPECT_EQ(lock.release(), release_result::released);
  EXPECT_FALSE(got->held());
  EXPECT_EQ(lock.release(), release_result::not_held);
  EXPECT_EQ(got->release(), release_result::not_held);
}

TEST(Mutex, ATimeoutOfZeroOrLessIsATry) {
  world w;
  auto got = mutex(*w.locks, "lock").try_acquire();
  mutex lock(*w.locks, "lock");
  EXPECT_EQ(lock.acquire({.timeout = 0ms}).result(), outcome::busy);
  EXPECT_EQ(lock.acquire({.timeout = -5s}).result(), outcome::busy);
  EXPECT_EQ(lock.acquire({.timeout = std::chrono::milliseconds::min()}).result(), outcome::busy);
  EXPECT_TRUE(w.store->get("lock")->waiters.empty());
}

TEST(Mutex, WaitersLearnTheirPlaceAndTheHolder) {
  world w;
  auto got = mutex(*w.locks, "lock").try_acquire();
  wait_status seen;
  std::stop_source stop;
  (void)mutex(*w.locks, "lock")
      .acquire({.stop = stop.get_token(),
                .on_wait =
                    [&](const wait_status& s) {
                      seen = s;
                      stop.request_stop();
                    }})
      .result();
  EXPECT_EQ(seen.place, 0);
  EXPECT_EQ(seen.queue_length, 1);
  ASSERT_TRUE(seen.holder);
  EXPECT_EQ(seen.holder->who, "somebody");
}

TEST(Mutex, ACallbackOfAWaitThatThrowsLeavesNoWaiterBehind) {
  world w;
  auto got = mutex(*w.locks, "lock").try_acquire();
  mutex lock(*w.locks, "lock");
  EXPECT_THROW((void)lock.acquire({.on_wait = [](auto&) { throw std::runtime_error("no"); }}).result(),
               std::runtime_error);
  EXPECT_TRUE(eventually([&] { return w.store->get("lock")->waiters.empty(); }));
  EXPECT_EQ(lock.try_acquire().result(), outcome::busy) << "the object is usable again";
}

TEST(Mutex, AMovedFromLeaseIsEmpty) {
  world w;
  mutex lock(*w.locks, "lock");
  auto got = lock.try_acquire();
  lease kept = std::move(*got);
  EXPECT_TRUE(kept.held());
  EXPECT_FALSE(got->held());
  EXPECT_EQ(got->release(), release_result::not_held);
  EXPECT_EQ(got->id(), "");
  EXPECT_EQ(got->owner(), "");
  EXPECT_EQ(got->token(), 0);
  EXPECT_EQ(got->valid_for(), 0ms);
  EXPECT_FALSE(got->lost().stop_requested());
  got->on_lost([] { FAIL(); });
  EXPECT_EQ(w.store->count(operation::release), 0u);
}

TEST(Mutex, AssigningToALeaseReleasesWhatItHeld) {
  world w;
  mutex a(*w.locks, "a"), b(*w.locks, "b");
  lease l = std::move(*a.try_acquire());
  l = std::move(*b.try_acquire());
  EXPECT_EQ(l.id(), "b");
  EXPECT_TRUE(mutex(*w.locks, "a").try_acquire());
  EXPECT_FALSE(mutex(*w.locks, "b").try_acquire());
}

TEST(Mutex, ACallOnAClientThatIsGoneOrMovedFromIsAnError) {
  world w;
  mutex lock(*w.locks, "lock");
  client moved = std::move(*w.locks);
  EXPECT_EQ(error_of([&] { mutex another(*w.locks, "lock"); }).code(), errc::closed);
  w.locks->close();  // no crash
  EXPECT_TRUE(lock.try_acquire()) << "it outlives the handle that made it";
  { const client gone = std::move(moved); }
  EXPECT_EQ(error_of([&] { (void)lock.try_acquire().result(); }).code(), errc::closed);
}

}  // namespace
}  // namespace dlock::testing
