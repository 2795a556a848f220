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
  std::shared_ptr<manual_environment> env = std::make_shared<manual_environment>();
  std::shared_ptr<fake_store> store = running_store(env);
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
                      env,
                      {},
                      std::make_unique<clock_watch>(clock)};

  std::shared_ptr<lease_record> hold(const std::string& lock, ms delta, bool renews = true) {
    return hold(lock, delta, renews, keeper);
  }
  std::shared_ptr<lease_record> hold(const std::string& lock, ms delta, bool renews, lease_keeper& in) const {
    protocol::request r{.op = operation::try_, .lock = lock, .id = lock + " holder", .delta = delta, .skew = 0};
    const ms sent = now();
    const auto a = store->apply(r);
    EXPECT_TRUE(a.reply.mine);
    const protocol::lease_schedule schedule(sent, delta, delta, renews, sent);
    auto record =
        std::make_shared<lease_record>(r, lease_record::grant{.token = a.reply.mine->fence}, schedule.valid_until());
    in.keep(record, schedule);
    return record;
  }
  [[nodiscard]] ms now() const { return env->now_ms(); }
  /// The watch sleeps until then. Only for a time that it was not to wake at before: else that may be what is seen.
  [[nodiscard]] bool sleeps_until(ms at) const {
    return eventually([&] { return env->next() == at; });
  }
  /// It is `at`, which is when the watch wakes.
  void go_to(ms at) const {
    EXPECT_TRUE(sleeps_until(at)) << "it sleeps until " << env->next().value_or(0) - now() << ", not " << at - now()
                                  << " from now";
    env->advance(at - now());
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
  /// Whether it is renewed now.
  [[nodiscard]] bool is_extended(const lease_record& record, ms delta) const {
    return eventually([&] { return record.valid_until() == protocol::valid_until(now(), delta); });
  }
  static constexpr ms never = std::numeric_limits<ms>::max();
  /// When the loss was told; never, if it is not within half a minute.
  ms time_of_loss(lease_record& record) const {
    auto when = std::make_shared<std::promise<ms>>();
    record.on_lost([when, e = env] { when->set_value(e->now_ms()); }, *notices);
    auto told = when->get_future();
    return told.wait_for(30s) == std::future_status::ready ? told.get() : never;
  }
};

TEST_F(LeaseKeeper, RenewsOverSeveralLeases) {
  constexpr ms delta = 2000;
  const auto record = hold("lock", delta);
  for (std::size_t i = 1; i <= 10; ++i) {
    go_to(now() + delta / 3);
    EXPECT_TRUE(is_extended(*record, delta));
    EXPECT_EQ(store->count(operation::renew), i);
  }
  for (const auto& call : store->calls()) {
    if (call.request.op == operation::renew) {
      EXPECT_EQ(call.which, lane::renewal);
    }
  }
}

TEST_F(LeaseKeeper, WithoutAutorefreshALeaseEndsAtItsDeadlineAndSaysSo) {
  const auto record = hold("lock", 300, false);
  EXPECT_EQ(record->reason(), loss_reason::none);
  const auto end = record->valid_until();
  ASSERT_TRUE(sleeps_until(end));
  env->advance(end - now() - 1);
  EXPECT_TRUE(record->held(now()));
  go_to(end);
  EXPECT_EQ(time_of_loss(*record), end);
  EXPECT_EQ(store->count(operation::renew), 0u);
  EXPECT_TRUE(logs("\"lock\" lost"));
  EXPECT_EQ(record->loss(), over_without_autorefresh);
  EXPECT_EQ(record->reason(), loss_reason::expired);
}

TEST_F(LeaseKeeper, ALossIsToldOnTimeWhileARenewalHangs) {
  store->block([](const auto& r, lane) { return r.op == operation::renew; });
  const auto record = hold("lock", 300);
  const auto end = record->valid_until();
  go_to(now() + 100);
  EXPECT_TRUE(store->wait_for_blocked(1));
  go_to(end);
  EXPECT_EQ(time_of_loss(*record), end);
  store->unblock();
}

TEST_F(LeaseKeeper, ARenewalThatHangsKeepsNoOtherWaiting) {
  store->block([](const auto& r, lane) { return r.op == operation::renew && r.lock == "hangs"; });
  const auto stuck = hold("hangs", 600);
  const auto other = hold("other", 1200);
  go_to(now() + 200);
  ASSERT_TRUE(store->wait_for_blocked(1));
  go_to(now() + 200);
  EXPECT_TRUE(is_extended(*other, 1200));
  go_to(stuck->valid_until());
  EXPECT_FALSE(stuck->held(now()));
  EXPECT_TRUE(other->held(now()));
  store->unblock();
}

