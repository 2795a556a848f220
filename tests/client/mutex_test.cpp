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

TEST(Mutex, IsHeldByOneAtATime) {
  world w;
  auto other = w.another();
  mutex mine(*w.locks, "lock"), theirs(other, "lock");
  auto got = mine.try_acquire();
  ASSERT_EQ(got.result(), outcome::acquired);
  EXPECT_TRUE(got->held());
  EXPECT_GT(got->token(), 0);
  EXPECT_EQ(got->id(), "lock");
  const auto refused = theirs.try_acquire();
  EXPECT_EQ(refused.result(), outcome::busy);
  ASSERT_TRUE(refused.holder());
  EXPECT_EQ(refused.holder()->who, "somebody");
  EXPECT_EQ(refused.holder()->token, got->token());
  EXPECT_GT(refused.holder()->expires_in, 1s);
  EXPECT_EQ(got->release(), release_result::released);
  auto next = theirs.try_acquire();
  ASSERT_TRUE(next);
  EXPECT_GT(next->token(), got->token());
}

TEST(Mutex, ReleasesAtTheEndOfItsScope) {
  world w;
  mutex one(*w.locks, "lock"), two(*w.locks, "lock");
  { ASSERT_TRUE(one.try_acquire()); }
  EXPECT_TRUE(two.try_acquire());
}

TEST(Mutex, ATokenIsLargerThanAnyThisClientHasSeenEvenIfTheDocumentIsGone) {
  world w;
  mutex lock(*w.locks, "lock");
  std::int64_t last = 0;
  for (int i = 0; i < 5; ++i) {
    auto got = lock.try_acquire();
    ASSERT_TRUE(got);
    EXPECT_GT(got->token(), last);
    last = got->token();
    EXPECT_EQ(got->release(), release_result::released);
    w.store->put("lock", std::nullopt);
    w.store->advance(-10'000);  // and the server's clock steps back
  }
}

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
    EXPECT_EQ(lock.acquire({.stop = stop.get_token(), .on_wait = [&](auto&) { waiting.happen(); }}).result(),
              outcome::cancelled);
  });
  ASSERT_TRUE(waiting.wait());
  EXPECT_EQ(lock.try_acquire().result(), outcome::already_held);
  stop.request_stop();
}

TEST(Mutex, CanBeAcquiredAgainAfterAReleaseAndAfterALoss) {
  auto o = world::quick();
  o.exp_delta = 1500ms;
  o.autorefresh = false;
  world w(o);
  mutex lock(*w.locks, "lock");
  auto first = lock.try_acquire();
  EXPECT_EQ(first->release(), release_result::released);
  auto second = lock.try_acquire();
  ASSERT_TRUE(second);
  ASSERT_TRUE(eventually([&] { return second->lost().stop_requested(); }));
  auto third = lock.acquire({.timeout = 30s});
  ASSERT_TRUE(third);
  EXPECT_EQ(second->release(), release_result::lost);
  EXPECT_TRUE(third->held()) << "a late release of the old lease takes nothing from the new one";
  EXPECT_EQ(w.store->get("lock")->holders.size(), 1u);
}

TEST(Mutex, ReleaseGoesThroughTheMutexAsWell) {
  world w;
  mutex lock(*w.locks, "lock");
  EXPECT_EQ(lock.release(), release_result::not_held);
  auto got = lock.try_acquire();
  EXPECT_EQ(lock.release(), release_result::released);
  EXPECT_FALSE(got->held());
  EXPECT_EQ(lock.release(), release_result::not_held);
  EXPECT_EQ(got->release(), release_result::not_held);
}

TEST(Mutex, FirstComeFirstServed) {
  auto o = world::quick();
  o.exp_delta = o.wait_lock_period = 5s;  // within that an heir must say that it has heard
  world w(o);
  mutex first(*w.locks, "lock");
  auto got = first.try_acquire();
  std::vector<int> order;
  std::mutex guard;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      mutex lock(*w.locks, "lock");
      auto mine = lock.acquire({.timeout = 60s});
      EXPECT_TRUE(mine);
      const std::lock_guard here(guard);
      order.push_back(i);
    });
    ASSERT_TRUE(eventually([&] { return w.store->get("lock")->waiters.size() == static_cast<std::size_t>(i) + 1; }));
  }
  EXPECT_EQ(first.release(), release_result::released);
  threads.clear();
  EXPECT_EQ(order, (std::vector{0, 1, 2, 3}));
}

