// What time brings a client, and when.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/client.hpp"
#include "engine/driven_client.hpp"

namespace dlock::engine {
namespace {

struct ClientsTime : driven_test {};

TEST_F(ClientsTime, TimersFireBeforeAnyCall) {
  const std::map<std::string, std::function<void(driven&)>> calls{
      {"acquire", [](driven& d) { (void)d.acquire("another"); }},
      {"cancel", [](driven& d) { d.me.cancel(12345, d.now); }},
      {"release", [](driven& d) { (void)d.release(12345); }},
      {"drop", [](driven& d) { d.me.drop(12345, d.now); }},
      {"amend", [](driven& d) { (void)d.me.amend(12345, {}, "new", d.now); }},
      {"revoke", [](driven& d) { (void)d.me.revoke("another", {}, false, false, d.now); }},
      {"ask", [](driven& d) { (void)d.me.ask(others(op::peek, "another"), {}, d.now); }},
      {"read", [](driven& d) { (void)d.me.read({.id = "another"}, d.now); }},
      {"observe", [](driven& d) { (void)d.me.observe("another", 1000, d.now); }},
      {"leader_told", [](driven& d) { d.me.leader_told(12345, true, d.now); }},
      {"missed_events", [](driven& d) { d.me.missed_events(d.now); }},
      {"close", [](driven& d) { d.me.close(d.now); }},
      {"next_request", [](driven& d) { EXPECT_FALSE(d.me.next_request(d.now)); }},
      {"next_renewal", [](driven& d) { EXPECT_FALSE(d.me.next_renewal(d.now)); }},
      {"grant",
       [](driven& d) {
         d.me.heard(protocol::grant{"another", "x", 1, 1}, d.now);
       }},
      {"revocation",
       [](driven& d) {
         d.me.heard(protocol::revocation{"another", "x", "y"}, d.now);
       }},
      {"release of mongo-dlock", [](driven& d) { d.heard_release("another"); }},
      {"inbox", [](driven& d) { d.me.opened(part::inbox, d.now); }},
      {"clock", [](driven& d) { d.me.clock_was_set(d.now); }}};
  for (const auto& [name, call] : calls) {
    driven d;
    (void)d.me.ask(others(op::peek), d.now + 100, d.now);
    d.now += 100;
    call(d);
    EXPECT_TRUE(d.happened().starts_with("failed")) << name;
    d.end();
  }
}

TEST_F(ClientsTime, AnAnswerCountsBeforeATimerOfTheSameTime) {
  for (const bool reads : {false, true}) {
    driven d;
    (void)(reads ? d.me.read({.id = "lock"}, d.now) : d.me.ask(others(op::peek), d.now + 1000, d.now));
    ASSERT_NE(d.sent(), "");
    (void)d.me.ask(others(op::peek), d.now + 100, d.now);
    d.now += 100;
    d.answer_all();
    EXPECT_EQ(d.happened(), "answered; failed");
    d.end();
  }
}

/// Without a channel, so that no publication is due.
struct ClientsAlarm : ::testing::Test, driven {
  ClientsAlarm() : driven({.id = "me", .who = "somebody", .has_channel = false}) {}
  void TearDown() override { end(); }

