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
  static protocol::recall recall(const std::string& id = "id-1/linger") { return {"lock", id}; }
};

TEST_F(Lingering, TheNextCallTakesItAtOnce) {
  const auto h = idle();
  const auto fence = token(h);
  now += 1000;
  const auto c = ask(linger());
  EXPECT_EQ(happened(), "acquired");
  EXPECT_EQ(last<acquire_ended>().call, c);
  EXPECT_EQ(token(got()), fence + 1);
  EXPECT_EQ(sent(), "");
  EXPECT_EQ(me.lingering(), 0U);
  (void)release(got());
  EXPECT_EQ(happened(), "released; release: released") << "and lingers again";
  auto attempt = linger();
  attempt.queue = false;
  (void)ask(attempt);
  EXPECT_EQ(happened(), "acquired");
  EXPECT_EQ(token(got()), fence + 2);
}

TEST_F(Lingering, ItEndsSoLongAfterItsGrantAndIsNotRenewed) {
  const auto h = hold(linger());
  EXPECT_EQ(pass(1000), "");
  (void)release(h);
  EXPECT_EQ(pass(1499), "") << "a renewal would be due";
  EXPECT_EQ(pass(1), "release id-1/linger");
  EXPECT_EQ(announced(), "locked lock, unlocked lock, ");
  EXPECT_EQ(me.lingering(), 0U);
  EXPECT_EQ(holders(), 0U);
}

TEST_F(Lingering, WhoTakesItLateRenewsIt) {
  (void)idle();
  now += 2499;
  (void)ask(linger());
  EXPECT_EQ(happened(), "acquired");
  EXPECT_EQ(sent(), "renew id-1/linger");
  (void)release(got());
  EXPECT_EQ(pass(1), "release id-1/linger") << "it may still linger for a moment";
}

TEST_F(Lingering, AfterItsTimeOrWithoutTheOptionALeaseDoesNotLinger) {
  const auto h = hold(linger());
  (void)pass(2500);
  (void)release(h);
  EXPECT_EQ(serve(), "release id-1/linger");
  const auto other = hold();
  (void)release(other);
  EXPECT_EQ(serve(), "release id-2");
}

TEST_F(Lingering, NotWhatIsKeptOrAmendedOrInDoubtOrNotRenewed) {
  auto h = hold(linger());
  (void)release(h, 100);
  EXPECT_EQ(serve(), "release id-1/linger");
  (void)pass(1000);
  h = hold(linger());
  (void)me.amend(h, {}, "value", now);
  EXPECT_EQ(serve(), "amend id-2/linger");
  (void)release(h);
  EXPECT_EQ(serve(), "release id-2/linger");
  h = hold(linger());
  me.heard(protocol::revocation{"lock", "id-3/linger", "an operator"}, now);
  (void)release(h);
  EXPECT_EQ(serve(), "release id-3/linger");
  h = hold(linger());
  me.clock_was_set(now);
  (void)release(h);
  EXPECT_EQ(serve(), "release id-4/linger");
  auto p = linger();
  p.renews = false;
  h = hold(p);
  (void)release(h);
  EXPECT_EQ(serve(), "release id-5/linger");
  server.what = fault::lost_answer;
  (void)ask(linger());
  (void)serve();
  server.what = fault::none;
  (void)pass(1000);
  (void)happened();
  (void)release(got());
  EXPECT_EQ(serve(), "release id-6/linger, cancel id-6/linger for good");
}

TEST_F(Lingering, NotOneWhoseReleaseIsInDoubt) {
  const auto h = hold(linger());
  const auto c = ask(plan());
  (void)release(h, 0, 10);
  (void)pass_in_silence(10);
  EXPECT_EQ(phase(h), hold_phase::in_doubt);
  me.cancel(c, now);
  (void)release(h);
  EXPECT_EQ(phase(h), hold_phase::releasing);
}

TEST_F(Lingering, NotAnHeirInItsFirstTerm) {
  (void)other(op::try_);
  (void)ask(linger());
  EXPECT_EQ(serve(), "enqueue id-1/linger");
  const auto heir = other(op::release).heirs.at(0);
  me.heard(protocol::grant{"lock", heir.id, heir.fence, heir.since}, now);
  EXPECT_EQ(happened(), "acquired");
  (void)release(got());
  EXPECT_EQ(serve(), "release id-1/linger");
}

