// A lease passes on from one call of a client to the next one, without a command.
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "engine/client_turns.hpp"

namespace dlock::engine {
namespace {

TEST_F(LocalTurns, TheNextCallGoesOnWithTheLease) {
  const auto one = hold(turns());
  const auto two = ask(turns()), three = ask(turns());
  const auto fence = token(one);
  play("release | happened -> released; release: released; acquired");
  EXPECT_EQ(last<acquire_ended>().call, two);
  EXPECT_EQ(phase(one), hold_phase::released);
  EXPECT_TRUE(me.find(got())->held(now));
  EXPECT_EQ(token(got()), fence + 1);
  EXPECT_EQ(me.find(got())->ask.id, "id-1");
  EXPECT_TRUE(me.waits_locally(three));
  EXPECT_TRUE(me.is_served(three, now));
  EXPECT_EQ(sent(), "");
  (void)release(one);
  EXPECT_EQ(happened(), "release: not held");
}

TEST_F(LocalTurns, AfterSoManyItPasses) {
  const auto h = hold(turns());
  for (int i = 0; i < 3; ++i) (void)ask(turns());
  play("release | happened | release | happened -> released; release: released; acquired");
  EXPECT_EQ(token(got()), token(h) + 2);
  play("release | serve -> release id-1 + enqueue id-2 | happened -> releasing; released; release: released; acquired");
  EXPECT_EQ(me.find(got())->turn, 1);
  EXPECT_EQ(announced(), "locked lock, unlocked lock, locked lock, ") << "others hear of the grants only";
}

TEST_F(LocalTurns, NoTokenReachesTheNextOneOfTheServer) {
  const auto fence = token(hold(turns(999)));
  for (int i = 1; i < 999; ++i) {
    play("acquire turns=999 | release | happened");
    EXPECT_EQ(token(got()), fence + i);
  }
  play("acquire turns=999 | release | serve -> release id-1 + enqueue id-2 | happened");
  EXPECT_GE(token(got()), fence + protocol::token_step);
}

TEST_F(LocalTurns, OnlyAMomentAfterAnAnswer) {
  play(
      "hold turns=3 | acquire turns=3 | acquire turns=3 | later 99 | release | "
      "happened -> released; release: released; acquired | later 1 | release | sent -> release id-1 + enqueue id-2");
}

TEST_F(LocalTurns, TheLeaseIsRenewedOverTheTurns) {
  play(
      "hold turns=3 ttl=200 term=200 | acquire turns=3 ttl=200 term=200 | acquire turns=3 ttl=200 term=200 | look 66 | "
      "sent -> renew id-1 | release | happened -> released; release: released; acquired | answer | happened -> held");
  EXPECT_EQ(me.find(got())->machine.valid_until(), now + 180);
  now += 66;
  me.look(now);  // a renewal is due, and not sent yet
  play(
      "release | happened -> released; release: released; acquired (66 ms after the answer to the renewal) | "
      "serve -> renew id-1 | happened -> held");
}

TEST_F(LocalTurns, ALossIsToldToTheOneWhoseTurnItIs) {
  const auto h = hold(turns());
  play(
      "acquire turns=3 | acquire turns=3 | release | happened | gone | pass 2000 -> renew id-1, enqueue id-2 | "
      "happened -> lost: gone; acquired");
  EXPECT_EQ(phase(h), hold_phase::released);
}

TEST_F(LocalTurns, WhatIsKeptCountsFromTheTurn) {
  play("hold turns=3 | acquire turns=3 | later 50 | release | happened | release keep=300 | sent -> release id-1");
  EXPECT_EQ(last_request().keep, 350);
}

TEST_F(LocalTurns, AnEarlyReleaseIsConfirmedByTheTokenOfTheGrant) {
  auto p = turns();
  p.ask.early = true;
  for (int i = 0; i < 2; ++i) {  // then the client knows that nobody else uses the lock
    (void)release(hold(p));
    (void)serve();
    (void)happened();
  }
  const auto h = hold(p);
  (void)ask(p);
  (void)release(h);
  play("happened -> released; release: released; acquired | release | sent -> release id-3");
  EXPECT_TRUE(last_request().early);
  play("answer | unconfirmed -> 1 | pass 1000 -> look | unconfirmed -> 0");
}

// --- what does not pass on ------------------------------------------------------------------------------------------

TEST_F(LocalTurns, OnlyToACallThatWantsTheSame) {
  const auto differs = [&](auto change) {
    auto p = turns();
    change(p);
    play("hold turns=3");
    const auto c = ask(p);
    play("release");
    const bool passed_on = sent().empty();
    play("answer | pass 1000 | happened");
    EXPECT_EQ(last<acquire_ended>().call, c);
    play("release | serve | happened");
    return !passed_on;
  };
  EXPECT_FALSE(differs([](auto&) {}));
  EXPECT_TRUE(differs([](auto& p) { p.ask.delta = 7000; }));
  EXPECT_TRUE(differs([](auto& p) { p.ask.life = 7000; }));
  EXPECT_TRUE(differs([](auto& p) { p.ask.term = 400; }));
  EXPECT_TRUE(differs([](auto& p) { p.ask.skew = 7; }));
  EXPECT_TRUE(differs([](auto& p) { p.ask.value = "a leader's"; }));
  EXPECT_TRUE(differs([](auto& p) { p.ask.who = "somebody else"; }));
  EXPECT_TRUE(differs([](auto& p) { p.ask.what = {.exclusive = false, .weight = 1}; }));
  EXPECT_TRUE(differs([](auto& p) { p.renews = false; }));
  EXPECT_TRUE(differs([](auto& p) { p.wait_period = 400; }));
  EXPECT_TRUE(differs([](auto& p) { p.local_turns = 2; }));
}

TEST_F(LocalTurns, NotOneThatIsNotRenewed) {
  play("hold turns=3 unrenewed | acquire turns=3 | release | sent -> release id-1 + enqueue id-2");
}

TEST_F(LocalTurns, NotOneThatIsKept) {
  play("hold turns=3 | acquire turns=3 | release keep=100 | sent -> release id-1, enqueue id-2");
}

TEST_F(LocalTurns, NotOneThatWasAmended) {
  play("hold turns=3 | acquire turns=3 | amend | serve -> amend id-1 | release | sent -> release id-1 + enqueue id-2");
}

TEST_F(LocalTurns, NotOneThatMayBeRevoked) {
  play("hold turns=3 | acquire turns=3 | revoked id-1 | release | sent -> release id-1 + enqueue id-2");
}

TEST_F(LocalTurns, NotWhenTheClockWasSet) {
  play("hold turns=3 | acquire turns=3 | clock set | release | sent -> release id-1 + enqueue id-2");
}

TEST_F(LocalTurns, NotWhenARenewalGotNoAnswer) {
  play(
      "hold turns=3 ttl=200 term=200 | acquire turns=3 ttl=200 term=200 | fault lost answer | pass 66 -> renew id-1 | "
      "fault none | release | sent -> release id-1 + enqueue id-2");
}

TEST_F(LocalTurns, NotOneWhoseRequestsMayStillArrive) {
  play("fault lost answer | acquire turns=3 | serve | fault none");
  while (happened() != "acquired") (void)pass(10);  // the answer is new
  play("acquire turns=3 | release | sent -> release id-1 + enqueue id-2");
}

TEST_F(LocalTurns, NotOneWhoseReleaseIsInDoubt) {
  play("hold turns=3 | release in=10 | silence 10 | phase -> in doubt | acquire turns=3");
  const auto waits = ask(turns());
  EXPECT_TRUE(me.waits_locally(waits));
  play("release | phase -> releasing");
}

TEST_F(LocalTurns, NothingPassesOnAfterClose) {
  const auto h = hold(turns());
  play("acquire turns=3 | close | happened");
  (void)release(h);
  EXPECT_EQ(sent(), "release id-1");
}

TEST_F(LocalTurns, NotAheadOfACallThatStandsInTheQueue) {
  play("acquire turns=3 | acquire turns=3 try");
  const auto queues = me.next_request(now), tries = me.next_request(now);
  me.answered(tries->ticket, server.apply(tries->all, now), now);
  me.answered(queues->ticket, server.apply(queues->all, now), now);
  EXPECT_EQ(happened(), "acquired");
  play("acquire turns=3 | release | sent -> release id-2");
}

TEST_F(LocalTurns, PlacesAreToldOnceASecond) {
  play("hold turns=3 | acquire turns=3");
  for (int i = 0; i < 2; ++i) (void)ask(turns(), true);
  play("happened -> waits at 1; waits at 2 | release");
  EXPECT_EQ(happened(), "released; release: released; acquired; waits at 0; waits at 1");
  play("release | happened -> released; release: released; acquired");
}

TEST_F(LocalTurns, AReaderAsksTheServer) {
  play(
      "hold turns=3 | acquire turns=3 | release | share | "
      "sent -> enqueue id-2 (it stands behind the entry of both turns)");
}

// --- events ---------------------------------------------------------------------------------------------------------

TEST_F(LocalTurns, SubscribersOfThisClientHearOfEachTurn) {
  me.subscribed(1);
  const auto h = hold(turns());
  const auto fence = token(h);
  const auto said = [&](bool locked) {
    me.heard(protocol::announcement{"lock", locked, token(h), "somebody", tiny_server::epoch}, now);
    return happened();
  };
  (void)ask(turns());
  (void)release(h);
  EXPECT_EQ(happened(), "released; release: released; acquired") << "the event of the grant comes first";
  const auto number = [&](int i) { return std::to_string(fence + i); };
  EXPECT_EQ(said(true), "told of lock " + number(0) + "; told of unlock " + number(0) + "; told of lock " + number(1));
  play("acquire turns=3 | release");
  EXPECT_EQ(happened(),
            "released; release: released; told of unlock " + number(1) + "; told of lock " + number(2) + "; acquired");
  play("release | serve | happened");
  me.heard(protocol::announcement{"lock", false, fence + 2, "somebody", tiny_server::epoch}, now);
  EXPECT_EQ(happened(), "told of unlock " + number(2));
  me.heard_gap(now);
  EXPECT_EQ(happened(), "told of a gap");
  me.subscribed(-1);
}

}  // namespace
}  // namespace dlock::engine
