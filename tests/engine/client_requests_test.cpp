// What stands in a client's requests, and when they are sent again.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "engine/client.hpp"
#include "engine/driven_client.hpp"

namespace dlock::engine {
namespace {

struct ClientsRequests : driven_test {
  call_id take_off(const std::string& lock = "lock") { return me.revoke(lock, holder(lock), false, true, now); }
  static protocol::acquire_plan observed() {
    auto p = plan();
    p.ask.observed = true;
    return p;
  }
};

TEST_F(ClientsRequests, OnlySomeRequestsHaveAShortForm) {
  using protocol::form;
  auto p = plan();
  const auto h = hold(p);
  play("amend | sent -> amend id-1");
  EXPECT_EQ(last_request().how, form::whole);
  play("answer | clock set | sent -> renew id-1");
  EXPECT_EQ(last_request().how, form::whole);
  EXPECT_EQ(last_request().client, "me");
  EXPECT_EQ(last_request().floor, me.find(h)->token);
  play("answer | share | serve | cancel | sent -> cancel id-2");
  EXPECT_EQ(last_request().how, form::whole);
}

TEST_F(ClientsRequests, ALockThatNobodyElseUsesIsTakenAndReleasedInTheExpressForm) {
  using protocol::form;
  for (const bool exclusive : {true, false}) {
    auto p = plan(exclusive ? "exclusive" : "shared");
    if (!exclusive) {
      p.ask.what = {.exclusive = false, .weight = 1};
      p.ask.cap = 10;
    }
    std::string forms;
    for (int i = 0; i < 3; ++i) {
      (void)me.acquire(p, false, now);
      (void)sent();
      forms += "wbe"[static_cast<std::size_t>(last_request().how)];
      play("answer | happened");
      (void)release(last<acquire_ended>().got);
      (void)sent();
      forms += "wbe"[static_cast<std::size_t>(last_request().how)];
      EXPECT_FALSE(last_request().early) << "nobody has asked for that";
      play("answer | happened");
    }
    EXPECT_EQ(forms, exclusive ? "wbeeee" : "wwbeee");
  }
}

TEST_F(ClientsRequests, WhoIsNotAloneAnyMoreReleasesInFull) {
  using protocol::form;
  auto p = plan();
  p.ask.what = {.exclusive = false, .weight = 1};
  p.ask.cap = 10;
  (void)release(hold(p));
  (void)serve();
  for (const std::int64_t queue : {0, 1}) {
    const auto h = hold(p);
    play("clock set | sent");
    EXPECT_EQ(last_request().how, form::express);
    auto renewed = server.carry_out(last_request(), now);
    renewed.queue = queue;
    renewed.calm = queue == 0;
    answer_all(renewed);
    (void)release(h);
    (void)sent();
    EXPECT_EQ(last_request().how, queue == 0 ? form::express : form::whole);
    answer_all();
  }
}

TEST_F(ClientsRequests, WhatIsRepeatedIsRepeatedInFull) {
  using protocol::form;
  (void)release(hold());
  play("serve | fault lost answer | acquire | sent -> enqueue id-2");
  EXPECT_EQ(last_request().how, form::express);
  play("answer | fault none | look 1000 | sent -> enqueue id-2");
  EXPECT_EQ(last_request().how, form::whole) << "its answer could not tell a repetition from the first";
}

TEST_F(ClientsRequests, AnAnswerCountsOnce) {
  play("acquire | read | sent -> look, enqueue id-1");
  auto again = on_their_way;
  play("answer | happened -> answered; acquired");
  on_their_way.swap(again);
  play("answer | happened -> nothing");
}

TEST_F(ClientsRequests, ACancelKeepsNothing) {
  play("hold | gone | release keep=10000 | sent -> release id-1");
  EXPECT_EQ(last_request().keep, 10'000);
  play("answer | sent -> cancel id-1");
  EXPECT_EQ(last_request().keep, 0);
}

TEST_F(ClientsRequests, ATombstoneIsFor30Seconds) {
  play("acquire | sent -> enqueue id-1 | close | sent -> cancel id-1 for good");
  EXPECT_EQ(last_request().tomb, 30'000);
}

TEST_F(ClientsRequests, WithObservedExpiryWhatWasKeptForLongEnoughIsNotKept) {
  for (const ms keep : {1, 399, 400}) {
    const auto h = hold(observed());
    (void)announced();
    now = me.find(h)->heard + 400;
    (void)release(h, keep);
    ASSERT_EQ(sent(), "release id-" + std::to_string(ids));
    EXPECT_EQ(last_request().keep, 0);
    answer_all();
    EXPECT_EQ(announced(), "unlocked lock, ") << keep;
  }
}

TEST_F(ClientsRequests, OneMillisecondIsKept) {
  for (const auto& p : {plan("lock"), observed()}) {
    (void)release(hold(p), 1);
    play("serve | holders -> 1 | published -> locked lock (it is not free) | gone");
  }
}

TEST_F(ClientsRequests, WhatWasHeldForThatLongIsNotKept) {
  for (const ms keep : {500, 501}) {
    const auto h = hold(plan(std::to_string(keep)));
    (void)announced();
    now = me.find(h)->begin + 500;
    (void)release(h, keep);
    (void)serve();
    EXPECT_EQ(holders(std::to_string(keep)), keep == 500 ? 0U : 1U);
    EXPECT_EQ(announced(), keep == 500 ? "unlocked 500, " : "");
  }
}

TEST_F(ClientsRequests, WhatIsPublishedHasItsTimes) {
  const auto published = [&] {
    now += 100;
    const auto batch = me.next_publication(now);
    me.published(true, false, now);
    return batch ? batch->at(0) : std::nullopt;
  };
  last_hold = hold();
  const auto token = me.find(last_hold)->token;
  const ms since = tiny_server::epoch + 1000;
  protocol::announcement locked{"lock", true, token, "somebody", since};
  locked.waited = 0;
  EXPECT_EQ(published(), locked);
  now = 1000 + 700;
  play("drop | serve");
  protocol::announcement unlocked{"lock", false, token, "somebody", since + 700};
  unlocked.held = 700;
  EXPECT_EQ(published(), unlocked);
}

TEST_F(ClientsRequests, AnAnswerToARenewalDuringTheReleaseSaysNothing) {
  play(
      "hold | clock set | sent -> renew id-1 | release | sent -> release id-1 | answer | "
      "happened -> releasing; released; release: released");
}

// --- again ----------------------------------------------------------------------------------------------------------

TEST_F(ClientsRequests, AfterAnAnswerTheNextFailureIsToldAgain) {
  play("other try | acquire");
  for (int n = 0; n < 2; ++n) {
    play("fault unreachable | pass 5000");
    EXPECT_EQ(happened(), "no answer yet") << n;
    play("fault none | pass 5000 | happened -> nothing");
  }
  play("other release | pass 5000");
  EXPECT_TRUE(happened().starts_with("acquired"));
  EXPECT_EQ(last<acquire_ended>().failure.why, "");
}

TEST_F(ClientsRequests, TakingOffHasPausesAndATimeOfItsOwn) {
  play("other try | fault unreachable");
  (void)take_off();
  play("pass 9000 | fault lost request");
  while (!sent().empty()) answer_all();
  server.what = fault::none;
  while (on_their_way.empty()) {
    now = me.next();
    me.look(now);
    ASSERT_NE(sent(), "cancel other for good");
  }
  play("answer | fault unreachable | serve -> cancel other for good");
  const ms begun = now;
  for (const ms pause : {50, 100, 200, 400, 500, 500}) {
    EXPECT_EQ(pass(pause - 1), "");
    EXPECT_EQ(pass(1), "cancel other for good") << "after " << pause;
  }
  (void)pass(begun + 9500 - now);
  play("happened -> nothing | pass 500 | happened -> failed, in doubt");
}

TEST_F(ClientsRequests, WhatIsNoTokenIsNotPublishedWhenItIsTakenOff) {
  (void)other(op::try_);
  auto h = holder();
  h.fence = -1;  // somebody edited it, when it was looked at
  (void)me.revoke("lock", h, false, true, now);
  play("serve -> revoke other, cancel other for good | published -> nothing");
}

TEST_F(ClientsRequests, WhoHasNoChannelTellsNobodyOfARevocation) {
  driven silent({.id = "me", .who = "somebody", .has_channel = false});
  (void)silent.other(op::try_);
  (void)silent.me.revoke("lock", silent.holder(), false, false, silent.now);
  EXPECT_EQ(silent.serve(), "revoke other");
  EXPECT_EQ(silent.told(), "");
  silent.end();
}

TEST_F(ClientsRequests, ARevocationAsksForWhatItIsTold) {
  driven d({.id = "me", .who = "somebody", .skew = 700});
  (void)d.me.revoke("lock", {.id = "x"}, true, false, d.now);
  ASSERT_EQ(d.sent(), "revoke x");
  const auto r = d.last_request();
  EXPECT_EQ(r.lock, "lock");
  EXPECT_EQ(r.who, "somebody");
  EXPECT_EQ(r.skew, 700);
  EXPECT_TRUE(r.observed);
  d.end();
}

/// The queue counts its commands, two for each lock, until they return. A renewal is none of them.
TEST_F(ClientsRequests, TheAnswerToARenewalMakesNoRoomForOthers) {
  play("share | sent -> enqueue id-1 | share | sent -> enqueue id-2");
  auto hang = std::exchange(on_their_way, {});
  play(
      "hold another | share | sent -> nothing (two are on their way) | clock set | serve -> renew id-3 | "
      "sent -> nothing (still)");
  on_their_way.swap(hang);
  play("answer | sent -> enqueue id-4");
}

}  // namespace
}  // namespace dlock::engine