TEST_F(Lingering, NotIfSomebodyWaits) {
  auto h = hold(linger());
  (void)ask(linger());
  (void)release(h);
  EXPECT_EQ(serve(), "release id-1/linger + enqueue id-2/linger") << "a call of this client";
  (void)happened();
  h = got();
  (void)other(op::enqueue);
  EXPECT_EQ(pass(1700), "renew id-2/linger");
  (void)happened();
  (void)release(h);
  EXPECT_EQ(serve(), "release id-2/linger") << "the renewal's answer says that another client waits";
}

TEST_F(Lingering, NotIfAReaderOfTheSameClientWaitsOnTheServer) {
  const auto h = hold(linger());
  (void)acquire_shared();
  EXPECT_EQ(serve(), "enqueue id-2");
  (void)release(h);
  EXPECT_EQ(serve(), "release id-1/linger");
}

TEST_F(Lingering, AReaderWhoseAnswerComesLaterEndsIt) {
  const auto h = hold(linger());
  (void)acquire_shared();
  EXPECT_EQ(sent(), "enqueue id-2");
  (void)release(h);
  EXPECT_EQ(happened(), "released; release: released");
  answer_all();
  EXPECT_EQ(serve(), "release id-1/linger");
  EXPECT_EQ(happened(), "releasing; acquired; released; release: released");
}

TEST_F(Lingering, ATryOfTheSameClientDoesNotEndIt) {
  const auto h = hold(linger());
  auto attempt = linger();
  attempt.queue = false;
  (void)ask(attempt);
  EXPECT_EQ(sent(), "try id-2/linger");
  (void)release(h);
  answer_all();
  EXPECT_EQ(happened(), "released; release: released; busy");
  EXPECT_EQ(serve(), "");
  EXPECT_EQ(me.lingering(), 1U);
}

TEST_F(Lingering, WhoWantsSomethingElseEndsIt) {
  (void)idle();
  auto longer = linger();
  longer.ask.delta = 7000;
  (void)ask(longer);
  EXPECT_EQ(serve(), "release id-1/linger, enqueue id-2/linger") << "another TTL does not go in one command";
  (void)happened();
  (void)release(got());
  (void)ask(plan());
  EXPECT_EQ(serve(), "release id-2/linger, enqueue id-3");
  (void)happened();
  (void)release(got());
  (void)serve();
  (void)happened();
  (void)idle();
  (void)acquire_shared();
  EXPECT_EQ(serve(), "release id-4/linger, enqueue id-5");
}

TEST_F(Lingering, AnotherExclusiveCallEndsItInOneCommand) {
  (void)idle();
  auto p = linger();
  p.linger = 2000;
  (void)ask(p);
  EXPECT_EQ(serve(), "release id-1/linger + enqueue id-2/linger");
  EXPECT_EQ(happened(), "releasing; released; release: released; acquired");
}

// --- recalls --------------------------------------------------------------------------------------------------------

TEST_F(Lingering, AFirstWaiterRecallsAtMostOnceASecond) {
  (void)other(op::try_, "lock", "theirs/linger");
  (void)acquire();
  EXPECT_EQ(serve(), "enqueue id-1");
  EXPECT_EQ(told(), "other client: theirs/linger, ");
  me.opened(part::inbox, now);
  EXPECT_EQ(serve(), "heartbeat id-1");
  EXPECT_EQ(told(), "");
  now += 1000;
  me.opened(part::inbox, now);
  EXPECT_EQ(serve(), "heartbeat id-1");
  EXPECT_EQ(told(), "other client: theirs/linger, ");
}

TEST_F(Lingering, NoRecallFromFurtherBackAndNoneToAnOrdinaryHolder) {
  (void)other(op::try_, "lock", "theirs/linger");
  (void)other(op::enqueue, "lock", "second");
  (void)acquire();
  EXPECT_EQ(serve(), "enqueue id-1");
  (void)other(op::try_, "another", "theirs");
  (void)acquire("another");
  EXPECT_EQ(serve(), "enqueue id-2");
  EXPECT_EQ(told(), "");
}

TEST_F(Lingering, ATryWaitsForASecond) {
  (void)other(op::try_, "lock", "theirs/linger");
  (void)me.acquire(plan("lock", false), false, now);
  EXPECT_EQ(serve(), "try id-1");
  EXPECT_EQ(told(), "other client: theirs/linger, ");
  EXPECT_EQ(happened(), "");
  EXPECT_EQ(pass(10), "try id-1");
  (void)other(op::release, "lock", "theirs/linger");
  EXPECT_EQ(pass(20), "try id-1");
  EXPECT_EQ(happened(), "acquired");
  (void)other(op::try_, "second", "theirs/linger");
  (void)me.acquire(plan("second", false), false, now);
  EXPECT_EQ(pass(1000), "try id-2, try id-2, try id-2, try id-2, try id-2, try id-2, try id-2");
  EXPECT_EQ(happened(), "busy");
}

