// Who is told of what, by the answers alone; and what everybody is told, in which order.
#include "engine/announcements.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "engine/driven_client.hpp"

namespace dlock::engine {
namespace {

protocol::request asked(protocol::operation op) {
  return {.op = op, .lock = "lock", .id = "x"};
}

/// An answer at the server's time 1000, with heirs (id and client) that hold since `since`.
protocol::reply naming(const std::vector<std::pair<std::string, std::string>>& heirs, ms since) {
  protocol::reply a{.found = true, .now = 1000};
  for (const auto& [id, of] : heirs) a.heirs.push_back(protocol::heir{id, of, 7000, since, since + 5000});
  return a;
}

// --- heirs ----------------------------------------------------------------------------------------------------------

struct Heirs : ::testing::Test {
  announcements all;

  bool tells(const std::string& id, ms since, ms now, protocol::operation op = protocol::operation::release) {
    const auto a = naming({{id, "one"}}, since);
    return all.should_notify(asked(op), a, a.heirs.front(), now);
  }
};

TEST_F(Heirs, WhomThisAnswerAdmittedIsTold) {
  EXPECT_TRUE(tells("a", 1000, 0));
  EXPECT_TRUE(tells("b", 1001, 0)) << "times do not run backwards on the server, though its clock may";
}

TEST_F(Heirs, WhomSomebodyElseAdmittedIsLeftToThemFor100Ms) {
  EXPECT_FALSE(tells("a", 999, 0));
  EXPECT_FALSE(tells("a", 901, 0));
  EXPECT_TRUE(tells("a", 900, 0));
}

TEST_F(Heirs, ACancelTellsWhomItSees) {
  EXPECT_TRUE(tells("a", 990, 0, protocol::operation::cancel));
}

TEST_F(Heirs, NobodyIsToldTwiceWithinASecond) {
  EXPECT_TRUE(tells("a", 1000, 5000));
  EXPECT_FALSE(tells("a", 800, 5000));
  EXPECT_FALSE(tells("a", 990, 5999, protocol::operation::cancel));
  EXPECT_TRUE(tells("b", 1000, 5999)) << "that is for each";
  EXPECT_TRUE(tells("a", 800, 6000));
  EXPECT_FALSE(tells("a", 800, 6999)) << "counted from the last time";
}

TEST_F(Heirs, WhomItLeavesToOthersCountsAsNotTold) {
  EXPECT_FALSE(tells("a", 950, 0));
  EXPECT_TRUE(tells("a", 800, 1));
}

TEST_F(Heirs, OfAThousandItForgetsOnlyThoseWhoMayBeToldAgain) {
  for (int i = 0; i < 999; ++i) ASSERT_TRUE(tells(std::to_string(i), 1000, 0));
  ASSERT_TRUE(tells("late", 1000, 500));
  ASSERT_TRUE(tells("one more", 1000, 1000));
  EXPECT_FALSE(tells("late", 800, 1001));
  EXPECT_TRUE(tells("0", 800, 1001));
}

// --- the order of what is published ---------------------------------------------------------------------------------

struct Published : ::testing::Test {
  announcements all;

