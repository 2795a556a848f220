// Two clients, a store and a channel in memory: who is woken by what.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <utility>

#include "client/world.hpp"

namespace dlock::testing {
namespace {

/// A waiter that gets the lock sooner was woken by a notice.
constexpr auto kWoken = 20s;

struct two : world {
  explicit two(const client_options& o = world::patient())
      : world(o, 16, std::make_shared<fake_channel>()), other(another(o)) {}

  client other;
  mutex mine{*locks, "lock"}, theirs{other, "lock"};

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

TEST(HandOff, AReleaseWakesTheHeirAndNobodyPollsMeanwhile) {
  two w;
  auto first = w.mine.try_acquire();
  ASSERT_TRUE(first);
  auto got = nothing();
  std::jthread waiting([&] { got = w.theirs.acquire({.timeout = 90s}); });
  ASSERT_TRUE(w.listens());
  const auto took = time_of([&] {
    EXPECT_EQ(first->release(), release_result::released);
    waiting.join();
  });
  ASSERT_TRUE(got);
  EXPECT_GT(got->token(), first->token());
  EXPECT_LT(took, kWoken);
  EXPECT_EQ(w.notices->count(".inbox."), 1u);
}

TEST(HandOff, AFailingChannelIsLoggedOnceAndLocksGoOn) {
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
  ASSERT_TRUE(eventually([&] { return w.notices->refusals() > 5; })) << "several tries of each";
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
  constexpr int kThreads = 250;  // the polls of a thousand would keep such a build busy
#else
  constexpr int kThreads = 1000;
#endif
  two w;
  auto first = w.mine.try_acquire();
  std::vector<std::unique_ptr<mutex>> all;
  std::atomic<int> cancelled = 0, waiting = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i) all.push_back(std::make_unique<mutex>(w.other, "lock"));
  for (auto& m : all) {
    threads.emplace_back([&, mine = m.get()] {
      try {
        const auto on_wait = [&waiting, told = false](const auto&) mutable {
          if (!std::exchange(told, true)) ++waiting;
        };
        if (mine->acquire({.on_wait = on_wait}).result() == outcome::cancelled) ++cancelled;
      } catch (const error& e) {
        if (e.code() == errc::closed) ++cancelled;
      }
    });
  }
  EXPECT_TRUE(eventually([&] { return waiting == kThreads; }, 60s));  // if not, they must be stopped all the same
  const auto took = time_of([&] {
    w.other.close();
    threads.clear();
  });
  EXPECT_EQ(cancelled, kThreads);
  EXPECT_LT(took, kWoken);
}

}  // namespace
}  // namespace dlock::testing