TEST_F(Lingering, ARecallEndsItAndTheNextOneDoesNotLinger) {
  (void)idle();
  me.heard(recall(), now);
  EXPECT_EQ(serve(), "release id-1/linger");
  const auto h = hold(linger());
  (void)release(h);
  EXPECT_EQ(serve(), "release id-2/linger");
  (void)pass(25'000);
  (void)happened();
  (void)hold(linger());
  (void)release(got());
  EXPECT_EQ(serve(), "");
  EXPECT_EQ(me.lingering(), 1U);
}

TEST_F(Lingering, WhatIsInUseGoesAfterItsUse) {
  (void)idle();
  (void)ask(linger());
  (void)happened();
  me.heard(recall(), now);
  EXPECT_EQ(serve(), "");
  EXPECT_TRUE(me.find(got())->held(now));
  (void)release(got());
  EXPECT_EQ(serve(), "release id-1/linger");
}

TEST_F(Lingering, ARecallOfSomethingElseIsIgnored) {
  (void)idle();
  me.heard(recall("id-0/linger"), now);
  me.heard(protocol::recall{"another", "id-1/linger"}, now);
  EXPECT_EQ(serve(), "");
}

TEST_F(Lingering, TheInboxIsWanted) {
  EXPECT_FALSE(me.wants(part::inbox));
  (void)hold(linger());
  EXPECT_TRUE(me.wants(part::inbox));
}

// --- its end --------------------------------------------------------------------------------------------------------

TEST_F(Lingering, InDoubtItIsReleasedAtOnce) {
  (void)idle();
  me.heard(protocol::revocation{"lock", "id-1/linger", "an operator"}, now);
  EXPECT_EQ(serve(), "release id-1/linger");
  (void)idle();
  me.clock_was_set(now);
  EXPECT_EQ(serve(), "release id-2/linger");
}

TEST_F(Lingering, ARenewalThatWasUnderWayDoesNotEndIt) {
  const auto h = hold(linger());
  now += 1667;
  me.look(now);
  EXPECT_EQ(sent(), "renew id-1/linger");
  (void)release(h);
  answer_all();
  EXPECT_EQ(pass(832), "");
  EXPECT_EQ(me.lingering(), 1U);
  EXPECT_EQ(pass(1), "release id-1/linger");
}

TEST_F(Lingering, ARenewalThatSaysThatItIsGoneEndsIt) {
  const auto h = hold(linger());
  now += 1667;
  me.look(now);
  EXPECT_EQ(sent(), "renew id-1/linger");
  (void)release(h);
  server.documents["lock"] = std::nullopt;
  answer_all();
  me.look(now);
  EXPECT_EQ(me.lingering(), 0U);
  EXPECT_EQ(serve(), "release id-1/linger, cancel id-1/linger");
}

TEST_F(Lingering, ItEndsInTimeAlsoIfItsRenewalCannotBeSent) {
  const auto h = hold(linger());
  now += 1667;
  me.look(now);  // a renewal is due
  (void)release(h);
  EXPECT_EQ(me.lingering(), 1U);
  me.cannot_renew(now);
  now += 832;
  me.look(now);
  EXPECT_EQ(me.lingering(), 1U);
  EXPECT_LE(me.next(), now + 1);
  now += 1;
  me.look(now);
  EXPECT_EQ(serve(), "release id-1/linger");
}

TEST_F(Lingering, CloseReleasesIt) {
  (void)idle();
  me.close(now);
  EXPECT_EQ(serve(), "release id-1/linger");
}

TEST_F(Lingering, AThousandAtMost) {
  for (int i = 0; i <= 1000; ++i) {
    (void)release(hold(linger(2500, "lock " + std::to_string(i))));
    (void)happened();
  }
  EXPECT_EQ(me.lingering(), 1000U);
  EXPECT_EQ(serve(), "release id-1/linger") << "that was used longest ago";
}

TEST_F(Lingering, WithLocalTurnsTheNextCallGoesOn) {
  auto p = linger();
  p.local_turns = 3;
  const auto h = hold(p);
  (void)ask(p);
  (void)release(h);
  EXPECT_EQ(happened(), "released; release: released; acquired");
  (void)release(got());
  EXPECT_EQ(happened(), "released; release: released");
  EXPECT_EQ(me.lingering(), 1U);
  EXPECT_EQ(serve(), "");
}

}  // namespace
}  // namespace dlock::engine
