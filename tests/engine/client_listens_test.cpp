// The feeds of a client, and whether its notifications work.
#include "engine/driven_client.hpp"

namespace dlock::engine {
namespace {

struct Listening : driven_test {
  /// Whether the feed is open, and what is said of the notifications.
  std::string status() {
    const auto s = me.notifications();
    const char* const names[] = {"idle", "working", "failing: "};
    return names[static_cast<std::size_t>(s.now)] + s.problem;
  }
  static answer no(const std::string& why) {
    answer a;
    a.why = why;
    return a;
  }
  static answer yes() {
    answer a;
    a.what = answer::kind::replied;
    return a;
  }
  void TearDown() override {
    me.stop_listening();
    driven_test::TearDown();
  }
};

TEST_F(Listening, FollowsTheEventsWhileSomebodySubscribes) {
  EXPECT_FALSE(me.wants(part::events));
  me.subscribed(1);
  me.subscribed(1);
  EXPECT_TRUE(me.wants(part::events));
  me.subscribed(-1);
  EXPECT_TRUE(me.wants(part::events));
  me.subscribed(-1);
  play("wants events -> no | wants inbox -> no");
}

TEST_F(Listening, AFeedThatBreaksIsFollowedAgainAfterAPause) {
  me.subscribed(1);
  EXPECT_EQ(me.broke(part::events, "down", now), now + 100);
  EXPECT_EQ(me.broke(part::events, "down", now), now + 200);
  EXPECT_EQ(happened(), "events fails: down");
  EXPECT_EQ(status(), "failing: down");
  EXPECT_FALSE(me.is_open(part::events));
  me.opened(part::events, now);
  EXPECT_EQ(happened(), "events works");
  EXPECT_EQ(status(), "working");
  EXPECT_TRUE(me.is_open(part::events));
  EXPECT_EQ(me.broke(part::events, "down", now), now + 100);
  EXPECT_FALSE(me.is_open(part::events));
  me.closed(part::events);
  EXPECT_EQ(status(), "idle");
}

TEST_F(Listening, WhatIsNotFollowedAnyMoreDoesNotOpen) {
  me.subscribed(1);
  me.subscribed(-1);
  me.closed(part::events);
  me.opened(part::events, now);
  EXPECT_FALSE(me.is_open(part::events));
  EXPECT_EQ(status(), "idle");
}

TEST_F(Listening, OnePartThatFailsIsAProblem) {
  me.subscribed(1);
  me.opened(part::events, now);
  me.report(part::outbox, no("full"));
  EXPECT_EQ(status(), "failing: full");
  me.report(part::outbox, no("still full"));
  EXPECT_EQ(status(), "failing: still full");
  me.report(part::outbox, yes());
  EXPECT_EQ(status(), "working");
  EXPECT_EQ(happened(), "outbox fails: full; outbox works");
}

TEST_F(Listening, AtTheEndNothingIsWantedAndNothingFails) {
  me.subscribed(1);
  play("hold | pass 1000 | wants inbox -> yes");
  (void)me.broke(part::inbox, "down", now);
  me.opened(part::events, now);
  me.close(now);
  me.stop_listening();
  play("wants inbox -> no | wants events -> no");
  EXPECT_EQ(status(), "idle");
  me.opened(part::events, now);
  EXPECT_FALSE(me.is_open(part::events));
}

}  // namespace
}  // namespace dlock::engine
