#include "engine/outbox.hpp"

#include <gtest/gtest.h>

#include <string>

#include "engine/steps.hpp"

namespace dlock::engine {
namespace {

struct Outbox : ::testing::Test {
  outbox box;

  static protocol::announcement announced(std::int64_t token) {
    return {.lock = "lock", .locked = true, .token = token};
  }
  static outbox::notice granted(const std::string& id) {
    return {"somebody", protocol::grant{.lock = "lock", .id = id}};
  }
  void publish(std::int64_t token, ms now) { box.publish(announced(token), now); }
  /// What is to be sent now: "1 2 gap". "": nothing.
  std::string take(ms now) {
    std::string out;
    const auto batch = box.take(now);
    if (!batch) return out;
    EXPECT_FALSE(batch->empty());
    for (const auto& a : *batch) out += (out.empty() ? "" : " ") + (a ? std::to_string(a->token) : "gap");
    return out;
  }
  /// How many are to be sent now.
  std::size_t taken(ms now) {
    const auto batch = box.take(now);
    return batch ? batch->size() : 0;
  }
  void sent(ms now) { box.sent(true, false, now); }
  void not_sent(ms now) { box.sent(false, false, now); }
  void in_doubt(ms now) { box.sent(false, true, now); }

  /// A step begins with its time, if that matters.
  void play(const std::string& text) {
    play_steps(text, [&](std::istringstream& words) -> std::string {
      ms now = 0;
      if (!(words >> now)) words.clear();
      std::string what, more;
      words >> what >> more;
      if (what == "take") return take(now);
      if (what == "taken") return std::to_string(taken(now));
      if (what == "next" && more == "notice") return box.next_notice() ? "yes" : "no";
      if (what == "next") return box.next() == never ? "never" : std::to_string(box.next());
      if (what == "quiet") return box.is_quiet() ? "yes" : "no";
      if (what == "notices") return std::to_string(box.notices());
      if (what == "publish") {
        publish(std::stoll(more), now);
      } else if (what == "sent") {
        sent(now);
      } else if (what == "not") {
        not_sent(now);
      } else if (what == "in") {
        in_doubt(now);
      } else if (what == "postpone") {
        box.postpone(now);
      } else if (what == "hurry") {
        box.hurry(now);
      } else if (what == "tell") {
        box.tell(granted(more));
      } else if (what == "told") {
        box.notice_done();
      } else {
        ADD_FAILURE() << "no step: " << what;
      }
      return "";
    });
  }
};

// --- announcements --------------------------------------------------------------------------------------------------

TEST_F(Outbox, WhatHappensWithin20MsGoesTogether) {
  play(
      "next -> never | 1000 take -> nothing | 1000 publish 1 | 1015 publish 2 | next -> 1020 (from the first) | "
      "1019 take -> nothing | 1020 take -> 1 2");
}

TEST_F(Outbox, OneBatchAtATime) {
  play(
      "0 publish 1 | 20 take -> 1 | 21 publish 2 | next -> never | 1000 take -> nothing | 1000 sent | "
      "1100 take -> 2");
}

TEST_F(Outbox, AfterABatchItLingersFor100Ms) {
  play("0 publish 1 | 20 take -> 1 | 30 sent | 40 publish 2 | next -> 130 | 129 take -> nothing | 130 take -> 2");
}

TEST_F(Outbox, WithNothingToSendItIsIdleAndLingersBrieflyOnceMore) {
  play(
      "0 publish 1 | 20 take -> 1 | 30 sent | 130 take -> nothing | next -> never | 500 publish 2 | "
      "next -> 520 | 520 take -> 2");
}

TEST_F(Outbox, NoMoreThan500GoTogether) {
  for (int i = 0; i < 1001; ++i) publish(i, 0);
  for (const std::size_t n : {500U, 500U, 1U}) {
    const ms due = box.next();
    EXPECT_EQ(taken(due), n);
    sent(due);
    EXPECT_EQ(box.next(), due + 100);
  }
  EXPECT_EQ(take(box.next()), "");
}

TEST_F(Outbox, WhatIsDueAndCannotBeTakenIsDueAgainLater) {
  play("0 publish 1 | 20 postpone | next -> 120 | 120 postpone | next -> 320 (the pauses double) | 320 take -> 1");
}

TEST_F(Outbox, OnlyWhatIsDueIsPostponed) {
  play(
      "0 postpone | next -> never (there is nothing) | quiet -> yes | 0 publish 1 | 20 take -> 1 | 20 postpone | "
      "next -> never (one batch at a time) | 30 sent | 30 publish 2 | 130 postpone | "
      "next -> 230 (that was the first pause)");
}

TEST_F(Outbox, WhenTheClientEndsItIsNotWaitedFor) {
  play(
      "0 publish 1 | 5 hurry | 5 postpone | next -> never | quiet -> yes | 6 publish 2 | "
      "6 take -> 1 2 (the next one tries again)");
}

TEST_F(Outbox, WhatIsNotSentIsSentAgainAfterPausesThatDoubleUpTo3S) {
  publish(1, 0);
  ms now = 20;
  for (const ms pause : {100, 200, 400, 800, 1600, 3000, 3000}) {
    ASSERT_EQ(take(now), "1");
    not_sent(now);
    EXPECT_EQ(box.next(), now + pause);
    now += pause;
  }
  publish(2, now);
  ASSERT_EQ(take(now), "1 2") << "with what came meanwhile";
  sent(now);
  publish(3, now);
  now = box.next();
  ASSERT_EQ(take(now), "3");
  not_sent(now);
  EXPECT_EQ(box.next(), now + 100) << "after one that is sent they begin anew";
}

TEST_F(Outbox, WhatIsInDoubtIsNotSentTwiceAndAGapTakesItsPlace) {
  play(
      "0 publish 1 | 0 publish 2 | 20 take -> 1 2 | 30 publish 3 | 40 in doubt | next -> 140 | "
      "140 take -> gap 3 | 150 not sent | 350 take -> gap 3 (what surely was not sent stays) | 360 in doubt | "
      "760 take -> gap (one gap for all) | 760 sent | 860 take -> nothing");
}

TEST_F(Outbox, OfMoreThan10000OneGapTellsAndTheRestIsDropped) {
  for (int i = 1; i <= 10'007; ++i) publish(i, 0);
  for (int first = 1; first <= 10'000; first += 500) {
    const auto batch = box.take(box.next());
    ASSERT_TRUE(batch);
    ASSERT_EQ(batch->size(), 500U);
    EXPECT_EQ(batch->front().value().token, first);
    EXPECT_EQ(batch->back().value().token, first + 499);
    sent(0);
    if (first == 1) publish(20'000, 0);  // there is room now
  }
  EXPECT_EQ(take(box.next()), "gap 20000");
  sent(0);
  EXPECT_EQ(take(box.next()), "");
}

TEST_F(Outbox, AfterAGapItCanOverflowOnceMore) {
  for (int i = 1; i <= 10'001; ++i) publish(i, 0);
  for (int n = 0; n < 2; ++n) {
    ASSERT_EQ(taken(box.next()), 500U);
    sent(0);
  }
  for (int i = 0; i < 1100; ++i) publish(30'000 + i, 0);
  for (int n = 0; n < 18; ++n) {
    ASSERT_EQ(taken(box.next()), 500U);
    sent(0);
  }
  std::string rest;
  for (int n = 0; n < 3; ++n) {
    rest += take(box.next()) + " ";
    sent(0);
  }
  EXPECT_TRUE(rest.starts_with("gap 30000 30001 ")) << rest.substr(0, 100);
  EXPECT_TRUE(rest.ends_with(" 30998 gap ")) << "the second overflow";
}

TEST_F(Outbox, OfALockThatNobodyMayBeToldOfNothingIsAnnounced) {
  box.publish({.lock = "error", .locked = true, .token = 1}, 0);
  play("next -> never | quiet -> yes");
}

// --- notices --------------------------------------------------------------------------------------------------------

TEST_F(Outbox, NoticesAreToldOneByOneAndInOrder) {
  box.tell(granted("a"));
  box.tell({"another", protocol::revocation{.lock = "lock", .id = "b"}});
  EXPECT_EQ(box.notices(), 2U);
  const auto first = box.next_notice();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->client, "somebody");
  EXPECT_EQ(std::get<protocol::grant>(first->what).id, "a");
  const auto second = box.next_notice();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->client, "another");
  EXPECT_EQ(std::get<protocol::revocation>(second->what).id, "b");
  EXPECT_FALSE(box.next_notice());
  EXPECT_EQ(box.next(), never) << "they wait for no batch";
}

TEST_F(Outbox, MoreThan256NoticesWaitForNobody) {
  for (int i = 0; i < 300; ++i) box.tell(granted(std::to_string(i)));
  EXPECT_EQ(box.notices(), 256U);
  for (int i = 0; i < 256; ++i) ASSERT_TRUE(box.next_notice());
  box.tell(granted("too much"));
  play("notices -> 0 (those that are being told are not told yet) | told | tell a | tell b | notices -> 1");
  EXPECT_EQ(std::get<protocol::grant>(box.next_notice()->what).id, "a");
}

// --- the end --------------------------------------------------------------------------------------------------------

TEST_F(Outbox, ItIsQuietWhenAllIsToldAndSent) {
  play(
      "quiet -> yes | tell a | quiet -> no | next notice -> yes | quiet -> no (it is being told) | told | "
      "quiet -> yes | 0 publish 1 | quiet -> no | 20 take -> 1 | quiet -> no | 20 sent | 120 take -> nothing | "
      "quiet -> yes");
}

TEST_F(Outbox, WhatCannotBeSentJustNowIsNotWaitedFor) {
  play(
      "0 publish 1 | 20 take -> 1 | 20 not sent | quiet -> yes | tell a | quiet -> no | 120 take -> 1 | "
      "130 sent | next notice -> yes | told | quiet -> no (it can be sent again, and there may be more)");
}

TEST_F(Outbox, WhoHurriesLingersForNothing) {
  for (int i = 1; i <= 501; ++i) publish(i, 1000);
  play(
      "1001 hurry | next -> 0 | 1001 taken -> 500 | 1002 sent | quiet -> no | "
      "1002 take -> 501 (nor between batches) | 1003 sent | quiet -> yes | next -> never | 1004 publish 502 | "
      "1004 take -> 502");
}

TEST_F(Outbox, WhoHurriesWhileABatchIsOnItsWaySendsTheRestAtOnce) {
  play("0 publish 1 | 20 take -> 1 | 20 publish 2 | 21 hurry | 21 take -> nothing | 30 sent | 30 take -> 2");
}

TEST_F(Outbox, WhoHurriesWithNothingToSendIsQuietAtOnce) {
  play("0 publish 1 | 20 take -> 1 | 30 sent | quiet -> no | 31 hurry | quiet -> yes | next -> never");
}

TEST_F(Outbox, AfterHurryWhatIsNotSentWaitsForTheNext) {
  play(
      "0 publish 1 | 0 hurry | 0 take -> 1 | 10 not sent | next -> never | quiet -> yes | 20 publish 2 | "
      "20 take -> 1 2");
}

}  // namespace
}  // namespace dlock::engine
