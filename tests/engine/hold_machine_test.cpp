#include "engine/hold_machine.hpp"

#include <gtest/gtest.h>

#include "engine/steps.hpp"

namespace dlock::engine {
namespace {

using protocol::reply;
using holding = hold_machine;

constexpr ms kLease = 9000;  // from 0: renewed at 3000, over at 8500

/// A hold, in lines of steps that begin with their time if that matters:
///
///   3000 look -> renew | 3400 ours from 3000 -> held | until -> 11500 | next -> 6000 | why -> gone
///
/// look           what is sent then; `due` only asks whether something is, and `send` sends it
/// join           another one of its lock is renewed; `waits` to be sent
/// ours, not ours, no document, revoked       answers to what was sent at the time after `from`
/// unanswered     whether that is told; `not sent`, `notice BY`, `clock set`, `stop renewing`
struct HoldMachine : ::testing::Test {
  holding m = held();

  static holding held(bool renews = true) { return holding(protocol::lease_schedule(0, kLease, kLease, renews, 0)); }
  static std::string show(holding::action a) {
    static constexpr const char* names[] = {"nothing", "ask", "lose"};
    return names[static_cast<std::size_t>(a)];
  }
  std::string sent() { return m.send() == protocol::operation::renew ? "renew" : "peek"; }
  static std::string show(holding::effect e) {
    return e == holding::effect::held ? "held" : e == holding::effect::lost ? "lost" : "too late";
  }
  static std::string show(loss why) {
    static constexpr const char* names[] = {"not renewed", "ended", "gone", "revoked"};
    return names[static_cast<std::size_t>(why)];
  }
  static reply answered(const std::string& what) {
    reply r;
    if (what == "no") return r;
    r.found = r.valid = true;
    if (what != "not") r.mine.emplace().revoked = what == "revoked";
    return r;
  }
  void play(const std::string& text) {
    play_steps(text, [&](std::istringstream& words) -> std::string {
      ms now = 0, from = 0;
      if (!(words >> now)) words.clear();
      std::string what, more;
      words >> what;
      if (what == "due") return show(m.look(now));
      if (what == "look") {
        const auto todo = m.look(now);
        return todo == holding::action::ask ? sent() : show(todo);
      }
      if (what == "send") return sent();
      if (what == "join") return m.join(now) ? "yes" : "no";
      if (what == "waits") return m.waits_to_be_sent() ? "yes" : "no";
      if (what == "next") return std::to_string(m.next());
      if (what == "until") return std::to_string(m.valid_until());
      if (what == "why") return show(m.why());
      if (what == "unanswered") return m.unanswered(now) ? "told" : "nothing";
      if (what == "clock") return m.clock_was_set(now), "";
      if (what == "stop") return m.stop_renewing(), "";
      words >> more;
      if (what == "not" && more == "sent") return m.not_sent(now), "";
      if (what == "notice") return m.notice(more, now), "";
      while (more != "from" && words >> more) continue;
      words >> from;
      return show(m.answered(answered(what), from, now));
    });
  }
};

TEST_F(HoldMachine, IsRenewedAfterAThirdAndCountsFromTheSending) {
  play(
      "next -> 3000 | 2999 look -> nothing | 3000 look -> renew | 3000 look -> nothing (it is on its way) | "
      "next -> 8500 (so that the end is told on time) | 3400 ours from 3000 -> held | until -> 11500 | next -> 6000");
}

TEST_F(HoldMachine, WithoutAnAnswerItIsAskedAgainUntilTheEnd) {
  play(
      "3000 look -> renew | 3500 unanswered -> told | next -> 3950 | 3950 look -> renew | 4000 unanswered -> nothing | "
      "4450 look -> renew | 4500 not sent | until -> 8500 | 8499 look -> renew | 8500 look -> lose | "
      "why -> not renewed");
}

TEST_F(HoldMachine, TroubleThatIsOverIsToldAgain) {
  play(
      "3000 look -> renew | 3000 unanswered -> told | 3450 look -> renew | 3500 ours from 3500 -> held | "
      "6500 look -> renew | 7000 unanswered -> told");
}

TEST_F(HoldMachine, AnAnswerAfterItsEndMakesNothingLonger) {
  play("3000 look -> renew | 8500 ours from 3000 -> too late | until -> 8500 | 8500 look -> lose");
}

TEST_F(HoldMachine, WhomTheServerDoesNotKnowHasLost) {
  for (const std::string answer : {"not ours", "no document", "revoked"}) {
    m = held();
    play("3000 look -> renew | 3100 " + answer + " from 3000 -> lost | why -> gone");
  }
  m = held();
  play("3000 look -> renew | 8500 not ours from 3000 -> lost | why -> not renewed (others may well have it since)");
}

TEST_F(HoldMachine, ANoticeHasTheServerAskedAtOnce) {
  play("100 notice operator | next -> 100 | 100 look -> renew | 110 revoked from 100 -> lost | why -> revoked");
  EXPECT_EQ(m.revoked_by(), "operator");
}

TEST_F(HoldMachine, ANoticeThatIsNotTrueIsForgotten) {
  play(
      "100 notice liar | 100 look -> renew | 110 ours from 100 -> held | 3100 look -> renew | "
      "3110 not ours from 3100 -> lost | why -> gone");
}

TEST_F(HoldMachine, ANoticeWhileARenewalIsOnItsWayIsFollowedByAnother) {
  play(
      "3000 look -> renew | 3010 notice operator | 3010 look -> nothing | 3020 ours from 3000 -> held | "
      "next -> 3010 (the answer may be older than the notice) | 3020 look -> renew | "
      "3030 revoked from 3020 -> lost | why -> revoked");
}

TEST_F(HoldMachine, WithoutAutorefreshItEndsAndIsOnlyPeekedAt) {
  m = held(false);
  play(
      "next -> 8500 | 1000 clock set | 1000 look -> peek | 1010 ours from 1000 -> held | until -> 8500 | "
      "next -> 8500 | 8500 look -> lose | why -> ended");
}

TEST_F(HoldMachine, APeekThatDoesNotFindItIsRepeatedOnce) {
  m = held(false);
  play(
      "1000 clock set | 1000 look -> peek | 1010 not ours from 1000 -> held (it may be from before the grant) | "
      "next -> 1110 | 1110 look -> peek | 1120 not ours from 1110 -> lost | why -> gone");
}

TEST_F(HoldMachine, AfterANoticeItLooksTenTimes) {
  m = held(false);
  m.notice("an operator", 0);
  int looks = 0;
  for (ms now = 0; m.next() < 8500; now = m.next()) {
    ASSERT_EQ(m.look(now), holding::action::ask);
    ASSERT_EQ(m.send(), protocol::operation::peek);
    ASSERT_NE(m.answered(answered("ours"), now, now), holding::effect::lost);
    ASSERT_LE(++looks, 10);
  }
  EXPECT_EQ(looks, 10);
}

TEST_F(HoldMachine, ALookWithoutAnAnswerIsRepeated) {
  m = held(false);
  play("1000 clock set | 1000 look -> peek | 1500 unanswered | next -> 1600");
}

TEST_F(HoldMachine, RenewingCanBeStopped) {
  play("stop renewing | next -> 8500 | 8500 look -> lose | why -> not renewed");
}

TEST_F(HoldMachine, WhatIsNoLongerRenewedIsOnlyPeekedAt) {
  play(
      "stop renewing | 1000 clock set | 1000 look -> peek | 1010 ours from 1000 -> held | "
      "until -> 8500 (a peek extends nothing) | 2000 notice operator | 2000 look -> peek | "
      "2010 revoked from 2000 -> lost | why -> revoked");
}

TEST_F(HoldMachine, ARenewalThatIsAnsweredAfterTheLastExtendsNothing) {
  play("3000 look -> renew | stop renewing | 3010 ours from 3000 -> held | until -> 8500");
}

TEST_F(HoldMachine, ARenewalThatIsAnsweredAfterTheLastIsStillARenewal) {
  play(
      "3000 look -> renew | stop renewing | 3010 not ours from 3000 -> lost (no election makes it look old) | "
      "why -> gone");
}

TEST_F(HoldMachine, ARequestThatWaitsToBeSentBecomesAPeekAfterTheLast) {
  play(
      "3000 due -> ask | stop renewing | send -> peek | 3010 not ours from 3000 -> held | 3110 look -> peek | "
      "3120 not ours from 3110 -> lost");
}

TEST_F(HoldMachine, JoinsAnotherOneFromHalfTheTimeToItsRenewalOn) {
  play(
      "1499 join -> no | 1500 join -> yes | waits -> yes | next -> 8500 (it is not due by itself any more) | "
      "1500 join -> no (it asks already) | 1500 look -> nothing | 1500 send -> renew | waits -> no | 1501 join -> no | "
      "1600 ours from 1500 -> held | waits -> no | until -> 10000 | next -> 4500");
}

TEST_F(HoldMachine, WaitsToBeSentOnceAgainWhenItAsksAgain) {
  play(
      "waits -> no | 3000 due -> ask | waits -> yes | send -> renew | waits -> no | 3100 not sent | waits -> no | "
      "3550 due -> ask | waits -> yes");
}

TEST_F(HoldMachine, DoesNotJoinAtItsEndOrWithoutRenewals) {
  play("8500 join -> no | 8499 join -> yes");
  m = held(false);
  play("8400 join -> no");
  m = held();
  play("stop renewing | 3000 join -> no");
}

}  // namespace
}  // namespace dlock::engine
