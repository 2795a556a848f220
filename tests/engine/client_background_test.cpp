// What a client repeats in the background, and what cannot be sent.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "engine/client.hpp"
#include "engine/driven_client.hpp"

namespace dlock::engine {
namespace {

/// Eight locks; four requests of the background are on their way at most.
struct ClientsBackground : ::testing::Test, driven {
  ClientsBackground() : driven({.id = "me", .who = "somebody", .background_limit = 4}) {}
  using fault = tiny_server::fault;
  void TearDown() override { end(); }

  /// Drops them all.
  void drop_eight() {
    std::vector<hold_id> all;
    for (int i = 0; i < 8; ++i) all.push_back(hold(plan("lock " + std::to_string(i))));
    now += 10;  // the last answer was before this
    for (const auto h : all) me.drop(h, now);
  }
};

TEST_F(ClientsBackground, NoMoreRetriesThanTheLimitAreOnTheirWay) {
  drop_eight();
  play(
      "background -> 8 | sent -> release id-1, release id-2, release id-3, release id-4 | answer | "
      "background -> 4 | serve -> release id-5, release id-6, release id-7, release id-8 | idle -> yes");
}

TEST_F(ClientsBackground, HalfAsManyAreOnTheirWayWhileTheServerIsSilent) {
  drop_eight();
  play(
      "fault lost request | sent -> release id-1, release id-2, release id-3, release id-4 | answer | "
      "sent -> release id-5, release id-6 | silence 1000 -> nothing (no time makes room) | answer | "
      "sent -> release id-7, release id-8 | answer | sent -> release id-1, release id-2 (their pauses are over)");
}

TEST_F(ClientsBackground, TheFirstAnswerToAnythingEndsTheSilence) {
  drop_eight();
  play("fault lost request | sent | answer | sent -> release id-5, release id-6");
  auto hang = std::exchange(on_their_way, {});
  play(
      "fault none | peek | sent -> peek x | answer | sent -> release id-7, release id-8 (four again) | answer | "
      "sent -> release id-1, release id-2 (their pauses are over, too) | answer | "
      "serve -> release id-3, release id-4");
  on_their_way.swap(hang);
}

TEST_F(ClientsBackground, AnAnswerToALookupEndsTheSilence) {
  drop_eight();
  play("fault lost request | sent | answer | sent -> release id-5, release id-6");
  auto hang = std::exchange(on_their_way, {});
  play(
      "read | sent -> look | answer | sent -> nothing (that was none) | fault none | look 50 | sent -> look | answer | "
      "sent -> release id-7, release id-8 | answer | serve");
  on_their_way.swap(hang);
}

TEST_F(ClientsBackground, ARequestThatHangsAloneIsNoSilence) {
  drop_eight();
  (void)sent();
  auto hang = std::exchange(on_their_way, {});
  play("later 1 | peek | serve -> peek x");
  on_their_way.swap(hang);
  play(
      "fault lost request | answer | "
      "sent -> release id-5, release id-6, release id-7, release id-8 (four, not two)");
}

TEST_F(ClientsBackground, ARefusalIsAnAnswer) {
  drop_eight();
  play(
      "fault refused | "
      "serve -> release id-1, release id-2, release id-3, release id-4, release id-5, release id-6, release id-7, "
      "release id-8 | "
      "idle -> yes");
}

TEST_F(ClientsBackground, AReleaseIsRetriedUntilTheLeaseIsOverAndFor10SAtLeast) {
  for (const ms delta : {5000, 60'000}) {
    server.what = fault::none;
    auto p = plan();
    p.ask.delta = delta;
    me.drop(hold(p), now);
    server.what = fault::lost_request;
    const ms until = delta == 5000 ? 10'000 : 60'500;
    (void)pass(until - 1);
    EXPECT_EQ(me.in_the_background(), 1U);
    (void)pass(1000);  // the longest pause
    EXPECT_EQ(me.in_the_background(), 0U);
  }
}

TEST_F(ClientsBackground, ACancelIsRetriedForAsLongAsTheEntryMayLive) {
  for (const ms delta : {5000, 60'000}) {
    auto p = plan();
    p.ask.delta = delta;
    const auto expect_so_long = [&] {
      server.what = fault::lost_request;
      (void)pass((delta == 5000 ? 15'000 : 60'000) - 1);  // as a waiter, or as a holder
      play("background -> 1 | pass 1001 | background -> 0 | fault none");
    };
    last_call = me.acquire(p, false, now);
    play("sent | cancel");
    expect_so_long();  // of an acquisition
    play("answer | gone");
    (void)hold(p);
    play("gone | release | sent | answer");
    expect_so_long();  // after a release
    (void)hold(p);
    play("gone | drop | sent | answer");
    expect_so_long();  // after one of the background
  }
}

/// Such an entry does not end by a clock: an election could bring it back for good.
TEST_F(ClientsBackground, WithObservedExpiryAReleaseAndACancelAreRetriedForAnHour) {
  auto p = plan();
  p.ask.observed = true;
  me.drop(hold(p), now);
  server.what = fault::lost_request;
  (void)pass(3'600'000 - 1);
  play("background -> 1 | pass 1001 | background -> 0 | fault none");
  last_call = me.acquire(p, false, now);
  play("sent | cancel | fault lost request");
  (void)pass(3'600'000 - 1);
  play("background -> 1 | fault none | pass 1001 | background -> 0");
}

/// A request of its acquisition may yet arrive.
TEST_F(ClientsBackground, AnAcquisitionInDoubtIsCancelledAfterItsReleaseUnlessItIsKept) {
  for (const auto what : {fault::none, fault::refused}) {
    for (const ms keep : {0, 1, 60'000}) {
      play("gone | fault lost answer | acquire | serve | fault none | pass 100 | happened -> no answer yet; acquired");
      const auto h = last<acquire_ended>().got;
      server.what = fault::unreachable;
      (void)release(h, keep, 10);
      (void)serve();
      server.what = what;
      const auto id = "id-" + std::to_string(ids);
      const bool kept = keep > 0 && what == fault::refused;
      EXPECT_EQ(pass(50), "release " + id + (kept ? "" : ", cancel " + id + " for good"));
      play("fault none | serve | happened | idle -> yes");
    }
  }
}

TEST_F(ClientsBackground, ARefusedReleaseWithoutADoubtIsLeftAlone) {
  me.drop(hold(), now);
  play("fault refused | serve -> release id-1 | published -> locked lock (nor does anybody say that it is free)");
}

TEST_F(ClientsBackground, ARetryWhoseTimeIsOverIsNotSent) {
  auto shared = plan();
  shared.ask.what = {.exclusive = false, .weight = 1};
  for (const auto& p : {plan(), shared}) {  // alone, and in its lock's turn
    me.drop(hold(p), now);
    play("later 10000 | ready -> 1 | sent -> nothing | idle -> yes | size -> 0");
  }
}

TEST_F(ClientsBackground, AfterCloseEachRetryIsSentOnceMore) {
  drop_eight();
  play(
      "fault lost request | close | "
      "pass 60000 -> release id-1, release id-2, release id-3, release id-4, release id-5, release id-6, release id-7, "
      "release id-8 | "
      "idle -> yes");
}

// --- there is no thread for it --------------------------------------------------------------------------------------

TEST_F(ClientsBackground, ARequestThatCannotBeSentIsUnansweredAndNotInDoubt) {
  play("acquire | peek | read | no thread | ready -> 0 | happened -> no answer yet");
  EXPECT_EQ(last<trouble>().why, "no thread for it");
  play("pass 1000 -> peek x, look, enqueue id-1 (each tries again) | happened -> answered; answered; acquired");
}

TEST_F(ClientsBackground, AReadThatCannotBeSentInItsTimeSaysWhy) {
  play("read | later 9990 | no thread | happened -> failed");
  EXPECT_EQ(last<ask_ended>().failure.why, "no thread for it");
}

TEST_F(ClientsBackground, ARetryThatCannotBeSentIsDropped) {
  me.drop(hold(), now);
  play("no thread | background -> 0 | pass 60000 -> nothing | size -> 0");
}

TEST_F(ClientsBackground, RetriesThatWaitForRoomAreDroppedIfNoneCanBeSent) {
  drop_eight();
  play("no thread | background -> 0 | size -> 0");
}

TEST_F(ClientsBackground, NothingIsLeftOfADroppedRetry) {
  play(
      "hold | release in=10 | fault lost request | sent -> release id-1 | answer | no thread | "
      "happened -> releasing; in doubt; release: unknown | drop | size -> 0");
}

TEST_F(ClientsBackground, ACancelThatCannotBeSentEndsAfter400Ms) {
  play(
      "acquire | sent | cancel | no thread | silence 399 -> nothing | happened -> nothing | silence 1 | "
      "happened -> cancelled, in doubt");
}

/// When the only one that is under way comes too late for its turn, the next one has the room.
TEST(ClientsBackgroundOfOne, ARetryThatIsTooLateMakesRoom) {
  driven d({.id = "me", .who = "somebody", .background_limit = 1});
  for (int i = 0; i < 2; ++i) {
    (void)d.acquire("lock " + std::to_string(i));
    (void)d.serve();
  }
  (void)d.happened();
  std::vector<hold_id> held;
  for (const auto& e : d.events) {
    if (const auto* a = std::get_if<acquire_ended>(&e)) held.push_back(a->got);
  }
  ASSERT_EQ(held.size(), 2U);
  for (const auto h : held) d.me.drop(h, d.now);  // released in the background, one after the other
  d.now += 15'000;                                // frozen before the first is sent
  EXPECT_EQ(d.serve(), "");
  EXPECT_EQ(d.me.size(), 0U);
}

TEST_F(ClientsBackground, ALookupHasItsTurnAmongManyRequests) {
  for (int i = 0; i < 4; ++i) (void)acquire("lock " + std::to_string(i));
  (void)me.read({.id = "lock"}, now);
  bool looks = false;
  for (int i = 0; i < 2; ++i) {
    const auto next = me.next_request(now);
    ASSERT_TRUE(next);
    looks = looks || next->lookup;
    on_their_way.push_back(*next);
  }
  EXPECT_TRUE(looks);
}

TEST_F(ClientsBackground, ARequestHasItsTurnAmongManyLookups) {
  for (int i = 0; i < 4; ++i) (void)me.read({.id = "lock"}, now);
  for (const int lock : {1, 2}) {
    (void)acquire("lock " + std::to_string(lock));
    bool locks = false;
    for (int i = 0; i < 2; ++i) {
      const auto next = me.next_request(now);
      ASSERT_TRUE(next);
      locks = locks || !next->lookup;
      on_their_way.push_back(*next);
    }
    EXPECT_TRUE(locks);
  }
}

/// An answer that is here counts, also if the time of its call is over at that very moment, and it names an heir.
TEST_F(ClientsBackground, AnAnswerAtTheDeadlineStillNamesTheHeir) {
  play(
      "hold | share | serve | happened | release in=1000 | sent -> release id-1 | later 1000 | answer | "
      "happened -> releasing; acquired; released; release: released");
}

TEST_F(ClientsBackground, AReleaseThatCannotBeSentIsRetried) {
  play(
      "hold | release | no thread | pass 50 -> release id-1 | "
      "happened -> releasing; released; release: released");
}

/// The doubt is of an entry that is undone by itself; this one was never asked for.
TEST_F(ClientsBackground, ADoubtAboutAnEarlierIdIsNoneAboutTheNext) {
  play("other try | acquire | serve | fault lost request");
  while (now < 1300) (void)pass(50);  // a heartbeat goes without an answer
  play("fault none | gone");
  while (me.expects("id-1")) {  // it is not there any more: id-2 is to be asked for
    now = std::max(now, me.next());
    me.look(now);
    if (!sent().empty()) answer_all();
  }
  me.cancel(last_call, now);
  const auto told = happened();
  EXPECT_NE(told.find("cancelled"), std::string::npos) << told;
  EXPECT_EQ(told.find("in doubt"), std::string::npos) << told;
}

}  // namespace
}  // namespace dlock::engine
