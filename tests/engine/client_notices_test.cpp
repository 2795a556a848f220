// What a client does when it hears, or may have missed, that there is something to look at.
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "engine/client.hpp"
#include "engine/driven_client.hpp"

namespace dlock::engine {
namespace {

struct ClientsNotices : driven_test {
  /// Stands in the queue behind another client, or mongo-dlock.
  call_id wait(const std::string& lock, bool foreign) {
    if (foreign) {
      foreign_holds(lock);
    } else {
      (void)other(op::try_, lock);
    }
    const auto c = acquire(lock);
    EXPECT_NE(serve(), "");
    EXPECT_EQ(happened(), "");
    return c;
  }
};

TEST_F(ClientsNotices, WhatIsHeardWhileARequestIsOnItsWayIsLookedAtAfterIt) {
  (void)wait("lock", true);
  me.heard_release("lock", now);
  ASSERT_EQ(sent(), "heartbeat id-1");
  EXPECT_TRUE(me.wants_events()) << "it waits still";
  me.heard_release("lock", now);
  EXPECT_EQ(sent(), "") << "one is on its way";
  answer_all();
  EXPECT_EQ(serve(), "heartbeat id-1") << "but it may be older";
  EXPECT_EQ(serve(), "") << "once";
}

TEST_F(ClientsNotices, TwoOfDifferentKindsAreTwoLooks) {
  (void)wait("lock", true);
  me.heard_release({}, now);
  ASSERT_EQ(sent(), "heartbeat id-1");
  me.inbox_opened(true, now);
  me.heard_release("lock", now);
  answer_all();
  EXPECT_EQ(serve(), "heartbeat id-1, heartbeat id-1");
}

TEST_F(ClientsNotices, EachThatWaitsLooks) {
  (void)wait("one", true);
  (void)wait("two", true);
  const auto c = wait("three", false);
  EXPECT_TRUE(me.wants_events());
  me.heard_release("two", now);
  EXPECT_EQ(serve(), "heartbeat id-2");
  me.heard_release({}, now);
  EXPECT_EQ(serve(), "heartbeat id-1, heartbeat id-2") << "of any";
  me.inbox_opened(true, now);
  EXPECT_EQ(serve(), "heartbeat id-1, heartbeat id-2, heartbeat id-3");
  me.cancel(c, now);
  (void)serve();
  me.inbox_opened(true, now);
  EXPECT_EQ(serve(), "heartbeat id-1, heartbeat id-2");
  EXPECT_TRUE(me.wants_events());
}

TEST_F(ClientsNotices, WhoIsGrantedMeanwhileAsksNoMore) {
  (void)wait("lock", false);
  me.inbox_opened(true, now);
  ASSERT_EQ(me.ready(), 1U);
  const auto heir = other(op::release).heirs.at(0);
  me.heard(protocol::grant{"lock", heir.id, heir.fence, heir.since}, now);
  EXPECT_EQ(happened(), "acquired");
  EXPECT_EQ(sent(), "");
  EXPECT_EQ(me.size(), 1U);
  (void)acquire();
  ASSERT_EQ(sent(), "enqueue id-2");
  EXPECT_EQ(last_request().floor, heir.fence) << "it has seen that token, though no answer had it";
}

TEST_F(ClientsNotices, WhoseEntryIsGoneWaitsForMongoDlockAnew) {
  (void)wait("lock", true);
  foreign_holds();  // without anybody who waits
  me.heard_release("lock", now);
  EXPECT_EQ(serve(), "heartbeat id-1, enqueue id-2");
  EXPECT_EQ(happened(), "");
  EXPECT_TRUE(me.wants_events());
  EXPECT_FALSE(me.expects("id-1"));
  EXPECT_TRUE(me.expects("id-2"));
}

TEST_F(ClientsNotices, WhoLeavesIsNotNudged) {
  const auto c = wait("lock", true);
  me.cancel(c, now);
  ASSERT_EQ(sent(), "cancel id-1");
  me.inbox_opened(true, now);
  me.events_opened(true, now);
  EXPECT_EQ(sent(), "");
}

TEST_F(ClientsNotices, WhoIsToldOfGrantsLooksSeldom) {
  me.inbox_opened(true, now);
  (void)wait("lock", false);
  EXPECT_EQ(pass(3936), "");
  EXPECT_EQ(pass(1), "heartbeat id-1");
}

TEST_F(ClientsNotices, ButNotForMongoDlockOfWhichTheInboxSaysNothing) {
  me.inbox_opened(true, now);
  (void)wait("lock", true);
  EXPECT_EQ(pass(50), "heartbeat id-1");
}

TEST_F(ClientsNotices, WhoHearsMongoDlockLooksSeldomToo) {
  me.events_opened(true, now);
  (void)wait("lock", true);
  EXPECT_EQ(pass(3936), "");
  (void)wait("another", false);
  EXPECT_EQ(pass(50), "heartbeat id-1, heartbeat id-2") << "the other one is told by the inbox, which is not open";
}

TEST_F(ClientsNotices, WhatIsClosedSaysNothing) {
  me.events_opened(true, now);
  me.inbox_opened(true, now);
  me.events_opened(false, now);
  me.inbox_opened(false, now);
  for (const bool foreign : {false, true}) {
    const std::string lock = foreign ? "foreign" : "lock";
    (void)wait(lock, foreign);
    EXPECT_NE(pass(50), "");
    EXPECT_EQ(serve(), "");
  }
  me.events_opened(false, now);
  me.inbox_opened(false, now);
  EXPECT_EQ(sent(), "") << "there is nothing that may have been missed";
}

TEST_F(ClientsNotices, WhoListensNoMoreLooksOftenAgain) {
  me.events_opened(true, now);
  me.inbox_opened(true, now);
  (void)wait("old", true);
  me.stop_listening();
  EXPECT_FALSE(me.wants_inbox());
  EXPECT_FALSE(me.expects("id-1"));
  (void)pass(4500);
  EXPECT_TRUE(me.expects("id-1")) << "an answer may name it";
  for (const bool foreign : {false, true}) {
    const std::string lock = foreign ? "foreign" : "lock";
    (void)wait(lock, foreign);
    EXPECT_NE(pass(50).find("id-" + std::to_string(ids)), std::string::npos) << lock;
  }
}

}  // namespace
}  // namespace dlock::engine
