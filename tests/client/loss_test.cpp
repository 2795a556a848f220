#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <thread>

#include "client/no_threads.hpp"
#include "client/world.hpp"
#include "support/canary.hpp"

/// How a holder learns that it is none any more, and what a client's end means.
namespace dlock::testing {
namespace {

struct journal {
  std::mutex guard;
  std::string text;
  log_callback callback() {
    return [this](log_level, std::string_view message) {
      const std::lock_guard lock(guard);
      text += std::string(message) + "\n";
    };
  }
  bool says(const std::string& part) {
    const std::lock_guard lock(guard);
    return text.find(part) != std::string::npos;
  }
};

client_options brief() {
  return changed(world::quick(), [](auto& o) { o.exp_delta = 300ms, o.autorefresh = false; });
}

/// A lease that is long enough to be renewed on a busy machine, too.
lock_options lasting(std::string id) {
  return {.id = std::move(id), .exp_delta = 3s, .autorefresh = true};
}

/// Whether it is renewed for longer than it would have lasted.
bool is_kept(const lease& l) {
  const auto first = l.valid_until();
  return eventually([&] { return l.valid_until() >= first + 3s; }) && l.held();
}

TEST(Loss, IsToldBeforeARivalGetsIn) {
  auto o = brief();
  o.exp_delta = 4s;  // 0.4 s earlier: that much a busy machine may be late
  world w(o);
  auto got = mutex(*w.locks, "lock").try_acquire();
  ASSERT_TRUE(got);
  const auto end = got->valid_until();
  const canary machine;
  std::atomic<boot_clock::time_point> told_at{boot_clock::time_point::max()};
  event told;
  got->on_lost([&] {
    told_at = boot_clock::now();
    told.happen();
  });
  mutex rival(*w.locks, "lock");
  auto next = rival.acquire({.timeout = 30s});
  const auto in = boot_clock::now();
  ASSERT_TRUE(next);
  ASSERT_TRUE(told.wait());
  EXPECT_LT(end, in);
  EXPECT_LT(told_at.load(), std::max(in, end + machine.allowance())) << "or the machine was later than that";
}

TEST(Loss, ACallbackThatBlocksForEverDelaysNoRenewalAndNoOtherNotice) {
  for (const bool of_the_log : {false, true}) {
    event unblock, entered;
    const auto blocks = [&] {
      entered.happen();
      EXPECT_TRUE(unblock.wait(60s));
    };
    auto o = brief();
    if (of_the_log) o.log = [&](log_level, std::string_view) { blocks(); };
    world w(o);
    auto lost = mutex(*w.locks, "lost").try_acquire();
    if (!of_the_log) lost->on_lost(blocks);
    auto kept = mutex(*w.locks, lasting("kept")).try_acquire();
    ASSERT_TRUE(entered.wait());
    auto other = mutex(*w.locks, "other").try_acquire();
    event told;
    other->on_lost([&] { told.happen(); });
    EXPECT_TRUE(told.wait());
    EXPECT_TRUE(is_kept(*kept)) << "renewed all the while";
    unblock.happen();
  }
}

TEST(Loss, ACallbackThatThrowsIsLoggedAndSwallowed) {
  journal log;
  auto o = brief();
  o.log = log.callback();
  world w(o);
  auto got = mutex(*w.locks, "lock").try_acquire();
  event second;
  got->on_lost([] { throw std::runtime_error("my mistake"); });
  got->on_lost([] { throw 7; });  // NOLINT: anything can be thrown
  got->on_lost([&] { second.happen(); });
  EXPECT_TRUE(second.wait());
  EXPECT_TRUE(eventually([&] { return log.says("my mistake"); }));
}

TEST(Loss, ACallbackMayDestroyTheLeaseAndTheClient) {
  for (const bool threads : {true, false}) {
    world w(brief());
    event done;
    auto held = std::make_shared<lease>(std::move(*mutex(*w.locks, "lock").try_acquire()));
    held->on_lost([&done, &w, held]() mutable {
      *held = lease();
      w.locks.reset();
      done.happen();
    });
    std::optional<no_more_threads> none;
    if (!threads) none.emplace();
    EXPECT_TRUE(done.wait());
    none.reset();
    *held = lease();
  }
}

TEST(Loss, ACallbackThatBlocksTheWatchThreadDoesNotBlockTheEndOfItsClient) {
  world w(brief());
  auto begun = std::make_shared<event>(), may_end = std::make_shared<event>();
  std::optional<lease> held(std::move(*mutex(*w.locks, "lock").try_acquire()));
  held->on_lost([begun, may_end] {
    begun->happen();
    (void)may_end->wait();
  });
  {
    const no_more_threads none;  // so it runs on the watch
    ASSERT_TRUE(begun->wait());
  }
  EXPECT_LT(time_of([&] {
              held.reset();
              w.locks.reset();
            }),
            20s);
  may_end->happen();
}

TEST(Loss, AnEmptyCallbackIsRefused) {
  world w;
  auto got = mutex(*w.locks, "lock").try_acquire();
  EXPECT_THROW(got->on_lost(nullptr), error);
}

TEST(Loss, ACallbackThatOwnsItsLeaseGoesWithTheRelease) {
  world w;
  auto shared = std::make_shared<lease>(std::move(*mutex(*w.locks, "lock").try_acquire()));
  const std::weak_ptr<lease> gone = shared;
  lease* const mine = shared.get();
  mine->on_lost([owner = std::move(shared)] {});
  EXPECT_EQ(mine->release(), release_result::released);
  EXPECT_TRUE(gone.expired());
}

TEST(Loss, ALogCallbackThatThrowsHarmsNobody) {
  auto o = brief();
  o.log = [](log_level, std::string_view) { throw std::runtime_error("cannot write"); };
  world w(o);
  auto got = mutex(*w.locks, "lock").try_acquire();
  event told;
  got->on_lost([&] { told.happen(); });
  EXPECT_TRUE(told.wait());
  EXPECT_TRUE(mutex(*w.locks, "lock").acquire({.timeout = 30s}));
}

TEST(Close, UnlocksNothingRenewsNothingAndTheLossIsStillTold) {
  world w(changed(world::quick(), [](auto& o) { o.exp_delta = 3s; }));
  auto got = mutex(*w.locks, "lock").try_acquire();
  event told;
  got->on_lost([&] { told.happen(); });
  w.locks->close();
  w.locks.reset();
  EXPECT_TRUE(got->held()) << "it outlives its client";
  w.store->forget_calls();
  const auto end = got->valid_until();
  ASSERT_TRUE(told.wait());
  EXPECT_GE(boot_clock::now(), end);
  EXPECT_EQ(w.store->count(operation::renew), 0u);
  EXPECT_EQ(w.store->count(operation::release), 0u);
}

/// The last handle of a client, whose threads all hang: in the driver, or in the user's code.
struct hanging {
  world w;
  std::shared_ptr<event> unblock = std::make_shared<event>();
  std::optional<mutex> last;

