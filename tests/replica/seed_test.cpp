#include <barrier>
#include <cstdlib>
#include <memory>

#include "replica/fixture.hpp"

/// What mongo-dlock's own tests say of its locks, said of ours. docs/from-mongo-dlock.md compares the two.
namespace dlock::testing {
namespace {

class Seed : public Replica {
 protected:
  [[nodiscard]] client_options brief(milliseconds exp_delta, bool autorefresh) const {
    return changed(options("test", exp_delta), [&](auto& o) { o.autorefresh = autorefresh; });
  }
};

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
