#include <algorithm>
#include <barrier>
#include <cstdlib>
#include <mutex>

#include "replica/fixture.hpp"

/// What mongo-dlock's own tests say of its locks, said of ours. docs/from-mongo-dlock.md compares the two.
namespace dlock::testing {
namespace {

class Seed : public Replica {
 protected:
  /// What an instance hears of its lock.
  class listener {
   public:
    listener(client& locks, const std::string& id)
        : subscription_(locks.subscribe(id, [this](const lock_event& e) {
            const std::lock_guard lock(guard_);
            heard_ += std::string(to_string(e.what)) + " " + e.id + "; ";
          })) {}
    [[nodiscard]] bool hears() const { return subscription_.wait_until_open(60s); }
    [[nodiscard]] std::string heard() {
      const std::lock_guard lock(guard_);
      return heard_;
    }

   private:
    std::mutex guard_;
    std::string heard_;
    subscription subscription_;  // the last: it ends before what it uses
  };

  [[nodiscard]] client_options brief(milliseconds exp_delta, bool autorefresh) const {
    auto o = options("test", exp_delta);
    o.autorefresh = autorefresh;
    return o;
  }

  /// The channel, too, is this test's own.
  [[nodiscard]] client_options with_channel() const {
    auto o = options();
    const auto url = test_url();
    const auto host = url.find('/', url.find("://") + 3), query = url.find('?');
    o.notif_url = url.substr(0, std::min(host, query)) + "/" + (is_restricted() ? "mongo_dlock_notif" : db) +
                  (query == std::string::npos ? "" : url.substr(query));
    return o;
  }
};

TEST_F(Seed, LocksAndUnlocks) {
  client locks(options());
  mutex lock(locks, id);
  EXPECT_EQ(lock.try_acquire().result(), outcome::acquired) << "and the lease goes with the answer";
  EXPECT_EQ(waiters(id) + holders(id), 0u);
  auto got = lock.try_acquire();
  ASSERT_TRUE(got);
  EXPECT_EQ(holders(id), 1u);
  EXPECT_EQ(lock.release(), release_result::released);
  EXPECT_EQ(holders(id), 0u);
  EXPECT_FALSE(got->held());
}

TEST_F(Seed, FailsToLockWhatAnotherObjectLocked) {
  client locks(options());
  mutex first(locks, id), second(locks, id);
  auto got = first.try_acquire();
  EXPECT_EQ(second.try_acquire().result(), outcome::busy);
  EXPECT_TRUE(got->held());
}

TEST_F(Seed, FailsToLockWhatTheSameObjectLocked) {
  client locks(options());
  mutex lock(locks, id);
  auto got = lock.try_acquire();
  EXPECT_EQ(lock.try_acquire().result(), outcome::already_held);
  EXPECT_EQ(lock.acquire({.timeout = 10s}).result(), outcome::already_held) << "and does not wait for itself";
  EXPECT_TRUE(got->held());
}

TEST_F(Seed, ASecondUnlockFindsNothingToUnlock) {
  client locks(options());
  mutex lock(locks, id), other(locks, id);
  auto got = lock.try_acquire();
  EXPECT_EQ(lock.release(), release_result::released);
  auto others = other.try_acquire();
  EXPECT_EQ(lock.release(), release_result::not_held);
  EXPECT_EQ(got->release(), release_result::not_held);
  EXPECT_EQ(holders(id), 1u) << "and takes nothing from the next holder";
}

TEST_F(Seed, AStrangerCannotUnlock) {
  client locks(options()), elsewhere(options());
  auto got = mutex(locks, id).try_acquire();
  mutex stranger(locks, id), far_stranger(elsewhere, id);
  EXPECT_EQ(stranger.release(), release_result::not_held);
  EXPECT_EQ(far_stranger.release(), release_result::not_held);
  EXPECT_EQ(stranger.try_acquire().result(), outcome::busy);
  EXPECT_EQ(stranger.release(), release_result::not_held) << "nor after it tried to lock";
  EXPECT_EQ(holders(id), 1u);
  EXPECT_EQ(got->release(), release_result::released);
}

TEST_F(Seed, WithoutAutorefreshAnotherLocksItPastItsExpiry) {
  auto o = options();
  o.clock_skew = 4s;  // so long there is to see that it counts
  client locks(brief(2s, false)), others(o);
  auto got = mutex(locks, id).try_acquire();
  ASSERT_TRUE(got);
  mutex other(others, id);
  std::this_thread::sleep_for(2100ms);
  EXPECT_FALSE(got->held());
  EXPECT_EQ(other.try_acquire().result(), outcome::busy) << "its exp_delta is over, clock_skew is not";
  std::this_thread::sleep_for(o.clock_skew);
  EXPECT_EQ(other.try_acquire().result(), outcome::acquired);
  EXPECT_EQ(got->release(), release_result::lost);
}

TEST_F(Seed, WithAutorefreshNobodyLocksItPastItsExpiry) {
  client locks(brief(3s, true)), others(options());
  auto got = mutex(locks, id).try_acquire();
  ASSERT_TRUE(got);
  mutex other(others, id);
  for (int i = 0; i < 25; ++i) {
    std::this_thread::sleep_for(300ms);
    ASSERT_EQ(other.try_acquire().result(), outcome::busy);
  }
  EXPECT_EQ(got->release(), release_result::released);
}

TEST_F(Seed, WaitLockGetsItAfterSeveralWaitLockPeriods) {
  auto o = options();
  o.wait_lock_period = 150ms;
  client locks(o), others(o);
  auto got = mutex(locks, id).try_acquire();
  std::atomic<bool> in{false};
  std::jthread waiter([&] {
    auto mine = mutex(others, id).acquire();
    in = true;
    EXPECT_TRUE(mine);
    EXPECT_GT(mine->token(), got->token());
  });
  std::this_thread::sleep_for(1s);
  EXPECT_FALSE(in);
  EXPECT_EQ(got->release(), release_result::released);
  EXPECT_TRUE(eventually([&] { return in.load(); }));
}

TEST_F(Seed, EventsReachAllInstancesWithThatId) {
  client locks(with_channel()), others(with_channel());
  const auto another = id + " of another";
  listener here(locks, id), here_too(locks, id), there(others, id), elsewhere(others, another);
  for (auto* l : {&here, &here_too, &there, &elsewhere}) ASSERT_TRUE(l->hears());
  mutex lock(locks, id);
  { ASSERT_TRUE(lock.try_acquire()); }
  mutex foreign(others, id);
  auto got = foreign.acquire();
  EXPECT_EQ(foreign.release(), release_result::released);
  const std::string expected = "locked " + id + "; unlocked " + id + "; ";
  for (auto* l : {&here, &here_too, &there}) {
    EXPECT_TRUE(eventually([&] { return l->heard().size() >= 2 * expected.size(); })) << l->heard();
    const auto heard = l->heard();
    EXPECT_EQ(std::count(heard.begin(), heard.end(), ';'), 4) << heard;
    EXPECT_TRUE(heard.starts_with("locked " + id)) << heard;
    EXPECT_TRUE(heard.ends_with("unlocked " + id + "; ")) << heard;
  }
  { ASSERT_TRUE(mutex(locks, another).try_acquire()); }
  EXPECT_TRUE(eventually([&] { return elsewhere.heard() == "locked " + another + "; unlocked " + another + "; "; }))
      << elsewhere.heard();
}

TEST_F(Seed, WhoTriesInVainCausesNoEvent) {
  client locks(with_channel());
  listener events(locks, id);
  ASSERT_TRUE(events.hears());
  auto got = mutex(locks, id).try_acquire();
  mutex stranger(locks, id);
  EXPECT_EQ(stranger.try_acquire().result(), outcome::busy);
  EXPECT_EQ(stranger.release(), release_result::not_held);
  EXPECT_EQ(got->release(), release_result::released);
  EXPECT_EQ(got->release(), release_result::not_held);
  EXPECT_TRUE(eventually([&] { return events.heard().ends_with("unlocked " + id + "; "); }));
  std::this_thread::sleep_for(100ms);
  EXPECT_EQ(events.heard(), "locked " + id + "; unlocked " + id + "; ");
}

TEST_F(Seed, CloseDoesNotUnlock) {
  client locks(options("test", 6s)), others(options());
  mutex other(others, id);
  auto got = mutex(locks, id).try_acquire();
  ASSERT_TRUE(got);
  locks.close();
  EXPECT_EQ(holders(id), 1u);
  EXPECT_EQ(other.try_acquire().result(), outcome::busy);
  EXPECT_EQ(error_of([&] { (void)mutex(locks, id).try_acquire(); }).code(), errc::closed);
  EXPECT_TRUE(other.acquire({.timeout = 60s})) << "it is no longer renewed, so that it ends";
}

/// 5 participants, each a client of its own, as in 5 processes, all try at the same moment, and again, and again.
/// Several such groups of 5 race for different locks. DLOCK_TEST_RACES=10000 is what mongo-dlock's test does; it takes
/// one or two minutes.
TEST_F(Seed, ExactlyOneOf5WinsEachRace) {
  const char* asked = std::getenv("DLOCK_TEST_RACES");
  const int races = asked != nullptr ? std::atoi(asked) : 1000;
  constexpr int kGroups = 4, kParticipants = 5;
  const int rounds = (races + kGroups - 1) / kGroups;
  std::vector<client> clients;
  for (int i = 0; i < kParticipants; ++i) clients.emplace_back(options());
  std::atomic<int> won{0}, lost{0}, not_one{0}, problems{0};
  {
    std::vector<std::unique_ptr<std::barrier<>>> lines;
    std::vector<std::atomic<int>> winners(kGroups);
    std::vector<std::jthread> threads;
    for (int g = 0; g < kGroups; ++g) {
      lines.push_back(std::make_unique<std::barrier<>>(kParticipants));
      for (int p = 0; p < kParticipants; ++p) {
        threads.emplace_back([&, g, p, line = lines.back().get()] {
          mutex lock(clients[static_cast<std::size_t>(p)], id + std::to_string(g));
          auto& here = winners[static_cast<std::size_t>(g)];
          for (int round = 0; round < rounds; ++round) {
            line->arrive_and_wait();
            bool mine = false;
            try {
              auto got = lock.try_acquire();
              mine = static_cast<bool>(got);
              ++(mine ? won : lost);
              if (mine) ++here;
              line->arrive_and_wait();
              if (mine && here.exchange(0) != 1) ++not_one;
              if (mine && got->release() != release_result::released) ++problems;
            } catch (const error& e) {
              ADD_FAILURE() << e.what();
              line->arrive_and_drop();
              return;
            }
          }
        });
      }
    }
  }
  EXPECT_EQ(won, kGroups * rounds);
  EXPECT_EQ(lost, kGroups * rounds * (kParticipants - 1));
  EXPECT_EQ(not_one, 0);
  EXPECT_EQ(problems, 0);
}

}  // namespace
}  // namespace dlock::testing