  hanging() : w(options()) {
    last.emplace(*w.locks, "last");
    auto lost = mutex(*w.locks, "lost").try_acquire();
    auto kept = mutex(*w.locks, lock_options{.id = "kept", .exp_delta = 3s, .autorefresh = true}).try_acquire();
    w.store->block();
    const auto entered = std::make_shared<event>();
    lost->on_lost([entered, unblock = unblock] {
      entered->happen();
      EXPECT_TRUE(unblock->wait(60s));
    });
    EXPECT_THROW((void)mutex(*w.locks).try_acquire(), error);
    EXPECT_TRUE(w.store->wait_for_blocked(2)) << "a renewal, and an acquisition";
    EXPECT_TRUE(entered->wait());
    w.locks->close();
    w.locks.reset();
  }
  ~hanging() {
    w.store->unblock();
    unblock->happen();
  }
  static client_options options() {
    return changed(brief(), [](auto& o) { o.operation_timeout = 1s; });
  }
};

TEST(Close, TheEndOfTheLastHandleWaitsForAllThatHangsAtOnce) {
  std::vector<std::future<std::unique_ptr<hanging>>> made;
  for (int i = 0; i < 5; ++i)
    made.push_back(std::async(std::launch::async, [] { return std::make_unique<hanging>(); }));
  std::vector<std::unique_ptr<hanging>> all;
  for (auto& one : made) all.push_back(one.get());
  const auto together = time_of([&] {
    for (auto& one : all) one->last.reset();
  });
  EXPECT_GE(together, 5 * 300ms) << "nothing hung";
  EXPECT_LT(together, 5 * 800ms) << "one after the other they would take 900 ms";
}

TEST(Close, CanBeCalledTwiceAndLaterCallsAreRefused) {
  world w;
  mutex lock(*w.locks, "lock");
  w.locks->close();
  w.locks->close();
  EXPECT_EQ(error_of([&] { (void)lock.acquire().result(); }).code(), errc::closed);
  EXPECT_TRUE(w.store->calls().empty());
}

/// No thread can be had for it, so it runs on the watch, which tells everybody the time.
TEST(Loss, ACallbackOnTheWatchThreadCanWaitForACall) {
  world w;
  client other = w.another();
  auto taken = mutex(other, "taken").try_acquire();
  ASSERT_TRUE(taken);
  mutex waits(*w.locks, "taken");
  lock_options o{.id = "lock"};
  o.exp_delta = 1s;
  o.autorefresh = false;
  mutex short_lived(*w.locks, o);
  auto got = short_lived.try_acquire();
  ASSERT_TRUE(got);
  event done;
  std::atomic<outcome> what = outcome::busy;
  got->on_lost([&] {
    what = waits.acquire({.timeout = 300ms}).result();
    done.happen();
  });
  const no_more_threads none;
  EXPECT_TRUE(done.wait());
  EXPECT_EQ(what, outcome::timed_out);
}

}  // namespace
}  // namespace dlock::testing