  static protocol::announcement of(std::int64_t token, bool locked, const std::string& lock = "lock") {
    return {.lock = lock, .locked = locked, .token = token};
  }
  void will_free(const std::string& id, std::int64_t token, bool exclusive = true, const std::string& lock = "lock") {
    all.will_free(id, of(token, false, lock), exclusive);
  }
  /// "-1 -2 +3": two releases, and a grant.
  std::string granted(std::int64_t token, bool exclusive = true, const std::string& lock = "lock") {
    std::string out;
    for (const auto& a : all.granted(of(token, true, lock), exclusive)) {
      out += (out.empty() ? "" : " ") + std::string(a.locked ? "+" : "-") + std::to_string(a.token);
    }
    return out;
  }
};

TEST_F(Published, AReleaseIsPublishedOnceWhenItHasFreedTheLock) {
  will_free("a", 1);
  EXPECT_EQ(all.to_free(), 1U);
  const auto free = all.freed("a");
  ASSERT_TRUE(free);
  EXPECT_EQ(*free, of(1, false));
  EXPECT_FALSE(all.freed("a"));
  EXPECT_EQ(all.to_free(), 0U);
}

TEST_F(Published, AReleaseThatHasNotFreedTheLockIsNotPublished) {
  will_free("a", 1);
  all.not_freed("a");
  EXPECT_FALSE(all.freed("a"));
  EXPECT_EQ(granted(2), "+2");
  EXPECT_EQ(all.to_free(), 0U);
}

TEST_F(Published, AReleaseThatALaterGrantProvesComesBeforeIt) {
  will_free("a", 1);
  EXPECT_EQ(granted(2), "-1 +2");
  EXPECT_FALSE(all.freed("a")) << "once";
}

TEST_F(Published, AGrantDoesNotTellOfALeaseThatWasLostBefore) {
  auto lost = of(1, false);
  lost.lost = true;
  all.will_free("a", std::move(lost), true);
  EXPECT_EQ(granted(2), "+2") << "others may have had the lock since";
  EXPECT_EQ(all.to_free(), 0U);
}

TEST_F(Published, SeveralComeInTheOrderOfTheirTokens) {
  will_free("a", 30, false);
  will_free("b", 10, false);
  will_free("c", 20, false);
  EXPECT_EQ(granted(40), "-10 -20 -30 +40");
  EXPECT_EQ(all.to_free(), 0U);
}

TEST_F(Published, ASharedGrantProvesNoReleaseOfASharedHolder) {
  will_free("shared", 1, false);
  EXPECT_EQ(granted(2, false), "+2");
  will_free("exclusive", 3, true);
  EXPECT_EQ(granted(4, false), "-3 +4") << "it was alone";
  EXPECT_EQ(granted(5, true), "-1 +5");
}

TEST_F(Published, ALaterReleaseOrAnotherLocksIsNotProved) {
  will_free("later", 9);
  will_free("the same", 5);
  will_free("elsewhere", 1, true, "another");
  EXPECT_EQ(granted(5), "+5");
  EXPECT_EQ(all.to_free(), 3U);
  EXPECT_EQ(granted(5, true, "another"), "-1 +5");
}

// --- the same of a client -------------------------------------------------------------------------------------------

struct ClientsHeirs : driven_test {
  /// Stands in the queue behind another client.
  call_id wait() {
    (void)other(protocol::operation::try_);
    const auto c = acquire();
    EXPECT_EQ(serve(), "enqueue id-1");
    EXPECT_EQ(happened(), "");
    return c;
  }
  /// Somebody asks for something else, and the answer names them. Its request is of another client's acquisition.
  void answer_naming(const std::vector<std::pair<std::string, std::string>>& heirs) {
    auto r = naming(heirs, tiny_server::epoch + now);
    r.now = tiny_server::epoch + now;
    for (auto& h : r.heirs) h.fence = (tiny_server::epoch + now + 1000) * protocol::token_step;
    (void)me.ask(asked(protocol::operation::release), {}, now);
    ASSERT_EQ(sent(), "release x");
    answer_all(r);
  }
};

TEST_F(ClientsHeirs, SeveralAtOnceAreAllTold) {
  (void)wait();
  answer_naming({{"a", "one"}, {"id-1", "me"}, {"b", "two"}, {"c", "one"}});
  play("told -> one: a, two: b, one: c | happened -> acquired; answered (its own needs no notice)");
}

TEST_F(ClientsHeirs, WhoGaveUpIsNotTold) {
  last_call = wait();
  play("cancel | sent -> cancel id-1 | expects id-1 -> no");
  auto cancel = std::exchange(on_their_way, {});
  answer_naming({{"id-1", "me"}});
  EXPECT_EQ(happened(), "answered");
  on_their_way.swap(cancel);
}

TEST_F(ClientsHeirs, AGrantOfAnotherLockIsNotBelieved) {
  (void)other(protocol::operation::try_, "another");
  play("acquire another | serve -> enqueue id-1");
  answer_naming({{"id-1", "me"}});
  EXPECT_EQ(happened(), "answered");
  EXPECT_EQ(me.expects("id-1"), 1U) << "it goes on";
}

TEST_F(ClientsHeirs, WhomAnAnswerNamesThatNoMajorityHasIsNotTold) {
  (void)wait();
  (void)me.ask(asked(protocol::operation::release), {}, now);
  ASSERT_EQ(sent(), "release x");
  answer a;
  a.what = answer::kind::no_answer;  // as after a write concern error, whose reply has heirs nonetheless
  a.in_doubt = true;
  a.reply = naming({{"a", "one"}, {"id-1", "me"}}, tiny_server::epoch + now);
  for (auto& o : std::exchange(on_their_way, {})) me.answered(o.ticket, std::vector(o.all.size(), a), now);
  play("told -> nothing | expects id-1 -> yes (it waits on)");
}

TEST_F(ClientsHeirs, WithoutAChannelNobodyIsTold) {
  driven silent({.id = "me", .who = "somebody", .has_channel = false});
  (void)silent.me.ask(asked(protocol::operation::release), {}, silent.now);
  ASSERT_EQ(silent.sent(), "release x");
  silent.answer_all(naming({{"a", "one"}}, 1000));
  EXPECT_EQ(silent.told(), "");
  const auto h = silent.hold();
  (void)silent.me.release(h, 0, 1000, silent.now);
  (void)silent.serve();
  EXPECT_EQ(silent.announced(), "");
  silent.end();
}

TEST_F(ClientsHeirs, AReleaseOnItsWayIsPublishedBeforeTheGrantThatProvesIt) {
  play(
      "hold | published -> locked lock | share | serve -> enqueue id-2 | release in=10000 | "
      "sent -> release id-1");
  const auto late = server.carry_out(last_request(), now);
  const auto& heir = late.heirs.at(0);
  me.heard(protocol::grant{"lock", heir.id, heir.fence, heir.since}, now);
  play("happened -> releasing; acquired | published -> unlocked lock, locked lock");
  answer_all(late);
  play("happened -> released; release: released | published -> nothing (once)");
}

TEST_F(ClientsHeirs, AReleaseThatIsAnsweredIsPublishedBeforeItsOwnHeirsGrant) {
  play(
      "hold | published -> locked lock | share | serve -> enqueue id-2 | release in=10000 | "
      "serve -> release id-1 | happened -> releasing; acquired; released; release: released | "
      "published -> unlocked lock, locked lock");
}

TEST_F(ClientsHeirs, WhatIsDroppedIsPublishedAsFree) {
  play("hold | published -> locked lock | drop | serve -> release id-1 | published -> unlocked lock");
}

}  // namespace
}  // namespace dlock::engine
