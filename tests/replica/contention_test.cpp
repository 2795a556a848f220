#include <algorithm>
#include <future>
#include <set>

#include "replica/fixture.hpp"

/// Many at once, and over elections.
namespace dlock::testing {
namespace {

class Contention : public Replica {
 protected:
  /// A client whose waiters poll often: nothing else wakes them.
  [[nodiscard]] client_options eager() const {
    return changed(options(), [](auto& o) { o.wait_lock_period = 50ms; });
  }
};

class Elections : public ThreeMembers {};

TEST_F(Contention, TokensAreUniqueAndRiseInTheOrderOfTheGrants) {
  client locks(eager()), others(eager());
  std::vector<std::int64_t> granted;  // guarded by the lock itself
  std::mutex for_sanitizers;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      mutex lock(i % 2 == 0 ? locks : others, id);
      for (int n = 0; n < 8; ++n) {
        auto got = lock.acquire({.timeout = 60s});
        ASSERT_TRUE(got);
        {
          const std::lock_guard here(for_sanitizers);
          granted.push_back(got->token());
        }
        EXPECT_EQ(got->release(), release_result::released);
      }
    });
  }
  threads.clear();
  ASSERT_EQ(granted.size(), 64u);
  EXPECT_TRUE(std::is_sorted(granted.begin(), granted.end()));
  EXPECT_EQ(std::set(granted.begin(), granted.end()).size(), granted.size());
  EXPECT_LT(granted.back(), std::int64_t{1} << 53);
}

TEST_F(Contention, TokensRiseOverReleaseDeletionAndANewClient) {
  std::int64_t last = 0;
  const auto grant = [&](client& locks) {
    auto got = mutex(locks, id).try_acquire();
    ASSERT_TRUE(got);
    EXPECT_GT(got->token(), last);
    last = got->token();
  };
  {
    client locks(options());
    grant(locks);
    grant(locks);
    ASSERT_TRUE(remove(id).ok);  // as the TTL index does
    grant(locks);
  }
  ASSERT_TRUE(remove(id).ok);
  client again(options());
  grant(again);
}

/// On the whole set: a document of a thousand holders is much to copy.
TEST_F(Contention, AThousandReadersOfOneProcessKeepTheirLeases) {
  client locks(options("readers", 5s));
  std::atomic<int> lost = 0, held = 0, failed = 0;
  std::mutex guard;
  std::vector<lease> all;
  constexpr int kReaders = 1000;
  for (int i = 0; i < kReaders; ++i) {
    shared_mutex(locks, id).async_acquire_shared({.timeout = 120s}, [&](std::exception_ptr e, acquisition got) {
      if (e || !got) {
        ++failed;
        return;
      }
      got->on_lost([&] { ++lost; });
      const std::lock_guard lock(guard);
      all.push_back(std::move(*got));
      ++held;
    });
  }
  ASSERT_TRUE(eventually([&] { return held + failed == kReaders; }, 120s));
  EXPECT_EQ(failed, 0);
  std::this_thread::sleep_for(15s);
  EXPECT_EQ(lost, 0);
  for (auto& l : all) EXPECT_TRUE(l.held());
  locks.close();
}

TEST_F(Contention, SixtyFourThreadsOnTwoConnectionsLoseNoLease) {
  auto o = options("small", 6s);
  o.url = with_option(o.url, "maxPoolSize=2");
  client locks(o);
  std::vector<lease> held;
  for (int i = 0; i < 8; ++i) held.push_back(std::move(*mutex(locks, id + std::to_string(i)).try_acquire()));
  client others(options("other"));
  auto wall = mutex(others, id).try_acquire();
  std::vector<std::jthread> threads;
  for (int i = 0; i < 64; ++i) {
    threads.emplace_back([&] {
      try {
        (void)shared_mutex(locks, id).acquire_shared({.timeout = 8s}).result();
      } catch (const error& e) {
        EXPECT_EQ(e.code(), errc::unavailable) << e.what();
      }
    });
  }
  threads.clear();
  for (const auto& l : held) EXPECT_TRUE(l.held()) << l.id();
}

TEST_F(Contention, ARenewalHasAConnectionOfItsOwn) {
  auto o = options("single");
  o.url = with_option(o.url, "maxPoolSize=1");
  client locks(o);
  auto held = mutex(locks, lock_options{.id = id, .exp_delta = 6s}).try_acquire();
  ASSERT_TRUE(held);
  const auto soon = fail_command::on(primary());  // a renewal may not come in between
  auto before = held->valid_until();
  ASSERT_TRUE(eventually([&] { return held->valid_until() > before; }));
  // A renewal has just been, and the next one comes in 2 s: the next command is the one below, and the only other
  // connection hangs in it.
  before = held->valid_until();
  const fail_command fail(soon, "single", R"("blockConnection": true, "blockTimeMS": 4000)", 1);
  const auto asked = boot_clock::now();
  boot_clock::time_point answered;
  auto hangs = std::async(std::launch::async, [&] {
    const auto other = mutex(locks, id + "Other").try_acquire();
    answered = boot_clock::now();
    return other.result();
  });
  EXPECT_TRUE(eventually([&] { return held->valid_until() > before; }));
  const auto renewed = boot_clock::now();
  EXPECT_EQ(hangs.get(), outcome::acquired);
  EXPECT_GE(answered - asked, 3900ms);
  EXPECT_LT(renewed, answered - 500ms) << "not only when the other connection was free again";
  EXPECT_TRUE(held->held());
  EXPECT_FALSE(held->lost().stop_requested());
}

TEST_F(Elections, ACounterUnderTheLockIsExactWhileThePrimaryStepsDownEvery2s) {
  needs_whole_set();
  auto o = options("test", 40s);  // no outage is to end a lease ...
  o.wait_lock_period = 20s;       // ... nor the first term of an heir
  client one(o), two(o);
  std::atomic<int> counter{0};  // read and written in two steps: only the lock makes it exact
  std::atomic<int> increments{0};
  std::atomic<bool> enough{false};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      mutex lock(i % 2 == 0 ? one : two, id);
      try {
        while (!enough) {
          auto got = lock.acquire({.timeout = 60s});
          ASSERT_TRUE(got);
          const int seen = counter.load();
          std::this_thread::sleep_for(2ms);
          counter.store(seen + 1);
          ++increments;
          // An election that waits for its time-out, when the first step-down found nobody to hand over to, takes
          // longer than operation_timeout.
          EXPECT_EQ(got->release(60s), release_result::released);
        }
      } catch (const error& e) {
        ADD_FAILURE() << e.what();
      }
    });
  }
  const auto steps_down = [] {
    try {
      return connection(url_of(primary()))
          .run("admin", from_json(R"({"replSetStepDown": 3, "secondaryCatchUpPeriodSecs": 2})").get())
          .ok;
    } catch (const std::exception&) {
      return false;  // there is no primary yet
    }
  };
  // By what was done and not by the clock: such an election takes longer than all of the others.
  for (int stepdowns = 0; stepdowns < 4 && !HasFailure(); ++stepdowns) {
    std::this_thread::sleep_for(2s);
    EXPECT_TRUE(eventually(steps_down, 60s)) << "nobody steps down";
    const int before = increments;
    EXPECT_TRUE(eventually([&] { return increments >= before + 15; }, 60s)) << "hardly anything happens";
  }
  enough = true;
  threads.clear();
  EXPECT_EQ(counter, increments);
  std::printf("%d increments\n", increments.load());
}

}  // namespace
}  // namespace dlock::testing
