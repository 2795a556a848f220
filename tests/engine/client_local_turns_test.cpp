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
  (void)release(one);
  EXPECT_EQ(happened(), goes_on);
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
  (void)release(h);
  (void)happened();
  (void)release(got());
  EXPECT_EQ(happened(), goes_on);
  EXPECT_EQ(token(got()), token(h) + 2);
  (void)release(got());
  EXPECT_EQ(serve(), passes);
  EXPECT_EQ(happened(), "releasing; released; release: released; acquired");
  EXPECT_EQ(me.find(got())->turn, 1);
  EXPECT_EQ(announced(), "locked lock, unlocked lock, locked lock, ") << "others hear of the grants only";
}

TEST_F(LocalTurns, NoTokenReachesTheNextOneOfTheServer) {
  const auto fence = token(hold(turns(999)));
  for (int i = 1; i < 999; ++i) {
    (void)ask(turns(999));
    (void)release(got());
    (void)happened();
    EXPECT_EQ(token(got()), fence + i);
  }
  (void)ask(turns(999));
  (void)release(got());
  EXPECT_EQ(serve(), passes);
  (void)happened();
  EXPECT_GE(token(got()), fence + protocol::token_step);
}

TEST_F(LocalTurns, OnlyAMomentAfterAnAnswer) {
  const auto h = hold(turns());
  (void)ask(turns());
  (void)ask(turns());
  now += 99;
  (void)release(h);
  EXPECT_EQ(happened(), goes_on);
  now += 1;
  (void)release(got());
  EXPECT_EQ(sent(), passes);
}

TEST_F(LocalTurns, TheLeaseIsRenewedOverTheTurns) {
  auto p = turns();
  p.ask.delta = p.ask.term = 200;
  const auto h = hold(p);
  (void)ask(p);
  (void)ask(p);
  now += 66;
  me.look(now);
  EXPECT_EQ(sent(), "renew id-1");
  (void)release(h);
  EXPECT_EQ(happened(), goes_on);
  answer_all();
  EXPECT_EQ(happened(), "held");
  EXPECT_EQ(me.find(got())->machine.valid_until(), now + 180);
  now += 66;
  me.look(now);  // a renewal is due, and not sent yet
  (void)release(got());
  EXPECT_EQ(happened(), goes_on) << "66 ms after the answer to the renewal";
  EXPECT_EQ(serve(), "renew id-1");
  EXPECT_EQ(happened(), "held");
}

TEST_F(LocalTurns, ALossIsToldToTheOneWhoseTurnItIs) {
  const auto h = hold(turns());
  (void)ask(turns());
  (void)ask(turns());
  (void)release(h);
  (void)happened();
  server.documents["lock"] = std::nullopt;
  EXPECT_EQ(pass(2000), "renew id-1, enqueue id-2");
  EXPECT_EQ(happened(), "lost: gone; acquired");
  EXPECT_EQ(phase(h), hold_phase::released);
}

TEST_F(LocalTurns, WhatIsKeptCountsFromTheTurn) {
  const auto h = hold(turns());
  (void)ask(turns());
  now += 50;
  (void)release(h);
  (void)happened();
  (void)release(got(), 300);
  EXPECT_EQ(sent(), "release id-1");
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
  EXPECT_EQ(happened(), goes_on);
  (void)release(got());
  EXPECT_EQ(sent(), "release id-3");
  EXPECT_TRUE(last_request().early);
  answer_all();
  EXPECT_EQ(me.unconfirmed(), 1U);
  EXPECT_EQ(pass(1000), "look");
  EXPECT_EQ(me.unconfirmed(), 0U);
}

// --- what does not pass on ------------------------------------------------------------------------------------------

