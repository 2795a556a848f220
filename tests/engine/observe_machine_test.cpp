#include "engine/observe_machine.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace dlock::engine {
namespace {

constexpr ms kPeriod = 5000, kSkew = 500;
constexpr ms kServer = 1'000'000'000'000;  // its clock, at 0 of ours

using seen = std::vector<protocol::snapshot>;

/// A leader whose lease ends at `until`, on our clock. `now`: when the server says so.
seen leads(const std::string& value, ms until = 60'000, std::int64_t token = 1000, ms now = 0) {
  protocol::snapshot s{.id = "cluster", .now = kServer + now};
  s.what.holders.push_back({.id = "one", .until = kServer + until, .fence = token, .value = value});
  return {s};
}
/// The same with observed expiry: the lease lasts for a second.
seen beats(std::int64_t beat, ms now = 0) {
  auto out = leads("a", -100'000, 1000, now);
  out[0].what.observed = true;
  out[0].what.holders[0].beat = beat;
  out[0].what.holders[0].span = 1000;
  return out;
}
std::string shown(const observe_machine& m) {
  return m.leader() ? m.leader()->value : "-";
}

struct Observing : ::testing::Test {
  observe_machine m{kPeriod, kSkew, 0};

  /// It reads this at that time. What it tells: "nothing", "-" for nobody, or a value.
  std::string reads(const seen& all, ms now) {
    if (!m.look(now)) return "it does not read";
    return sees(all, now);
  }
  std::string sees(const seen& all, ms now) {
    if (!m.seen(all, now)) return "nothing";
    const auto out = shown(m);
    m.told(now);
    return out;
  }
};

TEST_F(Observing, ReadsAtOnceAndThenEachPeriod) {
  EXPECT_EQ(m.next(), 0);
  EXPECT_TRUE(m.look(0));
  EXPECT_FALSE(m.look(0)) << "it is reading";
  EXPECT_EQ(m.next(), never);
  EXPECT_EQ(sees(leads("a"), 100), "a");
  EXPECT_EQ(m.next(), 100 + kPeriod);
  EXPECT_FALSE(m.look(99 + kPeriod));
  EXPECT_EQ(reads(leads("a"), 100 + kPeriod), "nothing");
}

TEST_F(Observing, TellsOfEachChange) {
  ms now = 0;
  const auto next = [&](const seen& all) { return reads(all, now = m.next()); };
  EXPECT_EQ(next({}), "-");
  EXPECT_EQ(next({}), "nothing");
  EXPECT_EQ(next(leads("a", 900'000)), "a");
  EXPECT_EQ(next(leads("b", 900'000)), "b") << "another value";
  EXPECT_EQ(next(leads("b", 900'000, 2000)), "b") << "another leader";
  EXPECT_EQ(next({}), "-");
}

TEST_F(Observing, AnOlderLeaderDoesNotCountForAWhile) {
  EXPECT_EQ(reads(leads("b", 900'000, 2000), 0), "b");
  EXPECT_EQ(reads(leads("a", 900'000, 1000), kPeriod), "nothing");
  EXPECT_EQ(m.next(), kPeriod + 300);
  EXPECT_EQ(reads(leads("b", 900'000, 2000), kPeriod + 300), "nothing");
  EXPECT_EQ(reads(leads("a", 900'000, 1000), 2 * kPeriod + 300), "nothing") << "as of now";
  EXPECT_EQ(reads(leads("a", 900'000, 1000), 2 * kPeriod + 15'299), "nothing");
  EXPECT_EQ(reads(leads("a", 900'000, 1000), 2 * kPeriod + 15'599), "a") << "somebody has deleted the document";
  EXPECT_EQ(reads(leads("c", 900'000, 1500), 3 * kPeriod + 15'599), "c");
}

TEST_F(Observing, WhoIsNotALeader) {
  auto foreign = leads("a");
  foreign[0].what.ct = 1;
  auto no_lock = leads("a");
  no_lock[0].valid = false;
  auto kept = leads("a");
  kept[0].what.holders[0].id += "/kept";
  auto nobody = leads("a");
  nobody[0].what.holders.clear();
  for (const auto& s : {foreign, no_lock, kept, nobody, leads("a", -kSkew)}) EXPECT_EQ(leader_of(s, kSkew), nullptr);
  EXPECT_NE(leader_of(leads("a", 1 - kSkew), kSkew), nullptr) << "others wait so long, too";
  auto observed = beats(1);
  EXPECT_NE(leader_of(observed, kSkew), nullptr) << "there, no clock says when it ends";
}

TEST_F(Observing, ALeaseThatEndsIsReadAgainThen) {
  ASSERT_TRUE(m.look(0));
  EXPECT_EQ(sees(leads("a", 2000), 300), "a") << "counted from when the read began, not from its answer";
  EXPECT_EQ(m.next(), 2000 + kSkew + 1);
  EXPECT_EQ(reads(leads("a", 2000, 1000, 2501), 2501), "-");
}

TEST_F(Observing, AnEndThatIsDueIsNotReadWithoutAPause) {
  ASSERT_TRUE(m.look(0));
  EXPECT_EQ(sees(leads("a", 1 - kSkew), 300), "a");
  EXPECT_EQ(m.next(), 310);
}

TEST_F(Observing, AnyDateMayBeInTheDocument) {
  auto s = leads("a");
  s[0].what.holders[0].until = std::numeric_limits<ms>::max();
  EXPECT_EQ(reads(s, 0), "a");
  EXPECT_EQ(m.next(), kPeriod);
  s[0].now = 0;  // nor did the server tell its time
  EXPECT_EQ(reads(s, kPeriod), "nothing");
  EXPECT_EQ(m.next(), 2 * kPeriod);
  s[0].what.holders[0].until = std::numeric_limits<ms>::min();
  EXPECT_EQ(reads(s, 2 * kPeriod), "-");
}

TEST_F(Observing, WithObservedExpiryABeatThatDoesNotChangeIsOver) {
  EXPECT_EQ(reads(beats(1), 0), "a");
  EXPECT_EQ(m.next(), 1022) << "the span, a fiftieth of it, and two for rounding";
  EXPECT_EQ(reads(beats(2), 1022), "nothing");
  EXPECT_EQ(reads(beats(2), 2044), "-");
  EXPECT_EQ(reads(beats(2), 2044 + kPeriod), "nothing");
  EXPECT_EQ(reads(beats(3), 2044 + 2 * kPeriod), "a") << "it was only slow";
}

TEST_F(Observing, AnEventIsFollowedAtOnce) {
  ASSERT_EQ(reads(leads("a"), 0), "a");
  m.nudge(10);
  EXPECT_EQ(m.next(), 10);
  EXPECT_EQ(reads(leads("b"), 10), "b");
  EXPECT_EQ(m.next(), 10 + kPeriod) << "once";
}

TEST_F(Observing, WhatIsReadWhileAnEventComesMayBeOld) {
  ASSERT_TRUE(m.look(0));
  m.nudge(5);
  EXPECT_EQ(m.next(), never) << "one read at a time";
  EXPECT_EQ(sees(leads("a"), 10), "a");
  EXPECT_EQ(m.next(), 10);
  EXPECT_EQ(reads(leads("b"), 10), "b");
}

TEST_F(Observing, NothingIsReadOrToldWhileTheCallbackRuns) {
  ASSERT_TRUE(m.look(0));
  ASSERT_TRUE(m.seen(leads("a"), 0));
  m.nudge(5);
  EXPECT_FALSE(m.look(100'000));
  EXPECT_EQ(m.next(), never);
  m.told(100'000);
  EXPECT_EQ(reads(leads("a", 900'000), 100'000), "nothing");
}

TEST_F(Observing, WhatCouldNotBeToldIsToldAtTheNextRead) {
  ASSERT_TRUE(m.look(0));
  ASSERT_TRUE(m.seen(leads("a"), 0));
  m.not_told(1);
  EXPECT_EQ(m.next(), kPeriod);
  EXPECT_EQ(reads(leads("a"), kPeriod), "a");
}

TEST_F(Observing, WhatCouldNotBeReadIsReadAgain) {
  ASSERT_EQ(reads(leads("a"), 0), "a");
  ASSERT_TRUE(m.look(kPeriod));
  m.not_seen(kPeriod + 100);
  EXPECT_EQ(m.next(), 2 * kPeriod);
  ASSERT_TRUE(m.look(2 * kPeriod));
  m.not_seen(4 * kPeriod);
  EXPECT_EQ(m.next(), 4 * kPeriod) << "that took longer than a period";
  EXPECT_EQ(reads(leads("a"), 4 * kPeriod), "nothing") << "it is still as it was told";
}

}  // namespace
}  // namespace dlock::engine
