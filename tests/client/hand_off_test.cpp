// Two clients, a store and a channel in memory: who is woken by what.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "client/world.hpp"

namespace dlock::testing {
namespace {

/// Whoever waits no longer was woken.
constexpr auto kWoken = 20s;

struct two : world {
  explicit two(const client_options& o = world::patient())
      : world(o, 16, std::make_shared<fake_channel>()), other(another(o)) {}

  client other;
  mutex mine{*locks, "lock"}, theirs{other, "lock"};

  /// Starts to wait in `theirs`, and returns when that stands in the queue and its inbox is followed.
  std::jthread wait_in_line(acquisition* got) {
    std::jthread t([this, got] { *got = theirs.acquire({.timeout = 90s}); });
    EXPECT_TRUE(listens());
    return t;
  }
  [[nodiscard]] bool listens() const {
    return eventually(
        [&] { return waiters() == 1 && other.notifications().now == notification_status::state::working; });
  }
  [[nodiscard]] std::size_t waiters() const {
    const auto d = store->get("lock");
    return d ? d->waiters.size() : 0;
  }
};

acquisition nothing() {
  return {outcome::busy, {}, std::nullopt};
}

TEST(HandOff, AReleaseWakesTheHeirAndNobodyLooksMeanwhile) {
  two w;
  auto first = w.mine.try_acquire();
  ASSERT_TRUE(first);
  auto got = nothing();
  auto waiting = w.wait_in_line(&got);
  w.settle();
  w.store->forget_calls();
  EXPECT_EQ(first->release(), release_result::released);
  waiting.join();
  ASSERT_TRUE(got);
  EXPECT_GT(got->token(), first->token());
  EXPECT_EQ(w.store->count(operation::heartbeat), 0u);
  EXPECT_EQ(w.store->calls().front().request.op, operation::release);
  EXPECT_EQ(w.notices->count(".inbox."), 1u);
}

TEST(HandOff, TheHeirsLeaseIsSoonAWholeOne) {
  two w;
  auto first = w.mine.try_acquire();
  auto got = nothing();
  auto waiting = w.wait_in_line(&got);
  EXPECT_EQ(first->release(), release_result::released);
  waiting.join();
  ASSERT_TRUE(got);
  EXPECT_TRUE(eventually([&] { return got->valid_for() > 50s; }));
  EXPECT_TRUE(w.store->get("lock")->holders[0].announced);
}

TEST(HandOff, AnHeirOfTheSameClientNeedsNoChannel) {
  world w(world::patient());  // without one
  mutex one(*w.locks, "lock"), two(*w.locks, "lock");
  auto first = one.try_acquire();
  auto got = nothing();
  std::jthread waiting([&] { got = two.acquire({.timeout = 90s}); });
  // Each look is twice as long after the one before: the next one is seconds away.
  ASSERT_TRUE(eventually([&] { return w.store->count(operation::heartbeat) == 6; }));
  EXPECT_EQ(first->release(), release_result::released);
  waiting.join();
  EXPECT_TRUE(got);
  EXPECT_EQ(w.store->count(operation::heartbeat), 6u) << "it was told, and did not find out by itself";
}

TEST(HandOff, AReleaseWhoseAnswerWasLostStillTellsTheHeir) {
  two w;
  auto first = w.mine.try_acquire();
  auto got = nothing();
  auto waiting = w.wait_in_line(&got);
  w.store->inject({.what = fault::kind::lost_answer, .on = only(operation::release)});
  const auto took = time_of([&] {
    EXPECT_EQ(first->release(), release_result::released);
    waiting.join();
  });
  EXPECT_TRUE(got);
  EXPECT_LT(took, kWoken) << "only its own look can have told it";
}

TEST(HandOff, AnAnnouncementThatIsLostCostsTimeOnly) {
  auto o = world::patient();
  o.wait_lock_period = 1s;
  two w(o);
  auto first = w.mine.try_acquire();
  auto got = nothing();
  auto waiting = w.wait_in_line(&got);
  w.notices->lose(".inbox.", 1);
  const auto took = time_of([&] {
    EXPECT_EQ(first->release(), release_result::released);
    waiting.join();
  });
  EXPECT_TRUE(got);
  EXPECT_LT(took, kWoken);
}

TEST(HandOff, AnHeirThatWasNotToldIsToldBySomebodyElse) {
  two w;
  auto first = w.mine.try_acquire();
  auto got = nothing();
  auto waiting = w.wait_in_line(&got);
  w.notices->lose(".inbox.", 1);
  EXPECT_EQ(first->release(), release_result::released);
  ASSERT_TRUE(eventually([&] { return w.notices->count(".inbox.") == 1; }));
  std::this_thread::sleep_for(150ms);
  client third = w.another(world::patient());
  EXPECT_FALSE(mutex(third, "lock").try_acquire()) << "its answer names the heir that nobody has heard of";
  const auto took = time_of([&] { waiting.join(); });
  EXPECT_TRUE(got);
  EXPECT_LT(took, kWoken);
}

TEST(HandOff, ACancelThatRacesTheGrantPassesTheLockOn) {
  two w;
  auto first = w.mine.try_acquire();
  std::stop_source stop;
  auto got = nothing();
  std::jthread waiting([&] { got = w.theirs.acquire({.timeout = 90s, .stop = stop.get_token()}); });
  ASSERT_TRUE(w.listens());
  w.settle();
  w.notices->hold_back(true);
  EXPECT_EQ(first->release(), release_result::released);
  stop.request_stop();
  waiting.join();
  EXPECT_EQ(got.result(), outcome::cancelled);
  w.notices->hold_back(false);
  EXPECT_TRUE(eventually([&] { return w.store->get("lock")->holders.empty(); }));
  EXPECT_TRUE(w.mine.try_acquire());
}

TEST(HandOff, AWaiterThatDiedInTheQueueCostsItsFirstTermOnly) {
  auto o = world::patient();
  o.wait_lock_period = 500ms;
  two w(o);
  auto first = w.mine.try_acquire();
  protocol::request dead;
  dead.op = operation::enqueue;
  dead.lock = "lock";
  dead.id = "dead";
  dead.delta = 60'000;
  dead.term = 500;
  dead.life = 60'000;
  dead.skew = 0;
  dead.client = "nobody";
  ASSERT_EQ(w.store->apply(dead).reply.place, 0);
  auto got = nothing();
  std::jthread waiting([&] { got = w.theirs.acquire({.timeout = 90s}); });
  ASSERT_TRUE(eventually([&] { return w.waiters() == 2; }));
  const auto took = time_of([&] {
    EXPECT_EQ(first->release(), release_result::released);
    waiting.join();
  });
  EXPECT_TRUE(got);
  EXPECT_LT(took, kWoken);
}

TEST(HandOff, AChannelThatFailsIsToldOnceAndLocksGoOn) {
  auto o = world::patient();
  o.wait_lock_period = 500ms;
  std::mutex guard;
  std::vector<std::string> said;
  o.log = [&](log_level, std::string_view text) {
    const std::lock_guard lock(guard);
    said.emplace_back(text);
  };
  const auto count = [&](const std::string& text) {
    const std::lock_guard lock(guard);
    return std::count_if(said.begin(), said.end(), [&](auto& s) { return s.find(text) != std::string::npos; });
  };
  two w(o);
  w.notices->fail("the channel is down");
  auto first = w.mine.try_acquire();
  auto got = nothing();
  std::jthread waiting([&] { got = w.theirs.acquire({.timeout = 90s}); });
  ASSERT_TRUE(eventually([&] { return w.other.notifications().now == notification_status::state::failing; }));
  EXPECT_EQ(w.other.notifications().problem, "the channel is down");
  std::this_thread::sleep_for(500ms);  // several tries
  const auto took = time_of([&] {
    EXPECT_EQ(first->release(), release_result::released);
    waiting.join();
  });
  EXPECT_TRUE(got);
  EXPECT_LT(took, kWoken);
  EXPECT_EQ(count("notifications (being woken) do not work: the channel is down"), 2)
      << "one for each client: who holds listens, too";
  w.notices->heal();
  EXPECT_TRUE(eventually([&] { return w.other.notifications().now == notification_status::state::working; }));
  EXPECT_TRUE(eventually([&] { return count("notifications (being woken) work again") == 2; }));
}

TEST(HandOff, AThousandWaitingThreadsStopSoon) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr int kThreads = 250;  // a thousand have such a build busy with their looks alone
#else
  constexpr int kThreads = 1000;
#endif
  two w;
  auto first = w.mine.try_acquire();
  std::vector<std::unique_ptr<mutex>> all;
  std::atomic<int> cancelled = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i) all.push_back(std::make_unique<mutex>(w.other, "lock"));
  for (auto& m : all) {
    threads.emplace_back([&, mine = m.get()] {
      try {
        if (mine->acquire().result() == outcome::cancelled) ++cancelled;
      } catch (const error& e) {
        if (e.code() == errc::closed) ++cancelled;
      }
    });
  }
  EXPECT_TRUE(eventually([&] { return w.waiters() == kThreads; }, 60s));  // if not, they must be stopped all the same
  const auto took = time_of([&] {
    w.other.close();
    threads.clear();
  });
  EXPECT_EQ(cancelled, kThreads);
  EXPECT_LT(took, kWoken);
}

}  // namespace
}  // namespace dlock::testing
