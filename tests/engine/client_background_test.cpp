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
  ClientsBackground() : driven({.id = "me", .who = "somebody", .undoing = 4}) {}
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

TEST_F(ClientsBackground, NoMoreThanSoManyAreOnTheirWay) {
  drop_eight();
  EXPECT_EQ(me.in_the_background(), 8U);
  EXPECT_EQ(sent(), "release id-1, release id-2, release id-3, release id-4");
  answer_all();
  EXPECT_EQ(me.in_the_background(), 4U);
  EXPECT_EQ(serve(), "release id-5, release id-6, release id-7, release id-8");
  EXPECT_TRUE(me.is_idle());
}

TEST_F(ClientsBackground, WhileTheServerIsSilentHalfOfThemAre) {
  drop_eight();
  server.what = fault::lost_request;
  EXPECT_EQ(sent(), "release id-1, release id-2, release id-3, release id-4");
  answer_all();
  EXPECT_EQ(sent(), "release id-5, release id-6");
  EXPECT_EQ(pass_in_silence(1000), "") << "no time makes room";
  answer_all();
  EXPECT_EQ(sent(), "release id-7, release id-8");
  answer_all();
  EXPECT_EQ(sent(), "release id-1, release id-2") << "their pauses are over";
}

TEST_F(ClientsBackground, TheFirstAnswerToAnythingEndsTheSilence) {
  drop_eight();
  server.what = fault::lost_request;
  (void)sent();
  answer_all();
  ASSERT_EQ(sent(), "release id-5, release id-6");
  auto hang = std::exchange(on_their_way, {});
  server.what = fault::none;
  (void)me.ask(others(op::peek, "lock", "x"), {}, now);
  EXPECT_EQ(sent(), "peek x");
  answer_all();
  EXPECT_EQ(sent(), "release id-7, release id-8") << "four again";
  answer_all();
  EXPECT_EQ(sent(), "release id-1, release id-2") << "their pauses are over, too";
  answer_all();
  EXPECT_EQ(serve(), "release id-3, release id-4");
  on_their_way.swap(hang);
}

TEST_F(ClientsBackground, AnAnswerToALookupEndsTheSilence) {
  drop_eight();
  server.what = fault::lost_request;
  (void)sent();
  answer_all();
  ASSERT_EQ(sent(), "release id-5, release id-6");
  auto hang = std::exchange(on_their_way, {});
  server.what = fault::none;
  (void)me.read({.id = "lock"}, now);
  EXPECT_EQ(sent(), "look");
  answer_all();
  EXPECT_EQ(sent(), "release id-7, release id-8");
  answer_all();
  (void)serve();
  on_their_way.swap(hang);
}

TEST_F(ClientsBackground, WhatHangsWhileOthersAreAnsweredIsNoSilence) {
  drop_eight();
  (void)sent();
  auto hang = std::exchange(on_their_way, {});
  now += 1;
  (void)me.ask(others(op::peek, "lock", "x"), {}, now);
  EXPECT_EQ(serve(), "peek x");
  on_their_way.swap(hang);
  server.what = fault::lost_request;
  answer_all();
  EXPECT_EQ(sent(), "release id-5, release id-6, release id-7, release id-8") << "four, not two";
}

TEST_F(ClientsBackground, ARefusalIsAnAnswer) {
  drop_eight();
  server.what = fault::refused;
  EXPECT_EQ(serve(),
            "release id-1, release id-2, release id-3, release id-4, "
            "release id-5, release id-6, release id-7, release id-8");
  EXPECT_TRUE(me.is_idle());
}