TEST_F(LocalTurns, OnlyToACallThatWantsTheSame) {
  const auto differs = [&](auto change) {
    auto p = turns();
    change(p);
    const auto h = hold(turns());
    const auto c = ask(p);
    (void)release(h);
    const bool passed_on = sent().empty();
    answer_all();
    (void)pass(1000);
    (void)happened();
    EXPECT_EQ(last<acquire_ended>().call, c);
    (void)release(got());
    (void)serve();
    (void)happened();
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
  auto p = turns();
  p.renews = false;
  const auto h = hold(p);
  (void)ask(turns());
  (void)release(h);
  EXPECT_EQ(sent(), passes);
}

TEST_F(LocalTurns, NotOneThatIsKept) {
  const auto h = hold(turns());
  (void)ask(turns());
  (void)release(h, 100);
  EXPECT_EQ(sent(), "release id-1, enqueue id-2");
}

TEST_F(LocalTurns, NotOneThatWasAmended) {
  const auto h = hold(turns());
  (void)ask(turns());
  (void)me.amend(h, {}, "value", now);
  EXPECT_EQ(serve(), "amend id-1");
  (void)release(h);
  EXPECT_EQ(sent(), passes);
}

TEST_F(LocalTurns, NotOneThatMayBeRevoked) {
  const auto h = hold(turns());
  (void)ask(turns());
  me.heard(protocol::revocation{"lock", "id-1", "an operator"}, now);
  (void)release(h);
  EXPECT_EQ(sent(), passes);
}

TEST_F(LocalTurns, NotWhenTheClockWasSet) {
  const auto h = hold(turns());
  (void)ask(turns());
  me.clock_was_set(now);
  (void)release(h);
  EXPECT_EQ(sent(), passes);
}

TEST_F(LocalTurns, NotWhenARenewalGotNoAnswer) {
  auto p = turns();
  p.ask.delta = p.ask.term = 200;
  const auto h = hold(p);
  (void)ask(p);
  server.what = fault::lost_answer;
  EXPECT_EQ(pass(66), "renew id-1");
  server.what = fault::none;
  (void)release(h);
  EXPECT_EQ(sent(), passes);
}

TEST_F(LocalTurns, NotOneWhoseRequestsMayStillArrive) {
  server.what = fault::lost_answer;
  (void)ask(turns());
  (void)serve();
  server.what = fault::none;
  while (happened() != "acquired") (void)pass(10);  // the answer is new
  (void)ask(turns());
  (void)release(got());
  EXPECT_EQ(sent(), passes);
}

TEST_F(LocalTurns, NotOneWhoseReleaseIsInDoubt) {
  const auto h = hold(turns());
  (void)release(h, 0, 10);
  (void)pass_in_silence(10);
  EXPECT_EQ(phase(h), hold_phase::in_doubt);
  (void)ask(turns());
  const auto waits = ask(turns());
  EXPECT_TRUE(me.waits_locally(waits));
  (void)release(h);
  EXPECT_EQ(phase(h), hold_phase::releasing);
}

TEST_F(LocalTurns, NothingPassesOnAfterClose) {
  const auto h = hold(turns());
  (void)ask(turns());
  me.close(now);
  (void)happened();
  (void)release(h);
  EXPECT_EQ(sent(), "release id-1");
}

TEST_F(LocalTurns, NotAheadOfACallThatStandsInTheQueue) {
  auto attempt = turns();
  attempt.queue = false;
  (void)ask(turns());
  (void)ask(attempt);
  const auto queues = me.next_request(now), tries = me.next_request(now);
  me.answered(tries->ticket, server.apply(tries->all, now), now);
  me.answered(queues->ticket, server.apply(queues->all, now), now);
  EXPECT_EQ(happened(), "acquired");
  const auto h = got();
  (void)ask(turns());
  (void)release(h);
  EXPECT_EQ(sent(), "release id-2");
}

TEST_F(LocalTurns, PlacesAreToldOnceASecond) {
  const auto h = hold(turns());
  (void)ask(turns());
  for (int i = 0; i < 2; ++i) (void)ask(turns(), true);
  EXPECT_EQ(happened(), "waits at 1; waits at 2");
  (void)release(h);
  EXPECT_EQ(happened(), std::string(goes_on) + "; waits at 0; waits at 1");
  (void)release(got());
  EXPECT_EQ(happened(), goes_on);
}

TEST_F(LocalTurns, AReaderAsksTheServer) {
  const auto h = hold(turns());
  (void)ask(turns());
  (void)release(h);
  (void)acquire_shared();
  EXPECT_EQ(sent(), "enqueue id-2") << "it stands behind the entry of both turns";
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
  EXPECT_EQ(happened(), goes_on) << "the event of the grant comes first";
  const auto number = [&](int i) { return std::to_string(fence + i); };
  EXPECT_EQ(said(true), "told of lock " + number(0) + "; told of unlock " + number(0) + "; told of lock " + number(1));
  (void)ask(turns());
  (void)release(got());
  EXPECT_EQ(happened(),
            "released; release: released; told of unlock " + number(1) + "; told of lock " + number(2) + "; acquired");
  (void)release(got());
  (void)serve();
  (void)happened();
  me.heard(protocol::announcement{"lock", false, fence + 2, "somebody", tiny_server::epoch}, now);
  EXPECT_EQ(happened(), "told of unlock " + number(2));
  me.heard_gap(now);
  EXPECT_EQ(happened(), "told of a gap");
  me.subscribed(-1);
}

}  // namespace
}  // namespace dlock::engine
