// A lease that nobody uses is kept for a while.
#include <gtest/gtest.h>

#include <string>

#include "engine/client_turns.hpp"

namespace dlock::engine {
namespace {

struct Lingering : ClientsTurns {
  static protocol::acquire_plan linger(ms time = 2500, const std::string& lock = "lock") {
    auto p = plan(lock);
    p.linger = time;
    return p;
  }
  /// One that lingers.
  hold_id idle(protocol::acquire_plan p = linger()) {
    const auto h = hold(std::move(p));
    (void)release(h);
    EXPECT_EQ(happened(), "released; release: released");
    EXPECT_EQ(sent(), "");
    EXPECT_EQ(me.lingering(), 1U);
    return h;
  }
  [[nodiscard]] std::int64_t token(hold_id h) const { return me.find(h)->token; }
};

TEST_F(Lingering, TheNextCallTakesItAtOnce) {
  const auto h = idle();
  const auto fence = token(h);
  now += 1000;
  const auto c = ask(linger());
  EXPECT_EQ(happened(), "acquired");
  EXPECT_EQ(last<acquire_ended>().call, c);
  EXPECT_EQ(token(got()), fence + 1);
  play(
      "sent -> nothing | lingering -> 0 | release | happened -> released; release: released (and lingers again) | "
      "acquire linger=2500 try | happened -> acquired");
  EXPECT_EQ(token(got()), fence + 2);
}

TEST_F(Lingering, TheOwnerNamesTheHoldOfItsTurn) {
  const auto first = idle();
  EXPECT_EQ(me.hold_of("lock", "id-1/linger"), first) << "and not the hold that nobody uses";
  (void)ask(linger());
  EXPECT_EQ(happened(), "acquired");
  const auto second = got();
  EXPECT_EQ(me.hold_of("lock", "id-1/linger"), first);
  EXPECT_EQ(me.hold_of("lock", "id-1/linger+1"), second);
  EXPECT_EQ(me.hold_of("lock", "id-1/linger+2"), hold_id{0}) << "a turn to come";
  me.drop(first, now);
  EXPECT_EQ(me.hold_of("lock", "id-1/linger"), hold_id{0}) << "a turn that is over";
  EXPECT_FALSE(me.hold_of("lock", "id-1"));
  EXPECT_FALSE(me.hold_of("another", "id-1/linger"));
  (void)release(second);
  me.drop(second, now);
  EXPECT_EQ(me.hold_of("lock", "id-1/linger+1"), hold_id{0}) << "nobody uses the lease";
  EXPECT_EQ(happened(), "released; release: released");
}

TEST_F(Lingering, ItEndsSoLongAfterItsGrantAndIsNotRenewed) {
  play(
      "hold linger=2500 | pass 1000 -> nothing | release | pass 1499 -> nothing (a renewal would be due) | "
      "pass 1 -> release id-1/linger | published -> locked lock, unlocked lock | lingering -> 0 | holders -> 0");
}

TEST_F(Lingering, WhoTakesItLateRenewsIt) {
  (void)idle();
  play(
      "later 2499 | acquire linger=2500 | happened -> acquired | sent -> renew id-1/linger | release | "
      "pass 1 -> release id-1/linger (it may still linger for a moment)");
}

TEST_F(Lingering, AfterItsTimeOrWithoutTheOptionALeaseDoesNotLinger) {
  play(
      "hold linger=2500 | pass 2500 | release | serve -> release id-1/linger | hold | release | serve -> release id-2");
}

TEST_F(Lingering, NotWhatIsKeptOrAmendedOrInDoubtOrNotRenewed) {
  play(
      "hold linger=2500 | release keep=100 | serve -> release id-1/linger | pass 1000 | hold linger=2500 | amend | "
      "serve -> amend id-2/linger | release | serve -> release id-2/linger | hold linger=2500 | revoked id-3/linger | "
      "release | serve -> release id-3/linger | hold linger=2500 | clock set | release | "
      "serve -> release id-4/linger | hold linger=2500 unrenewed | release | serve -> release id-5/linger | "
      "fault lost answer | acquire linger=2500 | serve | fault none | pass 1000 | happened | release | "
      "serve -> release id-6/linger, cancel id-6/linger for good");
}

TEST_F(Lingering, NotOneWhoseReleaseIsInDoubt) {
  play("hold linger=2500");
  const auto c = ask(plan());
  play("release in=10 | silence 10 | phase -> in doubt");
  me.cancel(c, now);
  play("release | phase -> releasing");
}

TEST_F(Lingering, NotAnHeirInItsFirstTerm) {
  play("other try | acquire linger=2500 | serve -> enqueue id-1/linger");
  const auto heir = other(op::release).heirs.at(0);
  me.heard(protocol::grant{"lock", heir.id, heir.fence, heir.since}, now);
  play("happened -> acquired | release | serve -> release id-1/linger");
}

TEST_F(Lingering, NotIfSomebodyWaits) {
  auto h = hold(linger());
  play(
      "acquire linger=2500 | release | serve -> release id-1/linger + enqueue id-2/linger (a call of this client) | "
      "happened");
  h = got();
  play("other enqueue | pass 1700 -> renew id-2/linger | happened");
  (void)release(h);
  EXPECT_EQ(serve(), "release id-2/linger") << "the renewal's answer says that another client waits";
}

TEST_F(Lingering, NotIfAReaderOfTheSameClientWaitsOnTheServer) {
  play("hold linger=2500 | share | serve -> enqueue id-2 | release | serve -> release id-1/linger");
}

TEST_F(Lingering, AReaderWhoseAnswerComesLaterEndsIt) {
  play(
      "hold linger=2500 | share | sent -> enqueue id-2 | release | happened -> released; release: released | answer | "
      "serve -> release id-1/linger | happened -> releasing; acquired; released; release: released");
}

TEST_F(Lingering, ATryOfTheSameClientDoesNotEndIt) {
  play(
      "hold linger=2500 | acquire linger=2500 try | sent -> try id-2/linger | release | answer | "
      "happened -> released; release: released; busy | serve -> nothing | lingering -> 1");
}

TEST_F(Lingering, WhoWantsSomethingElseEndsIt) {
  (void)idle();
  play(
      "acquire linger=2500 ttl=7000 | "
      "serve -> release id-1/linger, enqueue id-2/linger (another TTL does not go in one command) | happened | "
      "release | acquire | serve -> release id-2/linger, enqueue id-3 | happened | release | serve | happened");
  (void)idle();
  play("share | serve -> release id-4/linger, enqueue id-5");
}

TEST_F(Lingering, AnotherExclusiveCallEndsItInOneCommand) {
  (void)idle();
  play(
      "acquire linger=2000 | serve -> release id-1/linger + enqueue id-2/linger | "
      "happened -> releasing; released; release: released; acquired");
}

// --- recalls --------------------------------------------------------------------------------------------------------

TEST_F(Lingering, AFirstWaiterRecallsAtMostOnceASecond) {
  play(
      "other try lock theirs/linger | acquire | serve -> enqueue id-1 | told -> other client: theirs/linger | "
      "inbox opened | serve -> heartbeat id-1 | told -> nothing | later 1000 | inbox opened | "
      "serve -> heartbeat id-1 | told -> other client: theirs/linger");
}

TEST_F(Lingering, NoRecallFromFurtherBackAndNoneToAnOrdinaryHolder) {
  play(
      "other try lock theirs/linger | other enqueue lock second | acquire | serve -> enqueue id-1 | "
      "other try another theirs | acquire another | serve -> enqueue id-2 | told -> nothing");
}

TEST_F(Lingering, ATryWaitsForASecond) {
  play(
      "other try lock theirs/linger | acquire try | serve -> try id-1 | told -> other client: theirs/linger | "
      "happened -> nothing | pass 10 -> try id-1 | other release lock theirs/linger | pass 20 -> try id-1 | "
      "happened -> acquired | other try second theirs/linger | acquire second try | "
      "pass 1000 -> try id-2, try id-2, try id-2, try id-2, try id-2, try id-2, try id-2 | happened -> busy");
}

TEST_F(Lingering, ARecallEndsItAndTheNextOneDoesNotLinger) {
  (void)idle();
  play(
      "recall id-1/linger | serve -> release id-1/linger | hold linger=2500 | release | serve -> release id-2/linger | "
      "pass 25000 | happened | hold linger=2500 | release | serve -> nothing | lingering -> 1");
}

TEST_F(Lingering, WhatIsInUseGoesAfterItsUse) {
  (void)idle();
  play(
      "acquire linger=2500 | happened | recall id-1/linger | serve -> nothing | held -> yes | release | "
      "serve -> release id-1/linger");
}

TEST_F(Lingering, ARecallOfSomethingElseIsIgnored) {
  (void)idle();
  play("recall id-0/linger");
  me.heard(protocol::recall{"another", "id-1/linger"}, now);
  EXPECT_EQ(serve(), "");
}

TEST_F(Lingering, TheInboxIsWanted) {
  play("wants inbox -> no | hold linger=2500 | wants inbox -> yes");
}

// --- its end --------------------------------------------------------------------------------------------------------

TEST_F(Lingering, InDoubtItIsReleasedAtOnce) {
  (void)idle();
  play("revoked id-1/linger | serve -> release id-1/linger");
  (void)idle();
  play("clock set | serve -> release id-2/linger");
}

TEST_F(Lingering, ARenewalThatWasUnderWayDoesNotEndIt) {
  play(
      "hold linger=2500 | look 1667 | sent -> renew id-1/linger | release | answer | pass 832 -> nothing | "
      "lingering -> 1 | pass 1 -> release id-1/linger");
}

TEST_F(Lingering, ARenewalThatSaysThatItIsGoneEndsIt) {
  play(
      "hold linger=2500 | look 1667 | sent -> renew id-1/linger | release | gone | answer | look | lingering -> 0 | "
      "serve -> release id-1/linger, cancel id-1/linger");
}

TEST_F(Lingering, ItEndsInTimeAlsoIfItsRenewalCannotBeSent) {
  play("hold linger=2500 | later 1667");
  me.look(now);  // a renewal is due
  play("release | lingering -> 1 | no renewal | look 832 | lingering -> 1");
  EXPECT_LE(me.next(), now + 1);
  play("look 1 | serve -> release id-1/linger");
}

TEST_F(Lingering, CloseReleasesIt) {
  (void)idle();
  play("close | serve -> release id-1/linger");
}

TEST_F(Lingering, AThousandAtMost) {
  for (int i = 0; i <= 1000; ++i) {
    (void)release(hold(linger(2500, "lock " + std::to_string(i))));
    (void)happened();
  }
  play("lingering -> 1000 | serve -> release id-1/linger (that was used longest ago)");
}

TEST_F(Lingering, WithLocalTurnsTheNextCallGoesOn) {
  play(
      "hold linger=2500 turns=3 | acquire linger=2500 turns=3 | release | "
      "happened -> released; release: released; acquired | release | happened -> released; release: released | "
      "lingering -> 1 | serve -> nothing");
}

}  // namespace
}  // namespace dlock::engine