  /// Two commands for this lock are on their way, and a third one waits for them.
  void wait_for_two(const std::string& lock) {
    for (int n = 0; n < 2; ++n) {
      (void)acquire_shared(lock);
      ASSERT_NE(sent(), "");
    }
    (void)acquire_shared(lock);
    ASSERT_EQ(sent(), "");
  }
};

TEST_F(ClientsAlarm, AHoldIsLookedAtWhenItWantsTheInboxOrARenewal) {
  (void)hold();
  EXPECT_EQ(me.next(), 1000 + 250) << "it wants the inbox then";
  play("pass 250 | wants inbox -> yes");
  EXPECT_EQ(me.next(), 1000 + 1666);
  (void)hold(plan("another"));
  EXPECT_EQ(me.next(), 1000 + 1666) << "whoever has the inbox needs no look for that";
  (void)pass(1416);
  EXPECT_EQ(me.next(), 1250 + 1666);
}

TEST_F(ClientsAlarm, AHoldThatLooksForAnotherReasonWantsTheInboxInItsTimeStill) {
  play("hold | later 100 | clock set | serve -> renew id-1");
  EXPECT_EQ(me.next(), 1000 + 250);
  EXPECT_FALSE(me.wants(part::inbox));
}

TEST_F(ClientsAlarm, AfterCloseAHoldIsLookedAtOnlyAtItsEnd) {
  play("hold | pass 300 | close");
  EXPECT_EQ(me.next(), 1000 + 4500);
}

TEST_F(ClientsAlarm, AReleasedOrLostHoldIsNotLookedAt) {
  play("hold | release in=60000");
  EXPECT_EQ(me.next(), now + 60'000);
  (void)serve();
  EXPECT_EQ(me.next(), never);
  me.clock_was_set(now);
  EXPECT_EQ(me.next(), never);
  play("sent -> nothing | hold | gone | clock set | serve -> renew id-2");
  EXPECT_EQ(me.next(), never);
}

TEST_F(ClientsAlarm, ARequestWaitsForTwoCommandsFor100Ms) {
  for (const auto* id : {"enqueue id-1", "enqueue id-2"}) {
    (void)acquire_shared();
    ASSERT_EQ(sent(), id);
  }
  auto hang = std::exchange(on_their_way, {});
  EXPECT_EQ(me.next(), 11'000) << "nobody waits for them but their callers";
  now = 1010;
  const auto c = acquire_shared();
  EXPECT_EQ(me.next(), 1100);
  me.cancel(c, now);
  EXPECT_EQ(me.next(), 11'000);
  play("share | share");
  now = 1100;
  me.look(now);
  EXPECT_EQ(me.next(), 11'000) << "it is due, which no time has to bring";
  play("sent -> enqueue id-4 + enqueue id-5 | share | sent -> enqueue id-6 | share");
  EXPECT_EQ(me.next(), 1200);
  play("fault lost request | answer");
  EXPECT_EQ(me.next(), 1175) << "there is room, and others have their pauses";
  play("sent -> enqueue id-7 | answer");
  on_their_way.swap(hang);
}

TEST_F(ClientsAlarm, EachLockWaitsForTwoCommandsOfItsOwn) {
  wait_for_two("one");
  now += 40;
  wait_for_two("two");
  EXPECT_EQ(me.next(), 1100);
  now = 1100;
  me.look(now);
  EXPECT_EQ(me.next(), 1140);
  EXPECT_EQ(sent(), "enqueue id-3");
}

TEST_F(ClientsAlarm, TheWaitForTwoCommandsEndsWhenOneReturns) {
  wait_for_two("one");
  auto first = std::exchange(on_their_way, {});
  now += 40;
  wait_for_two("two");
  EXPECT_EQ(me.next(), 1100);
  on_their_way.swap(first);
  play("fault lost request | answer | sent -> enqueue id-3");
  EXPECT_EQ(me.next(), 1115) << "the pause of those that were not answered";
  on_their_way.insert(on_their_way.end(), first.begin(), first.end());
}

TEST_F(ClientsTime, ANumberIsGivenOnce) {
  const auto h = hold();
  const call_id first = last<acquire_ended>().call;
  std::vector<call_id> all{first, h};
  for (const bool closed : {false, true}) {
    if (closed) me.close(now);
    for (int n = 0; n < 2; ++n) {
      all.push_back(acquire());
      all.push_back(me.amend(12345, {}, "new", now));
      all.push_back(release(12345));
      all.push_back(me.read({.id = "lock"}, now));
      all.push_back(me.ask(others(op::peek), {}, now));
      all.push_back(me.revoke("lock", {}, false, false, now));
      (void)serve();
    }
  }
  for (std::size_t i = 1; i < all.size(); ++i) EXPECT_GT(all[i], all[i - 1]);
}

TEST_F(ClientsTime, ACallSaysWhenItEndsAtTheLatest) {
  EXPECT_EQ(me.ends_by(12345), never);
  auto p = plan();
  p.deadline = now + 700;
  EXPECT_EQ(me.ends_by(me.acquire(p, false, now)), now + 780) << "the last answer has a moment";
  play("serve | happened");
  EXPECT_EQ(me.ends_by(release(last<acquire_ended>().got, 0, 1234)), now + 1234);
  EXPECT_EQ(me.ends_by(me.read({.id = "lock"}, now)), now + 10'000);
  EXPECT_EQ(me.ends_by(me.ask(others(op::peek), now + 77, now)), now + 77);
  (void)serve();
  const auto waits = acquire();
  EXPECT_EQ(me.ends_by(waits), now + 10'000) << "without a deadline, until there is a contact";
  play("other try | serve");
  EXPECT_EQ(me.ends_by(waits), never);
}

TEST_F(ClientsTime, APublicationIsDueInItsTime) {
  (void)hold();
  EXPECT_EQ(me.next(), 1020);
  now = 1020;
  me.look(now);
  EXPECT_TRUE(me.publication_is_due(now));
  me.cannot_publish(now);
  EXPECT_EQ(me.next(), 1120);
  now = 1120;
  EXPECT_TRUE(me.next_publication(now));
  EXPECT_EQ(me.next(), 1250) << "one at a time";
  me.published(true, false, now);
  EXPECT_EQ(me.next(), 1220);
  now = 1220;
  me.look(now);
  EXPECT_FALSE(me.next_publication(now));
  EXPECT_EQ(me.next(), 1250) << "nothing is left";
  (void)hold(plan("another"));
  me.hurry(now);
  EXPECT_LE(me.next(), now);
  EXPECT_TRUE(me.publication_is_due(now));
}

TEST_F(ClientsTime, SizeCountsAllThatGoesOn) {
  play("hold | size -> 3 (its turn, and its place among the renewals)");
  (void)acquire_shared();  // and what may be heard of it, its request, and the turn of its lock
  EXPECT_EQ(me.size(), 3U + 4U);
  ASSERT_EQ(sent(), "enqueue id-2");
  EXPECT_EQ(me.size(), 3U + 6U) << "two tickets: the client's and the queue's";
  (void)release(last_hold);  // its request goes alone; and what is to be published then
  EXPECT_EQ(me.size(), 9U - 2U + 5U) << "the turn is over, and it is not renewed any more";
  (void)me.read({.id = "lock"}, now);
  EXPECT_EQ(me.size(), 12U + 2U);
  play(
      "sent -> release id-1, look | size -> 13 | answer | "
      "happened -> releasing; acquired; released; release: released; answered | hold another");
  const auto before = me.size();
  me.clock_was_set(now);
  EXPECT_EQ(me.size(), before + 2U) << "a renewal each";
  (void)serve();
  me.drop(last<acquire_ended>().got, now);  // its request, alone, of the background, and what follows; to be published
  EXPECT_EQ(me.size(), before - 3U + 6U);
}

/// The watch of a lock with observed expiry, which a try leaves for the next one.
struct ClientsWatch : driven_test {
  void others_hold(const std::string& lock) {
    auto r = others(op::try_, lock);
    r.observed = true;
    (void)server.carry_out(r, now);
  }
  std::string tried(const std::string& lock) {
    auto p = plan(lock, false);
    p.ask.observed = true;
    (void)me.acquire(p, false, now);
    (void)serve();
    return happened();
  }
};

TEST_F(ClientsWatch, WhatWasNotUsedForLongestIsForgotten) {
  others_hold("lock");
  others_hold("forgotten");
  ASSERT_EQ(tried("lock"), "busy");
  ASSERT_EQ(tried("forgotten"), "busy");
  now += 30'601;
  for (std::size_t i = 0; i < known_locks::most; ++i) {
    (void)tried(std::to_string(i));
    me.drop(last<acquire_ended>().got, now);
    (void)happened();
    if (i == known_locks::most / 2) {
      ASSERT_EQ(tried("lock"), "busy");
    }
  }
  now += 30'601;
  EXPECT_EQ(tried("lock"), "acquired");
  EXPECT_EQ(tried("forgotten"), "busy");
}

TEST_F(ClientsWatch, EndsWithAnAcquisition) {
  for (int n = 0; n < 2; ++n) {
    server.documents["lock"] = std::nullopt;
    others_hold("lock");  // the same entry as before, to all who see it
    EXPECT_EQ(tried("lock"), "busy") << n;
    now += 30'601;
    EXPECT_EQ(tried("lock"), "busy") << n;
    now += 30'601;
    EXPECT_EQ(tried("lock"), "acquired") << n;
    me.drop(last<acquire_ended>().got, now);
    play("happened | serve");
  }
}

}  // namespace
}  // namespace dlock::engine