TEST_F(ClientsBackground, WhatIsNotAnsweredIsRepeatedUntilTheLeaseIsOverAndFor10SAtLeast) {
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

TEST_F(ClientsBackground, ACancelIsRepeatedForAsLongAsAnEntryMayLive) {
  for (const ms delta : {5000, 60'000}) {
    auto p = plan();
    p.ask.delta = delta;
    const auto expect_so_long = [&] {
      server.what = fault::lost_request;
      (void)pass((delta == 5000 ? 15'000 : 60'000) - 1);  // as a waiter, or as a holder
      EXPECT_EQ(me.in_the_background(), 1U);
      (void)pass(1001);
      EXPECT_EQ(me.in_the_background(), 0U);
      server.what = fault::none;
    };
    const auto c = me.acquire(p, false, now);
    (void)sent();
    me.cancel(c, now);
    expect_so_long();  // of an acquisition
    answer_all();
    server.documents["lock"] = std::nullopt;
    const auto released = hold(p);
    server.documents["lock"] = std::nullopt;
    (void)release(released);
    (void)sent();
    answer_all();
    expect_so_long();  // after a release
    const auto dropped = hold(p);
    server.documents["lock"] = std::nullopt;
    me.drop(dropped, now);
    (void)sent();
    answer_all();
    expect_so_long();  // after one of the background
  }
}

/// A request of its acquisition may yet arrive.
TEST_F(ClientsBackground, WhatIsDoubtfulIsCancelledWhateverIsAnsweredUnlessItIsKept) {
  for (const auto what : {fault::none, fault::refused}) {
    for (const ms keep : {0, 1, 60'000}) {
      server.documents["lock"] = std::nullopt;
      server.what = fault::lost_answer;
      (void)acquire();
      (void)serve();
      server.what = fault::none;
      (void)pass(100);
      EXPECT_EQ(happened(), "no answer yet; acquired");
      const auto h = last<acquire_ended>().got;
      server.what = fault::unreachable;
      (void)release(h, keep, 10);
      (void)serve();
      server.what = what;
      const auto id = "id-" + std::to_string(ids);
      const bool kept = keep > 0 && what == fault::refused;
      EXPECT_EQ(pass(50), "release " + id + (kept ? "" : ", cancel " + id + " for good"));
      server.what = fault::none;
      (void)serve();
      (void)happened();
      EXPECT_TRUE(me.is_idle());
    }
  }
}

TEST_F(ClientsBackground, WhatIsNotDoubtfulAndRefusedIsLeftAlone) {
  me.drop(hold(), now);
  server.what = fault::refused;
  EXPECT_EQ(serve(), "release id-1");
  EXPECT_EQ(announced(), "locked lock, ") << "nor does anybody say that it is free";
}

TEST_F(ClientsBackground, WhoseTimeIsOverBeforeItsTurnIsNotSent) {
  auto shared = plan();
  shared.ask.what = {.exclusive = false, .weight = 1};
  for (const auto& p : {plan(), shared}) {  // alone, and in its lock's turn
    me.drop(hold(p), now);
    now += 10'000;
    EXPECT_EQ(me.ready(), 1U);
    EXPECT_EQ(sent(), "");
    EXPECT_TRUE(me.is_idle());
    EXPECT_EQ(me.size(), 0U);
  }
}

TEST_F(ClientsBackground, AfterCloseEachIsSentOnceMore) {
  drop_eight();
  server.what = fault::lost_request;
  me.close(now);
  EXPECT_EQ(pass(60'000),
            "release id-1, release id-2, release id-3, release id-4, release id-5, release id-6, "
            "release id-7, release id-8");
  EXPECT_TRUE(me.is_idle());
}

// --- there is no thread for it --------------------------------------------------------------------------------------

TEST_F(ClientsBackground, WhatCannotBeSentIsNoAnswerWithoutADoubt) {
  (void)acquire();
  (void)me.ask(others(op::peek, "lock", "x"), {}, now);
  (void)me.read({.id = "lock"}, now);
  me.cannot_send("no thread for it", now);
  EXPECT_EQ(me.ready(), 0U);
  EXPECT_EQ(happened(), "no answer yet");
  EXPECT_EQ(last<trouble>().why, "no thread for it");
  EXPECT_EQ(pass(1000), "peek x, look, enqueue id-1") << "each tries again";
  EXPECT_EQ(happened(), "answered; answered; acquired");
}

TEST_F(ClientsBackground, WhatOfTheBackgroundCannotBeSentRunsOutByItself) {
  me.drop(hold(), now);
  me.cannot_send("no thread for it", now);
  EXPECT_EQ(me.in_the_background(), 0U);
  EXPECT_EQ(pass(60'000), "");
  EXPECT_EQ(me.size(), 0U);
}

TEST_F(ClientsBackground, SoDoThoseThatWaitForRoom) {
  drop_eight();
  me.cannot_send("no thread for it", now);
  EXPECT_EQ(me.in_the_background(), 0U);
  EXPECT_EQ(me.size(), 0U);
}

TEST_F(ClientsBackground, OfAReleaseThatRunsOutByItselfNothingIsLeft) {
  const auto h = hold();
  (void)release(h, 0, 10);
  server.what = fault::lost_request;
  ASSERT_EQ(sent(), "release id-1");
  answer_all();
  me.cannot_send("no thread for it", now);
  EXPECT_EQ(happened(), "releasing; in doubt; release: unknown");
  me.drop(h, now);
  EXPECT_EQ(me.size(), 0U);
}

TEST_F(ClientsBackground, AnAcquisitionThatCannotLeaveEndsAfter400Ms) {
  const auto c = acquire();
  (void)sent();
  me.cancel(c, now);
  me.cannot_send("no thread for it", now);
  EXPECT_EQ(pass_in_silence(399), "");
  EXPECT_EQ(happened(), "");
  (void)pass_in_silence(1);
  EXPECT_EQ(happened(), "cancelled, in doubt");
}

/// When the only one that is under way comes too late for its turn, the next one has the room.
TEST(ClientsBackgroundOfOne, WhatIsTooLateMakesRoom) {
  driven d({.id = "me", .who = "somebody", .undoing = 1});
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

TEST_F(ClientsBackground, ALookHasItsTurnAmongManyThatLock) {
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

TEST_F(ClientsBackground, SoHasWhoLocksAmongManyLooks) {
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
TEST_F(ClientsBackground, AnAnswerThatNamesAnHeirIsNotLateForThat) {
  const auto h = hold();
  (void)acquire();
  (void)serve();
  (void)happened();
  (void)release(h, 0, 1000);
  ASSERT_EQ(sent(), "release id-1");
  now += 1000;
  answer_all();
  EXPECT_EQ(happened(), "releasing; acquired; released; release: released");
}

TEST_F(ClientsBackground, AReleaseThatCannotBeSentIsTriedAgain) {
  const auto h = hold();
  (void)release(h);
  me.cannot_send("no thread for it", now);
  EXPECT_EQ(pass(50), "release id-1");
  EXPECT_EQ(happened(), "releasing; released, free; release: released");
}

/// The doubt is of an entry that is undone by itself; this one was never asked for.
TEST_F(ClientsBackground, ADoubtOfAnEarlierIdIsNotThatOfTheNextOne) {
  (void)other(protocol::operation::try_);
  const auto c = acquire();
  (void)serve();
  server.what = fault::lost_request;
  while (now < 1300) (void)pass(50);  // a heartbeat goes without an answer
  server.what = fault::none;
  server.documents["lock"] = std::nullopt;
  while (me.expects("id-1")) {  // it is not there any more: id-2 is to be asked for
    now = std::max(now, me.next());
    me.look(now);
    if (!sent().empty()) answer_all();
  }
  me.cancel(c, now);
  const auto told = happened();
  EXPECT_NE(told.find("cancelled"), std::string::npos) << told;
  EXPECT_EQ(told.find("in doubt"), std::string::npos) << told;
}

}  // namespace
}  // namespace dlock::engine
