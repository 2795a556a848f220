// What subscribers hear, on a channel in memory.
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "client/world.hpp"
#include "runtime/feeds.hpp"
#include "support/json.hpp"

namespace dlock::testing {
namespace {

using kind = lock_event::kind;

/// What a subscription heard, as text.
class listener {
 public:
  event_callback callback() {
    return [this](const lock_event& e) {
      const std::lock_guard lock(guard_);
      heard_.push_back(e);
    };
  }
  [[nodiscard]] std::vector<lock_event> heard() const {
    const std::lock_guard lock(guard_);
    return heard_;
  }
  [[nodiscard]] std::string text() const {
    std::string out;
    for (const auto& e : heard()) out += std::string(to_string(e.what)) + (e.id.empty() ? "" : " " + e.id) + "; ";
    return out;
  }
  [[nodiscard]] bool hears(const std::string& all) const {
    return eventually([&] { return text() == all; });
  }

 private:
  mutable std::mutex guard_;
  std::vector<lock_event> heard_;
};

struct stage : world {
  stage() : world(quick(), 16, std::make_shared<fake_channel>()), other(another()) {}
  client other;
  const std::string coll = "mongo_dlock_notif";
};

TEST(Events, OfALockReachAllWhoSubscribedToIt) {
  stage w;
  listener here, there;
  const auto one = w.locks->subscribe("lock", here.callback());
  const auto two = w.other.subscribe("lock", there.callback());
  ASSERT_TRUE(one.wait_until_open(30s));
  ASSERT_TRUE(two.wait_until_open(30s));
  std::int64_t token = 0;
  {
    auto got = mutex(*w.locks, "lock").try_acquire();
    token = got->token();
    ASSERT_TRUE(mutex(*w.locks, "another").try_acquire());
  }
  EXPECT_TRUE(here.hears("locked lock; unlocked lock; ")) << here.text();
  EXPECT_TRUE(there.hears("locked lock; unlocked lock; ")) << there.text();
  for (const auto& e : there.heard()) {
    EXPECT_EQ(e.token, token);
    EXPECT_EQ(e.who, "somebody");
    const auto server = std::chrono::system_clock::time_point{std::chrono::milliseconds{w.store->now()}};
    EXPECT_LT(std::chrono::abs(e.at - server), 10s);
  }
}

TEST(Events, AnEmptyCallbackIsRefused) {
  stage w;
  for (const auto& e : {error_of([&] { (void)w.locks->subscribe("lock", {}); }),
                        error_of([&] { (void)w.locks->subscribe_all(nullptr); })}) {
    EXPECT_EQ(e.code(), errc::invalid_argument);
    EXPECT_EQ(std::string(e.what()), "subscribe: the callback is empty; give a function");
  }
}

TEST(Events, AnyTimeToWaitIsAccepted) {
  stage w;
  w.notices->fail("not yet");
  listener told;
  const auto one = w.locks->subscribe("lock", told.callback());
  for (const auto no_time : {0ms, -1ms, std::chrono::milliseconds::min()}) EXPECT_FALSE(one.wait_until_open(no_time));
  auto open = std::async(std::launch::async, [&] { return one.wait_until_open(std::chrono::milliseconds::max()); });
  EXPECT_EQ(open.wait_for(200ms), std::future_status::timeout) << "it waits";
  w.notices->heal();
  EXPECT_TRUE(open.get());
}

TEST(Events, OfMongoDlockAreHeardAndTheRestIsSkipped) {
  stage w;
  listener here;
  const auto all = w.locks->subscribe_all(here.callback());
  ASSERT_TRUE(all.wait_until_open(30s));
  for (const char* json :
       {R"({"dummy": true})", R"({"event": "job", "message": {"id": "job", "locked": true}})",
        R"({"event": "chat", "message": "hello"})", R"({"event": "job", "message": {"id": "other", "locked": true}})",
        R"({"event": "job", "message": {"id": "job", "locked": "no"}})",
        R"({"event": "job", "message": {"id": "job", "locked": false}})"}) {
    std::vector<bson> one;
    one.push_back(from_json(json));
    ASSERT_EQ(w.notices->insert(feed_of_events(w.coll), one).what, answer::kind::replied);
  }
  ASSERT_TRUE(here.hears("locked job; unlocked job; ")) << here.text();
  EXPECT_EQ(here.heard()[0].token, 0);
  EXPECT_EQ(here.heard()[0].who, "");
}

TEST(Events, ABrokenConnectionLosesNothing) {
  stage w;
  listener here;
  const auto all = w.locks->subscribe_all(here.callback());
  ASSERT_TRUE(all.wait_until_open(30s));
  w.notices->fail("no network");  // who follows is thrown out
  ASSERT_TRUE(eventually([&] { return w.locks->notifications().now == notification_status::state::failing; }));
  w.notices->heal();
  ASSERT_TRUE(mutex(w.other, "later").try_acquire());  // published while nobody listens yet
  EXPECT_TRUE(here.hears("locked later; unlocked later; ")) << here.text();
}

TEST(Events, EventsThatWereOverwrittenAreAGap) {
  stage w;
  listener here;
  const auto all = w.locks->subscribe("lock", here.callback());
  ASSERT_TRUE(all.wait_until_open(30s));
  w.notices->drop(w.coll);
  EXPECT_TRUE(here.hears("gap; ")) << here.text();
  ASSERT_TRUE(eventually([&] { return all.wait_until_open(1s); }));
  ASSERT_TRUE(mutex(w.other, "lock").try_acquire());
  EXPECT_TRUE(here.hears("gap; locked lock; unlocked lock; ")) << here.text();
}

TEST(Events, ASlowSubscriberLearnsThatItMissedSome) {
  stage w;
  event go;
  std::atomic<int> heard = 0, gaps = 0;
  const auto all = w.locks->subscribe_all([&](const lock_event& e) {
    if (heard + gaps == 0) (void)go.wait();
    ++(e.what == kind::gap ? gaps : heard);
  });
  listener quick;
  const auto other = w.locks->subscribe_all(quick.callback());
  ASSERT_TRUE(all.wait_until_open(30s));
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(mutex(w.other, "lock").try_acquire());
  ASSERT_TRUE(eventually([&] { return quick.heard().size() == 2000; })) << "one who is slow keeps no other waiting";
  go.happen();
  EXPECT_TRUE(eventually([&] { return gaps == 1 && heard >= 1000; }));
  EXPECT_LT(heard, 2000);
}

TEST(Events, ACallbackMayThrowCallAnythingAndEndItsOwnSubscription) {
  stage w;
  std::atomic<int> calls = 0;
  subscription mine;
  event ended;
  listener other;
  const auto rest = w.locks->subscribe("lock", other.callback());
  mine = w.locks->subscribe("lock", [&](const lock_event&) {
    if (++calls == 1) throw std::runtime_error("the callback's own");
    EXPECT_TRUE(mutex(*w.locks, "from the callback").try_acquire());
    mine.end();
    ended.happen();
  });
  ASSERT_TRUE(mine.wait_until_open(30s));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(mutex(w.other, "lock").try_acquire());
  ASSERT_TRUE(ended.wait());
  ASSERT_TRUE(eventually([&] { return other.heard().size() == 6; }));
  EXPECT_EQ(calls, 2);
}

TEST(Events, NoCallBeginsAfterTheEndAndOneInProgressIsWaitedFor) {
  stage w;
  std::atomic<int> begun = 0, done = 0;
  event entered, go_on;
  listener other;
  const auto rest = w.locks->subscribe("lock", other.callback());
  auto s = w.locks->subscribe("lock", [&](const lock_event&) {
    ++begun;
    entered.happen();
    EXPECT_TRUE(go_on.wait());
    ++done;
  });
  ASSERT_TRUE(s.wait_until_open(30s));
  ASSERT_TRUE(mutex(w.other, "lock").try_acquire());
  ASSERT_TRUE(entered.wait());
  auto ends = std::async(std::launch::async, [&] { s.end(); });
  EXPECT_EQ(ends.wait_for(50ms), std::future_status::timeout) << "it waits for the one in progress";
  go_on.happen();
  ends.get();
  EXPECT_EQ(done, begun);
  const int before = begun;
  ASSERT_TRUE(mutex(w.other, "lock").try_acquire());
  ASSERT_TRUE(eventually([&] { return other.heard().size() == 4; }));
  EXPECT_EQ(begun, before);
}

TEST(Events, NobodyFollowsTheChannelWhenNobodySubscribes) {
  stage w;
  {
    listener here;
    const auto s = w.locks->subscribe("lock", here.callback());
    ASSERT_TRUE(s.wait_until_open(30s));
    EXPECT_EQ(w.locks->notifications().now, notification_status::state::working);
  }
  EXPECT_TRUE(eventually([&] { return w.locks->notifications().now == notification_status::state::idle; }));
}

TEST(Events, OfAClosedClientAreAnErrorAndItsSubscriptionsAreSilent) {
  stage w;
  listener here;
  const auto s = w.locks->subscribe("lock", here.callback());
  ASSERT_TRUE(s.wait_until_open(30s));
  w.locks->close();
  EXPECT_THROW((void)w.locks->subscribe("lock", here.callback()), error);
  listener there;
  const auto others = w.other.subscribe("lock", there.callback());
  ASSERT_TRUE(others.wait_until_open(30s));
  ASSERT_TRUE(mutex(w.other, "lock").try_acquire());
  ASSERT_TRUE(there.hears("locked lock; unlocked lock; "));
  EXPECT_EQ(here.text(), "");
  w.locks.reset();
  EXPECT_FALSE(s.wait_until_open(10ms));
}

TEST(Events, AreSentBeforeCloseReturnsBecauseTheProcessMayEndThen) {
  stage w;
  bool sent = false;  // it has 0.3 s for that: on a busy machine not each time
  for (int i = 0; i < 10 && !sent; ++i) {
    client ending = w.another();
    const auto before = w.notices->count(w.coll);
    { ASSERT_TRUE(mutex(ending, "lock").try_acquire()); }
    ending.close();
    sent = w.notices->count(w.coll) == before + 2;
  }
  EXPECT_TRUE(sent);
}

TEST(Events, ACloseThatCannotSendThemDoesNotWaitForThat) {
  stage w;
  w.notices->fail("broken");
  {
    const auto got = mutex(w.other, "lock").try_acquire();
    ASSERT_TRUE(got);
  }
  EXPECT_LT(time_of([&] { w.other.close(); }), 10s);
}

}  // namespace
}  // namespace dlock::testing