TEST_F(LeaseKeeper, ARenewalWithoutAnAnswerIsRepeatedUntilOneComes) {
  store->inject({.what = fake_store::fault::kind::lost_answer, .times = 3, .on = [](const auto& r, lane) {
                   return r.op == operation::renew;
                 }});
  const auto record = hold("lock", 3000);
  go_to(now() + 1000);
  for (int i = 0; i < 3; ++i) go_to(now() + 150);
  EXPECT_TRUE(is_extended(*record, 3000));
  EXPECT_TRUE(logs("could not be renewed, trying again"));
}

TEST_F(LeaseKeeper, UnansweredRenewalsDoNotExtend) {
  store->inject({.what = fake_store::fault::kind::lost_answer,
                 .times = fake_store::fault::always,
                 .on = [](const auto& r, lane) { return r.op == operation::renew; }});
  const auto record = hold("lock", 400);
  const auto end = record->valid_until();
  for (ms next = now() + 133; next < end; next += 20) go_to(next);
  EXPECT_TRUE(asked(operation::renew, 12)) << "or the last is not sent: its time may be over";
  go_to(end);
  EXPECT_EQ(time_of_loss(*record), end);
  EXPECT_EQ(store->count(operation::renew), 12u);
  EXPECT_EQ(record->valid_until(), end);
  EXPECT_EQ(record->loss(), not_renewed);
  EXPECT_EQ(record->reason(), loss_reason::expired);
}

TEST_F(LeaseKeeper, AHolderThatTheServerDoesNotKnowIsToldAtTheNextRenewal) {
  const auto record = hold("lock", 9000);
  store->put("lock", std::nullopt);
  go_to(now() + 3000);
  EXPECT_EQ(time_of_loss(*record), now()) << "not only when its lease ends";
  EXPECT_TRUE(logs("no longer has it as ours"));
  EXPECT_EQ(record->reason(), loss_reason::removed);
}

TEST_F(LeaseKeeper, AnAnswerAfterTheEndOfTheLeaseDoesNotSayThatItWasTakenAway) {
  event entered, go_on;  // in between the watch tells no end
  lease_keeper busy{store, notices, [](log_level, std::string_view) {}, env,
                    [&] {
                      entered.happen();
                      EXPECT_TRUE(go_on.wait());
                    }};
  store->block([](const auto& r, lane) { return r.op == operation::renew; });
  const auto record = hold("lock", 450, true, busy);
  const ms begin = now();
  go_to(begin + 150);
  EXPECT_TRUE(store->wait_for_blocked(1));
  go_to(begin + 250);  // when it has been held for long
  EXPECT_TRUE(entered.wait());
  store->put("lock", std::nullopt);
  env->advance(200);
  store->unblock();
  EXPECT_TRUE(eventually([&] { return record->lost().stop_requested(); }));
  go_on.happen();
  EXPECT_EQ(record->loss(), not_renewed);
}

TEST_F(LeaseKeeper, WhatIsForgottenIsNeitherRenewedNorReported) {
  const auto record = hold("lock", 2000);
  ASSERT_TRUE(sleeps_until(now() + 666));
  keeper.forget(*record);
  env->advance(2200);
  const auto other = hold("other", 2000);
  EXPECT_TRUE(sleeps_until(now() + 666)) << "it has looked at all";
  EXPECT_EQ(store->count(operation::renew), 0u);
  EXPECT_EQ(record->now(), lease_record::phase::held);
}

TEST_F(LeaseKeeper, AfterTheEndOfRenewingEndsAreStillWatched) {
  const auto before = hold("before", 2000);
  keeper.stop_renewing();
  const auto after = hold("after", 600);  // its acquisition was on its way
  for (const auto& record : {after, before}) {
    go_to(record->valid_until());
    EXPECT_EQ(time_of_loss(*record), now()) << record->lock();
    EXPECT_TRUE(eventually([&] { return record->lost().stop_requested(); })) << record->lock();
  }
  EXPECT_EQ(store->count(operation::renew), 0u);
}

