#include "client/lease_keeper.hpp"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <limits>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "client/world.hpp"

namespace dlock::testing {
namespace {

using namespace std::chrono_literals;
using protocol::ms;
using protocol::operation;

struct LeaseKeeper : ::testing::Test {
  std::shared_ptr<fake_store> store = running_store();
  std::shared_ptr<worker_pool> notices = std::make_shared<worker_pool>(worker_pool::unlimited);
  std::mutex guard;
  std::string log;
  const int clock = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  lease_keeper keeper{store,
                      notices,
                      [this](log_level, std::string_view message) {
                        const std::lock_guard lock(guard);
                        log += std::string(message) + "\n";
                      },
                      {},
                      std::make_unique<clock_watch>(clock)};

  std::shared_ptr<lease_record> hold(const std::string& lock, ms delta, bool renews = true) {
    return hold(lock, delta, renews, keeper);
  }
  std::shared_ptr<lease_record> hold(const std::string& lock, ms delta, bool renews, lease_keeper& in) const {
    protocol::request r{.op = operation::try_, .lock = lock, .id = lock + " holder", .delta = delta, .skew = 0};
    const ms sent = now_ms();
    const auto a = store->apply(r);
    EXPECT_TRUE(a.reply.mine);
    const protocol::lease_schedule schedule(sent, delta, delta, renews, sent);
    auto record =
        std::make_shared<lease_record>(r, lease_record::grant{.token = a.reply.mine->fence}, schedule.valid_until());
    in.keep(record, schedule);
    return record;
  }
  void mark(const lease_record& record) {
    protocol::request r = record.ask(operation::revoke);
    EXPECT_TRUE(store->apply(r).reply.found);
  }
  /// Somebody writes that it was revoked, be that so or not.
  void notice(const lease_record& record) const { keeper.revoker()({record.lock(), record.owner(), "an operator"}); }
  /// As the kernel says it. A test must not set the clock of the machine, which others use, and no namespace has a wall
  /// clock of its own.
  void set_clock() const { EXPECT_EQ(eventfd_write(clock, 1), 0); }
  [[nodiscard]] bool asked(operation op, std::size_t times) const {
    return eventually([&] { return store->count(op) >= times; });
  }
  /// Not at once: a loss is told first, and logged then.
  bool logs(const std::string& text) {
    return eventually([&] {
      const std::lock_guard lock(guard);
      return log.find(text) != std::string::npos;
    });
  }
  /// Whether it is renewed, again and again, until its lease lasts so much longer.
  static bool is_extended(lease_record& record, ms by) {
    const auto end = record.valid_until() + by;
    return eventually([&] { return record.valid_until() >= end; }) && record.held(now_ms());
  }
  static constexpr ms never = std::numeric_limits<ms>::max();
  /// When the loss was told; never, if it is not within half a minute.
  ms time_of_loss(lease_record& record) const {
    auto when = std::make_shared<std::promise<ms>>();
    record.on_lost([when] { when->set_value(now_ms()); }, *notices);
    auto told = when->get_future();
    return told.wait_for(30s) == std::future_status::ready ? told.get() : never;
  }
};

TEST_F(LeaseKeeper, RenewsOverSeveralLeases) {
  const auto record = hold("lock", 2000);
  EXPECT_TRUE(is_extended(*record, 4000));
  EXPECT_GE(store->count(operation::renew), 5u);
  for (const auto& call : store->calls()) {
    if (call.request.op == operation::renew) {
      EXPECT_EQ(call.which, lane::renewal);
    }
  }
}

TEST_F(LeaseKeeper, WithoutAutorefreshALeaseEndsAtItsDeadlineAndSaysSo) {
  const auto record = hold("lock", 300, false);
  const auto end = record->valid_until();
  const ms told = time_of_loss(*record);
  EXPECT_GE(told, end);
  EXPECT_LT(told, end + 5000);
  EXPECT_EQ(store->count(operation::renew), 0u);
  EXPECT_TRUE(logs("\"lock\" lost"));
  EXPECT_EQ(record->loss(), over_without_autorefresh);
}

TEST_F(LeaseKeeper, ALossIsToldOnTimeWhileARenewalHangs) {
  store->block([](const auto& r, lane) { return r.op == operation::renew; });
  const auto record = hold("lock", 300);
  const auto end = record->valid_until();
  const ms told = time_of_loss(*record);
  EXPECT_GE(told, end);
  EXPECT_LT(told, end + 5000);
  store->unblock();
}

TEST_F(LeaseKeeper, ARenewalThatHangsKeepsNoOtherWaiting) {
  store->block([](const auto& r, lane) { return r.op == operation::renew && r.lock == "hangs"; });
  const auto stuck = hold("hangs", 600);
  ASSERT_TRUE(store->wait_for_blocked(1));
  const auto other = hold("other", 2000);
  EXPECT_TRUE(is_extended(*other, 2000));
  EXPECT_FALSE(stuck->held(now_ms()));
  store->unblock();
}

TEST_F(LeaseKeeper, ARenewalWithoutAnAnswerIsRepeatedUntilOneComes) {
  store->inject({.what = fake_store::fault::kind::lost_answer, .times = 3, .on = [](const auto& r, lane) {
                   return r.op == operation::renew;
                 }});
  const auto record = hold("lock", 3000);
  EXPECT_TRUE(is_extended(*record, 1000));
  EXPECT_TRUE(logs("could not be renewed, trying again"));
}

TEST_F(LeaseKeeper, UnansweredRenewalsDoNotExtend) {
  store->inject({.what = fake_store::fault::kind::lost_answer,
                 .times = fake_store::fault::always,
                 .on = [](const auto& r, lane) { return r.op == operation::renew; }});
  const auto record = hold("lock", 400);
  const auto end = record->valid_until();
  const ms told = time_of_loss(*record);
  EXPECT_GE(told, end);
  EXPECT_NE(told, never);
  EXPECT_EQ(record->valid_until(), end);
  EXPECT_EQ(record->loss(), not_renewed);
}

TEST_F(LeaseKeeper, AHolderThatTheServerDoesNotKnowIsToldAtTheNextRenewal) {
  const auto record = hold("lock", 9000);
  store->put("lock", std::nullopt);
  EXPECT_LT(time_of_loss(*record), record->valid_until()) << "not only when its lease ends";
  EXPECT_TRUE(logs("no longer has it as ours"));
}

TEST_F(LeaseKeeper, AnAnswerAfterTheEndOfTheLeaseDoesNotSayThatItWasTakenAway) {
  std::promise<void> go_on;  // until then the watch tells no end
  lease_keeper busy{store, notices, [](log_level, std::string_view) {}, [&] { go_on.get_future().wait(); }};
  store->block([](const auto& r, lane) { return r.op == operation::renew; });
  const auto record = hold("lock", 450, true, busy);
  const bool asked = store->wait_for_blocked(1);
  store->put("lock", std::nullopt);
  ASSERT_TRUE(eventually([&] { return now_ms() > record->valid_until(); }));
  store->unblock();
  const bool told = eventually([&] { return record->lost().stop_requested(); });
  go_on.set_value();
  if (!asked) GTEST_SKIP() << "too busy a machine: the watch woke too late to ask";
  EXPECT_TRUE(told);
  EXPECT_EQ(record->loss(), not_renewed);
}

TEST_F(LeaseKeeper, WhatIsForgottenIsNeitherRenewedNorReported) {
  const auto record = hold("lock", 2000);
  keeper.forget(*record);
  std::this_thread::sleep_for(2200ms);
  EXPECT_EQ(store->count(operation::renew), 0u);
  EXPECT_EQ(record->now(), lease_record::phase::held);
}

TEST_F(LeaseKeeper, AfterTheEndOfRenewingEndsAreStillWatched) {
  const auto before = hold("before", 2000);
  keeper.stop_renewing();
  const auto after = hold("after", 600);  // its acquisition was on its way
  for (const auto& record : {before, after}) {
    EXPECT_NE(time_of_loss(*record), never) << record->lock();
    EXPECT_TRUE(eventually([&] { return record->lost().stop_requested(); })) << record->lock();
  }
  EXPECT_EQ(store->count(operation::renew), 0u);
}

TEST_F(LeaseKeeper, AnEarlierEndThanAllOthersIsNoticed) {
  const auto lasting = hold("lasting", 60'000);
  std::this_thread::sleep_for(20ms);  // the watch sleeps until the renewal of that
  const auto brief = hold("brief", 300, false);
  EXPECT_LT(time_of_loss(*brief), brief->valid_until() + 10'000) << "it slept on, for 20 s";
}

TEST_F(LeaseKeeper, ANoticeThatItWasRevokedIsNotBelieved) {
  const auto record = hold("lock", 60'000);
  const auto first = record->valid_until();
  EXPECT_TRUE(eventually([&] {
    notice(*record);  // again, because all of it may be done within the millisecond of the grant
    return record->valid_until() > first;
  })) << "the server is asked, at once";
  EXPECT_TRUE(record->held(now_ms()));
  EXPECT_FALSE(record->is_revoked());
}

TEST_F(LeaseKeeper, ARevocationIsTakenFromTheServerAtOnce) {
  const auto record = hold("lock", 60'000);
  mark(*record);
  notice(*record);
  EXPECT_LT(time_of_loss(*record), record->valid_until()) << "long before it would have been renewed";
  EXPECT_TRUE(record->is_revoked());
  EXPECT_EQ(record->loss(), "it was revoked by an operator");
  EXPECT_TRUE(logs("\"lock\" lost: it was revoked by an operator"));
  EXPECT_EQ(store->count(operation::renew), 1u);
}

TEST_F(LeaseKeeper, ANoticeDuringARenewalIsFollowedByAnother) {
  const auto record = hold("lock", 60'000);
  store->block([](const auto& r, lane) { return r.op == operation::renew; });
  notice(*record);
  ASSERT_TRUE(store->wait_for_blocked(1));
  notice(*record);
  store->unblock();
  EXPECT_TRUE(asked(operation::renew, 2)) << "the first may have been there before the mark";
  EXPECT_TRUE(record->held(now_ms()));
}

TEST_F(LeaseKeeper, AfterANoticeTheServerIsAskedUntilItAnswers) {
  for (const bool renews : {true, false}) {
    const auto op = renews ? operation::renew : operation::peek;
    store->inject({.what = fake_store::fault::kind::lost_request, .times = 2, .on = [op](const auto& r, lane) {
                     return r.op == op;
                   }});
    const auto record = hold(renews ? "renewed" : "not renewed", 60'000, renews);
    mark(*record);
    notice(*record);
    EXPECT_LT(time_of_loss(*record), record->valid_until());
    EXPECT_TRUE(record->is_revoked());
    EXPECT_EQ(store->count(op), 3u);
  }
}

TEST_F(LeaseKeeper, ANoticeMakesNoLeaseLongerThatIsNotRenewed) {
  const auto record = hold("lock", 60'000, false);
  const auto first = record->valid_until();
  const auto until = store->get("lock")->holders.at(0).until;
  notice(*record);
  EXPECT_TRUE(asked(operation::peek, 1));
  mark(*record);  // what was seen was from before
  EXPECT_LT(time_of_loss(*record), first);
  EXPECT_TRUE(record->is_revoked());
  EXPECT_EQ(record->valid_until(), first);
  EXPECT_EQ(store->get("lock")->holders.at(0).until, until);
  EXPECT_EQ(store->count(operation::renew), 0u);
}

TEST_F(LeaseKeeper, ALookThatDoesNotFindItIsRepeated) {
  const auto record = hold("lock", 60'000, false);
  const auto there = store->get("lock");
  store->put("lock", std::nullopt);  // as it was before the grant
  std::atomic<int> looks = 0;
  store->block([&](const auto& r, lane) { return r.op == operation::peek && ++looks == 2; });
  notice(*record);
  ASSERT_TRUE(store->wait_for_blocked(1));
  store->put("lock", there);
  store->unblock();
  EXPECT_TRUE(asked(operation::peek, 3));
  EXPECT_TRUE(record->held(now_ms()));
  store->put("lock", std::nullopt);
  notice(*record);
  EXPECT_LT(time_of_loss(*record), record->valid_until());
}

TEST_F(LeaseKeeper, ANoticeThatWasNotTrueSaysNothingOfALaterLoss) {
  const auto record = hold("lock", 3000);
  notice(*record);
  EXPECT_TRUE(asked(operation::renew, 1));
  const auto first = record->valid_until();
  EXPECT_TRUE(eventually([&] { return record->valid_until() > first; })) << "renewed once more";
  store->put("lock", std::nullopt);
  EXPECT_LT(time_of_loss(*record), std::numeric_limits<ms>::max());
  EXPECT_FALSE(record->is_revoked());
  EXPECT_EQ(record->loss(), no_longer_ours);
}

TEST_F(LeaseKeeper, WhenTheWallClockIsSetAllLeasesAreRenewedAtOnce) {
  const auto one = hold("one", 600'000), other = hold("other", 300'000);
  const auto ends = [&] { return std::pair(one->valid_until(), other->valid_until()); };
  for (std::size_t round = 1; round <= 2; ++round) {
    const auto before = ends();
    std::this_thread::sleep_for(5ms);  // so that an end can be later
    set_clock();
    EXPECT_TRUE(asked(operation::renew, 2 * round)) << "long before it is time";
    EXPECT_TRUE(eventually([&] { return ends().first > before.first && ends().second > before.second; }));
  }
  EXPECT_EQ(store->count(operation::renew), 4u) << "once each";
}

TEST_F(LeaseKeeper, WhatWasTakenDuringAStopOfTheMachineIsToldWhenTheWallClockIsSet) {
  for (const bool renews : {true, false}) {
    const auto record = hold(renews ? "renewed" : "not renewed", 600'000, renews);
    store->put(record->lock(), std::nullopt);
    set_clock();
    EXPECT_LT(time_of_loss(*record), record->valid_until() - 500'000);
    EXPECT_EQ(record->loss(), no_longer_ours);
  }
}

TEST_F(LeaseKeeper, ARenewalThatWasOnItsWayWhenTheWallClockWasSetIsFollowedByAnother) {
  const auto record = hold("lock", 600'000);
  store->block([](const auto& r, lane) { return r.op == operation::renew; });
  set_clock();
  ASSERT_TRUE(store->wait_for_blocked(1));
  set_clock();
  std::this_thread::sleep_for(20ms);
  store->unblock();
  EXPECT_TRUE(asked(operation::renew, 2)) << "the first may have been answered before the machine was stopped";
  EXPECT_TRUE(record->held(now_ms()));
}

TEST_F(LeaseKeeper, ALeaseThatIsNotRenewedIsOnlyLookedAtWhenTheWallClockIsSet) {
  const auto record = hold("lock", 600'000, false);
  const auto first = record->valid_until();
  const auto until = store->get("lock")->holders.at(0).until;
  store->inject({.what = fake_store::fault::kind::lost_request, .times = 2, .on = [](const auto& r, lane) {
                   return r.op == operation::peek;
                 }});
  set_clock();
  EXPECT_TRUE(asked(operation::peek, 3)) << "until it is answered";
  std::this_thread::sleep_for(300ms);
  EXPECT_EQ(store->count(operation::peek), 3u) << "and not again";
  EXPECT_EQ(store->count(operation::renew), 0u);
  EXPECT_EQ(record->valid_until(), first);
  EXPECT_EQ(store->get("lock")->holders.at(0).until, until);
}

TEST(ClockWatch, OfThisMachineIsThereAndSilent) {
  clock_watch real;
  EXPECT_GE(real.fd(), 0);
  EXPECT_FALSE(real.was_set());
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  clock_watch instead{fd};
  EXPECT_FALSE(instead.was_set());
  ASSERT_EQ(eventfd_write(fd, 1), 0);
  EXPECT_TRUE(instead.was_set());
  EXPECT_FALSE(instead.was_set()) << "once";
}

TEST_F(LeaseKeeper, ItsOwnWatchMayBeTheLastToLetGoOfIt) {
  auto own = std::unique_ptr<lease_keeper>();
  std::promise<void> gone;
  const auto nobody_logs = [](log_level, std::string_view) {};
  own = std::make_unique<lease_keeper>(store, notices, nobody_logs, [&] {
    own.reset();
    gone.set_value();
  });
  const auto record = hold("lock", 60'000);
  own->keep(record, protocol::lease_schedule(now_ms(), 60'000, 60'000, true, now_ms()));
  EXPECT_EQ(gone.get_future().wait_for(10s), std::future_status::ready);
}

}  // namespace
}  // namespace dlock::testing
