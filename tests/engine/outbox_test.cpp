#include "engine/outbox.hpp"

#include <gtest/gtest.h>

#include <string>

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
};

// --- announcements --------------------------------------------------------------------------------------------------

TEST_F(Outbox, WhatHappensWithin20MsGoesTogether) {
  EXPECT_EQ(box.next(), never);
  EXPECT_EQ(take(1000), "");
  publish(1, 1000);
  publish(2, 1015);
  EXPECT_EQ(box.next(), 1020) << "from the first";
  EXPECT_EQ(take(1019), "");
  EXPECT_EQ(take(1020), "1 2");
}

TEST_F(Outbox, OneBatchAtATime) {
  publish(1, 0);
  ASSERT_EQ(take(20), "1");
  publish(2, 21);
  EXPECT_EQ(box.next(), never);
  EXPECT_EQ(take(1000), "");
  sent(1000);
  EXPECT_EQ(take(1100), "2");
}

TEST_F(Outbox, AfterABatchItLingersFor100Ms) {
  publish(1, 0);
  ASSERT_EQ(take(20), "1");
  sent(30);
  publish(2, 40);
  EXPECT_EQ(box.next(), 130);
  EXPECT_EQ(take(129), "");
  EXPECT_EQ(take(130), "2");
}

TEST_F(Outbox, WithNothingToSendItIsIdleAndLingersBrieflyOnceMore) {
  publish(1, 0);
  ASSERT_EQ(take(20), "1");
  sent(30);
  EXPECT_EQ(take(130), "");
  EXPECT_EQ(box.next(), never);
  publish(2, 500);
  EXPECT_EQ(box.next(), 520);
  EXPECT_EQ(take(520), "2");
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
  publish(1, 0);
  box.postpone(20);
  EXPECT_EQ(box.next(), 120);
  box.postpone(120);
  EXPECT_EQ(box.next(), 320) << "the pauses double";
  EXPECT_EQ(take(320), "1");
}

TEST_F(Outbox, OnlyWhatIsDueIsPostponed) {
  box.postpone(0);
  EXPECT_EQ(box.next(), never) << "there is nothing";
  EXPECT_TRUE(box.is_quiet());
  publish(1, 0);
  ASSERT_EQ(take(20), "1");
  box.postpone(20);
  EXPECT_EQ(box.next(), never) << "one batch at a time";
  sent(30);
  publish(2, 30);
  box.postpone(130);
  EXPECT_EQ(box.next(), 230) << "that was the first pause";
}

TEST_F(Outbox, WhenTheClientEndsItIsNotWaitedFor) {
  publish(1, 0);
  box.hurry(5);
  box.postpone(5);
  EXPECT_EQ(box.next(), never);
  EXPECT_TRUE(box.is_quiet());
  publish(2, 6);
  EXPECT_EQ(take(6), "1 2") << "the next one tries again";
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
  publish(1, 0);
  publish(2, 0);
  ASSERT_EQ(take(20), "1 2");
  publish(3, 30);
  in_doubt(40);
  EXPECT_EQ(box.next(), 140);
  ASSERT_EQ(take(140), "gap 3");
  not_sent(150);
  ASSERT_EQ(take(350), "gap 3") << "what surely was not sent stays";
  in_doubt(360);
  ASSERT_EQ(take(760), "gap") << "one gap for all";
  sent(760);
  EXPECT_EQ(take(860), "");
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
  EXPECT_EQ(box.next(), never);
  EXPECT_TRUE(box.is_quiet());
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
  EXPECT_EQ(box.notices(), 0U) << "those that are being told are not told yet";
  box.told();
  box.tell(granted("a"));
  box.tell(granted("b"));
  EXPECT_EQ(box.notices(), 1U);
  EXPECT_EQ(std::get<protocol::grant>(box.next_notice()->what).id, "a");
}

// --- the end --------------------------------------------------------------------------------------------------------

TEST_F(Outbox, ItIsQuietWhenAllIsToldAndSent) {
  EXPECT_TRUE(box.is_quiet());
  box.tell(granted("a"));
  EXPECT_FALSE(box.is_quiet());
  ASSERT_TRUE(box.next_notice());
  EXPECT_FALSE(box.is_quiet()) << "it is being told";
  box.told();
  EXPECT_TRUE(box.is_quiet());
  publish(1, 0);
  EXPECT_FALSE(box.is_quiet());
  ASSERT_EQ(take(20), "1");
  EXPECT_FALSE(box.is_quiet());
  sent(20);
  EXPECT_EQ(take(120), "");
  EXPECT_TRUE(box.is_quiet());
}

TEST_F(Outbox, WhatCannotBeSentJustNowIsNotWaitedFor) {
  publish(1, 0);
  ASSERT_EQ(take(20), "1");
  not_sent(20);
  EXPECT_TRUE(box.is_quiet());
  box.tell(granted("a"));
  EXPECT_FALSE(box.is_quiet());
  ASSERT_EQ(take(120), "1");
  sent(130);
  ASSERT_TRUE(box.next_notice());
  box.told();
  EXPECT_FALSE(box.is_quiet()) << "it can be sent again, and there may be more";
}

TEST_F(Outbox, WhoHurriesLingersForNothing) {
  for (int i = 1; i <= 501; ++i) publish(i, 1000);
  box.hurry(1001);
  EXPECT_EQ(box.next(), 0);
  EXPECT_EQ(taken(1001), 500U);
  sent(1002);
  EXPECT_FALSE(box.is_quiet());
  EXPECT_EQ(take(1002), "501") << "nor between batches";
  sent(1003);
  EXPECT_TRUE(box.is_quiet());
  EXPECT_EQ(box.next(), never);
  publish(502, 1004);
  EXPECT_EQ(take(1004), "502");
}

TEST_F(Outbox, WhoHurriesWhileABatchIsOnItsWaySendsTheRestAtOnce) {
  publish(1, 0);
  ASSERT_EQ(take(20), "1");
  publish(2, 20);
  box.hurry(21);
  EXPECT_EQ(take(21), "");
  sent(30);
  EXPECT_EQ(take(30), "2");
}

TEST_F(Outbox, WhoHurriesWithNothingToSendIsQuietAtOnce) {
  publish(1, 0);
  ASSERT_EQ(take(20), "1");
  sent(30);
  EXPECT_FALSE(box.is_quiet());
  box.hurry(31);
  EXPECT_TRUE(box.is_quiet());
  EXPECT_EQ(box.next(), never);
}

TEST_F(Outbox, AfterHurryWhatIsNotSentWaitsForTheNext) {
  publish(1, 0);
  box.hurry(0);
  ASSERT_EQ(take(0), "1");
  not_sent(10);
  EXPECT_EQ(box.next(), never);
  EXPECT_TRUE(box.is_quiet());
  publish(2, 20);
  EXPECT_EQ(take(20), "1 2");
}

}  // namespace
}  // namespace dlock::engine
