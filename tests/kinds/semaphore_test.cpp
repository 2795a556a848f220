#include "kinds/harness.hpp"

namespace dlock::testing {
namespace {

using Semaphore = Kinds;

TEST_F(Semaphore, HasAsManyPermitsAsItSays) {
  semaphore a(mine, "slots", 3), b(theirs, "slots", 3);
  auto one = a.try_acquire(), two = b.try_acquire(), three = a.try_acquire();
  ASSERT_TRUE(one && two && three) << "one object may hold several";
  EXPECT_EQ(b.try_acquire().result(), outcome::busy);
  (void)two->release();
  EXPECT_TRUE(b.try_acquire());
}

TEST_F(Semaphore, NonsenseIsRefusedBeforeAnythingIsSent) {
  for (const std::int64_t n : {-1, 0, 1'000'001}) {
    EXPECT_EQ(error_of([&] { semaphore(mine, "slots", n); }).code(), errc::invalid_argument) << n;
  }
  semaphore a(mine, "slots", 3);
  for (const std::int64_t k : {-1, 0, 4}) {
    const auto e = error_of([&] { (void)a.try_acquire(k); });
    EXPECT_EQ(e.code(), errc::invalid_argument) << k;
  }
  EXPECT_EQ(error_of([&] { (void)a.resize(0); }).code(), errc::invalid_argument);
  EXPECT_FALSE(mine.inspect("slots"));
}

TEST_F(Semaphore, ADisagreementOnNNamesBoth) {
  semaphore a(mine, "slots", 3), b(theirs, "slots", 5);
  auto held = a.acquire();
  const auto e = error_of([&] { (void)b.acquire(); });
  EXPECT_EQ(e.code(), errc::configuration);
  EXPECT_NE(std::string(e.what()).find(" 3 permits"), std::string::npos) << e.what();
  EXPECT_NE(std::string(e.what()).find(" 5 permits"), std::string::npos) << e.what();
  EXPECT_EQ(error_of([&] { (void)mutex(theirs, "slots").acquire(); }).code(), errc::configuration);
  (void)held->release();
  EXPECT_TRUE(b.try_acquire()) << "nobody uses it with another number";
}

TEST_F(Semaphore, ResizedUpAdmitsThoseWhoWait) {
  semaphore a(mine, "slots", 1), b(theirs, "slots", 1);
  auto one = a.acquire();
  auto two = later([&] { return b.acquire(); });
  ASSERT_TRUE(queued("slots", 1));
  const auto told = a.resize(2);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->in_use, 2);
  EXPECT_EQ(told->waiting, 0);
  EXPECT_EQ(a.permits(), 2);
  EXPECT_TRUE(ready(two, 30s));
  EXPECT_EQ(error_of([&] { (void)b.try_acquire(); }).code(), errc::configuration) << "b still says 1";
}

TEST_F(Semaphore, ResizedDownTakesNothingFromAnybody) {
  semaphore a(mine, "slots", 3);
  auto one = a.acquire(), two = a.acquire(), three = a.acquire();
  ASSERT_TRUE(a.resize(1));
  EXPECT_TRUE(one->held() && two->held() && three->held());
  auto next = later([&] { return a.acquire(); });
  ASSERT_TRUE(queued("slots", 1));
  (void)one->release();
  (void)two->release();
  EXPECT_FALSE(ready(next, 200ms));
  (void)three->release();
  EXPECT_TRUE(ready(next, 30s));
}

TEST_F(Semaphore, ResizedDownTurnsAwayWhoCannotFitAnyMore) {
  semaphore a(mine, "slots", 3), b(theirs, "slots", 3);
  auto one = a.acquire();
  auto all = later([&] { return error_of([&] { (void)b.acquire(3); }); });
  ASSERT_TRUE(queued("slots", 1));
  ASSERT_TRUE(a.resize(2));
  ASSERT_TRUE(ready(all, 30s));
  EXPECT_EQ(all.get().code(), errc::configuration);
}

TEST_F(Semaphore, ResizingWhatNobodyUsesChangesTheObject) {
  semaphore a(mine, "slots", 1);
  EXPECT_FALSE(a.resize(2));
  auto one = a.try_acquire(), two = a.try_acquire();
  EXPECT_TRUE(one && two);
}

TEST_F(Semaphore, InspectTellsWhoTookHowMany) {
  semaphore a(mine, "slots", 5);
  auto two = a.acquire(2);
  std::stop_source enough;
  auto four = later([&] { return a.acquire(4, {.timeout = 60s, .stop = enough.get_token()}); });
  EXPECT_TRUE(queued("slots", 1));
  const auto s = theirs.inspect("slots");
  ASSERT_TRUE(s);
  EXPECT_EQ(s->permits, 5);
  ASSERT_EQ(s->holders.size(), 1U);
  EXPECT_EQ(s->holders[0].mode, lock_mode::permits);
  EXPECT_EQ(s->holders[0].permits, 2);
  EXPECT_EQ(s->holders[0].token, two->token());
  ASSERT_EQ(s->waiters.size(), 1U);
  EXPECT_EQ(s->waiters[0].permits, 4);
  enough.request_stop();
}

}  // namespace
}  // namespace dlock::testing
