// Observers of elections.
#include "engine/driven_client.hpp"

namespace dlock::engine {
namespace {

constexpr ms kPeriod = 5000;

struct Observers : driven_test {
  call_id observe(const std::string& election = "lock") { return me.observe(election, kPeriod, now); }
  /// Somebody else becomes the leader.
  void elect(const std::string& value) {
    auto r = others(op::try_, "lock", "leader " + value);
    r.value = value;
    (void)server.carry_out(r, now);
  }
  void resign(const std::string& value) { (void)server.carry_out(others(op::release, "lock", "leader " + value), now); }
  void event(bool locked, const std::string& lock = "lock") { me.heard(protocol::announcement{lock, locked}, now); }
  /// What the observer is told, now.
  std::string told() {
    (void)serve();
    const auto out = happened();
    me.leader_told(last<leader_changed>().observer, true, now);
    return out;
  }
};

TEST_F(Observers, AreToldOfTheLeaderAndOfEachChange) {
  elect("a");
  const auto o = observe();
  EXPECT_EQ(told(), "leader: a");
  EXPECT_EQ(last<leader_changed>().observer, o);
  EXPECT_EQ(last<leader_changed>().leader->who, "another");
  EXPECT_EQ(pass(kPeriod), "look");
  EXPECT_EQ(happened(), "") << "it is the same";
  resign("a");
  elect("b");
  EXPECT_EQ(pass(kPeriod), "look");
  EXPECT_EQ(told(), "leader: b");
}

TEST_F(Observers, AreForgottenWhenTheyStop) {
  const auto o = observe();
  EXPECT_EQ(told(), "leader: -");
  EXPECT_EQ(me.size(), 1U);
  me.stop_observing(o);
  EXPECT_EQ(me.size(), 0U);
}

TEST_F(Observers, ReadWhenAnEventNamesTheElection) {
  (void)observe();
  ASSERT_EQ(told(), "leader: -");
  event(true, "another");
  EXPECT_EQ(sent(), "");
  elect("a");
  event(true);
  EXPECT_EQ(told(), "leader: a");
  resign("a");
  event(false);
  EXPECT_EQ(told(), "leader: -");
}

TEST_F(Observers, ReadWhenEventsMayHaveBeenMissed) {
  (void)observe();
  ASSERT_EQ(told(), "leader: -");
  elect("a");
  me.missed_events(now);
  EXPECT_EQ(told(), "leader: a");
  resign("a");
  me.closed(part::events);
  EXPECT_EQ(sent(), "");
  me.opened(part::events, now);
  EXPECT_EQ(told(), "leader: -");
}

TEST_F(Observers, WantEvents) {
  EXPECT_FALSE(me.wants(part::events));
  const auto one = observe(), two = observe();
  EXPECT_TRUE(me.wants(part::events));
  me.stop_observing(one);
  EXPECT_TRUE(me.wants(part::events));
  me.stop_observing(two);
  EXPECT_FALSE(me.wants(part::events));
}

TEST_F(Observers, AreNotToldWhatThePreviousCallDoesNotKnowYet) {
  elect("a");
  const auto o = observe();
  play("serve | happened -> leader: a");
  resign("a");
  event(false);
  EXPECT_EQ(pass(3 * kPeriod), "") << "its callback has not returned";
  me.leader_told(o, true, now);
  EXPECT_EQ(told(), "leader: -");
}

TEST_F(Observers, AreToldLaterIfThereIsNoThread) {
  elect("a");
  const auto o = observe();
  play("serve | happened -> leader: a");
  me.leader_told(o, false, now);
  EXPECT_EQ(pass(kPeriod), "look");
  EXPECT_EQ(told(), "leader: a");
}

TEST_F(Observers, OfAServerThatDoesNotAnswerAreNotTold) {
  elect("a");
  (void)observe();
  ASSERT_EQ(told(), "leader: a");
  server.what = fault::unreachable;
  (void)pass(kPeriod + 10'000);
  EXPECT_EQ(happened(), "no leader seen");
  EXPECT_EQ(last<trouble>().lock, "lock");
  EXPECT_EQ(last<trouble>().why, "a fault");
  server.what = fault::none;
  resign("a");
  (void)pass(1000);
  EXPECT_EQ(told(), "leader: -");
}

TEST_F(Observers, ThatEndedAreNotTold) {
  const auto reading = observe();
  ASSERT_EQ(sent(), "look");
  me.stop_observing(reading);
  play("answer | happened -> nothing");
  const auto telling = observe();
  play("serve | happened -> leader: -");
  me.stop_observing(telling);
  me.leader_told(telling, true, now);
  EXPECT_EQ(pass(3 * kPeriod), "");
}

TEST_F(Observers, EndWithTheClient) {
  (void)observe();
  ASSERT_EQ(told(), "leader: -");
  (void)observe();
  play("sent -> look | close | answer");
  (void)observe();
  elect("a");
  event(true);
  EXPECT_EQ(pass(3 * kPeriod), "");
  EXPECT_EQ(happened(), "");
}

}  // namespace
}  // namespace dlock::engine