TEST(Mutex, ATryDoesNotPassAQueue) {
  world w;
  mutex holder(*w.locks, "lock"), waiter(*w.locks, "lock"), third(*w.locks, "lock");
  auto got = holder.try_acquire();
  std::stop_source stop;
  std::jthread waiting([&] { (void)waiter.acquire({.stop = stop.get_token()}).result(); });
  ASSERT_TRUE(eventually([&] { return w.store->get("lock")->waiters.size() == 1; }));
  EXPECT_EQ(third.try_acquire().result(), outcome::busy);
  stop.request_stop();
}

TEST(Mutex, ADeadlineIsKeptAndTheQueueLeft) {
  world w(world::patient(), 16, std::make_shared<fake_channel>());
  auto got = mutex(*w.locks, "lock").try_acquire();
  mutex lock(*w.locks, "lock");
  const auto took = time_of([&] { EXPECT_EQ(lock.acquire({.timeout = 300ms}).result(), outcome::timed_out); });
  EXPECT_GE(took, 300ms);
  EXPECT_LT(took, 10s);
  EXPECT_TRUE(eventually([&] { return w.store->get("lock")->waiters.empty(); }));
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

TEST(Mutex, TheLongestTimeoutIsForEver) {
  world w;
  mutex lock(*w.locks, "lock");
  EXPECT_TRUE(lock.acquire({.timeout = std::chrono::milliseconds::max()}));
  auto holder = mutex(*w.locks, "lock").try_acquire();
  std::stop_source stop;
  event waiting;
  std::jthread waiter([&] {
    EXPECT_EQ(lock.acquire({.timeout = std::chrono::milliseconds::max(),
                            .stop = stop.get_token(),
                            .on_wait = [&](auto&) { waiting.happen(); }})
                  .result(),
              outcome::cancelled);
  });
  EXPECT_TRUE(waiting.wait());
  stop.request_stop();
}

TEST(Mutex, AStopTokenEndsAWaitSoonAndTheQueueIsLeft) {
  world w(world::patient(), 16, std::make_shared<fake_channel>());
  auto got = mutex(*w.locks, "lock").try_acquire();
  mutex lock(*w.locks, "lock");
  std::stop_source stop;
  event waiting;
  boot_clock::time_point stopped;
  std::jthread stopper([&] {
    EXPECT_TRUE(waiting.wait());
    w.settle();
    stopped = boot_clock::now();
    stop.request_stop();
  });
  EXPECT_EQ(lock.acquire({.stop = stop.get_token(), .on_wait = [&](auto&) { waiting.happen(); }}).result(),
            outcome::cancelled);
  EXPECT_LT(boot_clock::now() - stopped, 10s);
  EXPECT_TRUE(eventually([&] { return w.store->get("lock")->waiters.empty(); }));
}

TEST(Mutex, ACancelledWaitDoesNotOutlastItsTimeoutEither) {
  world w;
  auto got = mutex(*w.locks, "lock").try_acquire();
  mutex lock(*w.locks, "lock");
  w.store->block(only(operation::cancel));
  const auto cancelled_just_before_its_deadline = [&] {
    std::stop_source stop;
    return time_of([&] {
      std::jthread stopper([&] {
        std::this_thread::sleep_for(280ms);
        stop.request_stop();
      });
      (void)lock.acquire({.timeout = 300ms, .stop = stop.get_token()});
    });
  };
  bool in_time = false;  // once is enough: the machine may be busy
  for (int i = 0; i < 10 && !in_time; ++i) {
    const auto took = cancelled_just_before_its_deadline();
    EXPECT_GE(took, 280ms);
    in_time = took < 600ms;
  }
  EXPECT_TRUE(in_time) << "it always took the 400 ms that it may take to leave the queue properly";
  w.store->unblock();
}

TEST(Mutex, AStopTokenThatHasFiredSendsNothing) {
  world w;
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(mutex(*w.locks, "lock").acquire({.stop = stop.get_token()}).result(), outcome::cancelled);
  EXPECT_EQ(w.store->count(operation::enqueue), 0u);
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

TEST(Mutex, AMovedFromClientRefusesPolitely) {
  world w;
  client moved = std::move(*w.locks);
  try {
    mutex lock(*w.locks, "lock");
    FAIL();
  } catch (const error& e) {
    EXPECT_EQ(e.code(), errc::closed);
  }
  w.locks->close();  // no crash
  EXPECT_TRUE(mutex(moved, "lock").try_acquire());
}

TEST(Mutex, AsksInShortWhereThatIsLikelyToDo) {
  world w;
  auto other = w.another();
  mutex mine(*w.locks, "lock"), theirs(other, "lock");
  const auto briefs = [&] {
    std::string out;
    for (const auto& c : w.store->calls()) out += c.request.brief ? "short " : "long ";
    w.store->forget_calls();
    return out;
  };
  const auto take_and_release = [&] { EXPECT_EQ(mine.try_acquire()->release(), release_result::released); };
  take_and_release();
  EXPECT_EQ(briefs(), "long short ") << "nothing is known of the lock";
  take_and_release();
  EXPECT_EQ(briefs(), "short short ") << "it was left free";
  { ASSERT_TRUE(theirs.try_acquire()); }
  (void)briefs();
  auto got = mine.try_acquire();
  auto waiting = std::jthread([&] { EXPECT_TRUE(theirs.acquire({.timeout = 30s})); });
  ASSERT_TRUE(eventually([&] { return w.store->get("lock")->waiters.size() == 1; }));
  (void)briefs();
  EXPECT_EQ(got->release(), release_result::released);
  waiting.join();
  (void)briefs();
  take_and_release();
  EXPECT_EQ(briefs(), "long short ") << "it was left to somebody, and a try does not queue";
}

TEST(Mutex, OutlivesItsClientsHandleButIsClosed) {
  world w;
  mutex lock(*w.locks, "lock");
  w.locks.reset();
  try {
    (void)lock.try_acquire().result();
    FAIL();
  } catch (const error& e) {
    EXPECT_EQ(e.code(), errc::closed);
  }
}

/// Grants only when more than half of the lease has passed, and says nothing more until it is let go.
class slow_store final : public store {
 public:
  explicit slow_store(std::shared_ptr<fake_store> on) : on_(std::move(on)) {}
  [[nodiscard]] answer apply(const protocol::request& r, lane which) override {
    const auto until = from_ms(now_ms() + r.delta * 6 / 10);
    if (r.op == operation::try_) std::this_thread::sleep_until(until);
    return on_->apply(r, which);
  }
  [[nodiscard]] std::vector<answer> apply_all(const protocol::batch& requests) override {
    return on_->apply_all(requests);
  }
  [[nodiscard]] lookup_answer read(const protocol::lookup& l) override { return on_->read(l); }

 private:
  std::shared_ptr<fake_store> on_;
};

TEST(Mutex, ATryWhoseGrantIsNotConfirmedInTimeIsInDoubtAndNobodyElses) {
  const auto store = running_store();
  store->block(only(operation::heartbeat));
  auto o = world::quick();
  o.exp_delta = 300ms;
  auto locks = fake_client(std::make_shared<slow_store>(store), o);
  try {
    (void)mutex(locks, "lock").try_acquire().result();
    ADD_FAILURE() << "an outcome";
  } catch (const error& e) {
    EXPECT_EQ(e.code(), errc::unavailable);
    EXPECT_TRUE(e.in_doubt());
    EXPECT_NE(std::string(e.what()).find("it was granted, but"), std::string::npos) << e.what();
  }
  store->unblock();
}

TEST(Mutex, ADocumentThatIsNoLockIsAnErrorAndLeftAlone) {
  world w;
  w.store->put_something_else("lock");
  for (const bool queue : {false, true}) {
    try {
      mutex lock(*w.locks, "lock");
      (void)(queue ? lock.acquire() : lock.try_acquire()).result();
      FAIL();
    } catch (const error& e) {
      EXPECT_EQ(e.code(), errc::not_a_lock);
      EXPECT_FALSE(e.in_doubt());
    }
  }
  EXPECT_EQ(w.store->count(operation::cancel), 0u);
}

}  // namespace
}  // namespace dlock::testing