TEST_F(LeaseKeeper, AnEarlierEndThanAllOthersIsNoticed) {
  const auto lasting = hold("lasting", 60'000);
  ASSERT_TRUE(sleeps_until(now() + 20'000));
  const auto brief = hold("brief", 300, false);
  go_to(brief->valid_until());
  EXPECT_EQ(time_of_loss(*brief), now());
}

TEST_F(LeaseKeeper, ANoticeThatItWasRevokedIsNotBelieved) {
  const auto record = hold("lock", 60'000);
  env->advance(10);
  notice(*record);
  EXPECT_TRUE(is_extended(*record, 60'000)) << "the server is asked, at once";
  EXPECT_TRUE(record->held(now()));
  EXPECT_FALSE(record->is_revoked());
}

TEST_F(LeaseKeeper, ARevocationIsTakenFromTheServerAtOnce) {
  const auto record = hold("lock", 60'000);
  mark(*record);
  notice(*record);
  EXPECT_EQ(time_of_loss(*record), now()) << "long before it would have been renewed";
  EXPECT_TRUE(record->is_revoked());
  EXPECT_EQ(record->loss(), "it was revoked by an operator");
  EXPECT_EQ(record->reason(), loss_reason::revoked);
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
  EXPECT_TRUE(record->held(now()));
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
    for (int i = 0; i < 2; ++i) go_to(now() + (renews ? 500 : 100));
    EXPECT_EQ(time_of_loss(*record), now());
    EXPECT_TRUE(record->is_revoked());
    EXPECT_EQ(store->count(op), 3u);
  }
}

TEST_F(LeaseKeeper, ANoticeMakesNoLeaseLongerThatIsNotRenewed) {
  const auto record = hold("lock", 60'000, false);
  const auto first = record->valid_until();
  const auto until = store->get("lock")->holders.at(0).until;
  notice(*record);
  ASSERT_TRUE(sleeps_until(now() + 100)) << "it has looked";
  mark(*record);  // what was seen was from before
  go_to(now() + 100);
  EXPECT_EQ(time_of_loss(*record), now());
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
  go_to(now() + 100);
  ASSERT_TRUE(store->wait_for_blocked(1));
  store->put("lock", there);
  store->unblock();
  go_to(now() + 100);
  ASSERT_TRUE(sleeps_until(now() + 100));
  EXPECT_EQ(store->count(operation::peek), 3u);
  EXPECT_TRUE(record->held(now()));
  store->put("lock", std::nullopt);
  env->advance(50);  // so that its next sleep does not end when this one would have
  notice(*record);
  go_to(now() + 100);
  EXPECT_EQ(time_of_loss(*record), now());
}

TEST_F(LeaseKeeper, ANoticeThatWasNotTrueSaysNothingOfALaterLoss) {
  const auto record = hold("lock", 3000);
  notice(*record);
  EXPECT_TRUE(asked(operation::renew, 1));
  go_to(now() + 1000);
  EXPECT_TRUE(is_extended(*record, 3000)) << "renewed once more";
  store->put("lock", std::nullopt);
  go_to(now() + 1000);
  EXPECT_EQ(time_of_loss(*record), now());
  EXPECT_FALSE(record->is_revoked());
  EXPECT_EQ(record->loss(), no_longer_ours);
}

TEST_F(LeaseKeeper, WhenTheWallClockIsSetAllLeasesAreRenewedAtOnce) {
  const auto one = hold("one", 600'000), other = hold("other", 300'000);
  const auto ends = [&] { return std::pair(one->valid_until(), other->valid_until()); };
  for (std::size_t round = 1; round <= 2; ++round) {
    const auto before = ends();
    env->advance(5);  // so that an end can be later
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
    if (!renews) go_to(now() + 100);  // it looks once more
    EXPECT_EQ(time_of_loss(*record), now());
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
  EXPECT_TRUE(record->held(now()));
}

TEST_F(LeaseKeeper, ALeaseThatIsNotRenewedIsOnlyLookedAtWhenTheWallClockIsSet) {
  const auto record = hold("lock", 600'000, false);
  const auto first = record->valid_until();
  const auto until = store->get("lock")->holders.at(0).until;
  store->inject({.what = fake_store::fault::kind::lost_request, .times = 2, .on = [](const auto& r, lane) {
                   return r.op == operation::peek;
                 }});
  set_clock();
  for (int i = 0; i < 2; ++i) go_to(now() + 100);
  EXPECT_TRUE(asked(operation::peek, 3)) << "until it is answered";
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(sleeps_until(first));
    env->advance(100);
  }
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
  own = std::make_unique<lease_keeper>(store, notices, nobody_logs, env, [&] {
    own.reset();
    gone.set_value();
  });
  const auto record = hold("lock", 60'000);
  own->keep(record, protocol::lease_schedule(now(), 60'000, 60'000, true, now()));
  go_to(now() + 250);
  EXPECT_EQ(gone.get_future().wait_for(10s), std::future_status::ready);
}

}  // namespace
}  // namespace dlock::testing
