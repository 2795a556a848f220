#include "doctor/checks.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "doctor/canary.hpp"
#include "doctor/deployment.hpp"

/// What is right, and what is judged from several facts.
namespace dlock::doctor {
namespace {

TEST(Doctor, NothingIsWrongWithAHealthyDeployment) {
  const auto all = judged(healthy());
  EXPECT_EQ(text_of(all), "");
  std::set<std::string> checks;
  for (const auto& d : all) {
    checks.insert(d.check);
    EXPECT_FALSE(d.what.empty()) << d.check;
    EXPECT_TRUE(d.consequence.empty() && d.command.empty()) << d.check;
  }
  EXPECT_EQ(checks.size(), 18u) << "each says something";
  EXPECT_EQ(all.size(), checks.size());
}

TEST(Doctor, TwoClocksAreCompared) {
  auto f = healthy();
  f.members.resize(2);
  f.members[1].clock_offset = -2s;
  EXPECT_EQ(complaints(judged(f)), (std::map<std::string, severity>{{"clocks", finding}}));
}

TEST(Doctor, ThisClockIsComparedWithWhoeverExecutesCommands) {
  for (const auto state : {member_state::primary, member_state::mongos, member_state::standalone}) {
    auto f = healthy();
    f.members = {member("a:27017", state)};
    f.members[0].clock_offset = -3s;
    const auto all = judged(f);
    EXPECT_EQ(complaints(all)["this-clock"], hint) << to_string(state);
    EXPECT_NE(text_of(all).find("this machine's clock is 3.00 s ahead of that of a:27017"), std::string::npos);
  }
}

TEST(Doctor, ASetWithoutAPrimary) {
  auto f = healthy();
  f.members[0].state = member_state::secondary;
  f.contact = not_done(looked::end::failed, "an election");
  EXPECT_EQ(complaints(judged(f)), (std::map<std::string, severity>{{"members", finding}}));
}

TEST(Doctor, ClocksThatDifferByLessThanCanBeMeasuredAreNoFinding) {
  auto f = healthy();
  f.clock_skew = 0ms;
  f.members[1].clock_offset += 1ms;  // +- 1.4 ms
  EXPECT_EQ(text_of(judged(f)), "");
}

TEST(Doctor, ClocksDoNotMatterWithObservedExpiry) {
  auto f = healthy();
  f.observed = true;
  f.members[1].clock_offset += 30s;
  EXPECT_EQ(text_of(judged(f)), "");
}

TEST(Doctor, AMemberThatIsDownHasNoClock) {
  auto f = healthy();
  f.members[0].clock_offset = f.members[1].clock_offset = 10min;
  f.members[2] = down("c:27017");
  EXPECT_EQ(complaints(judged(f)), (std::map<std::string, severity>{{"members", finding}, {"this-clock", hint}}));
}

TEST(Doctor, WithoutAMajorityNothingIsGranted) {
  auto f = healthy();
  f.members[1] = down("b:27017");
  f.members[2] = down("c:27017");
  f.contact = not_done(looked::end::failed, "no primary: a:27017 (a secondary)");
  f.members[0].state = member_state::secondary;
  const auto all = judged(f);
  EXPECT_EQ(complaints(all), (std::map<std::string, severity>{{"members", finding}, {"majority", finding}}));
  EXPECT_NE(text_of(all).find("there is no primary: no primary: a:27017 (a secondary)"), std::string::npos);
  EXPECT_NE(text_of(all).find("1 of 3 members have the data; a majority needs 2"), std::string::npos);
}

TEST(Doctor, AnArbiterAndAMemberDown) {
  auto f = healthy();
  f.members[1] = down("b:27017");
  f.members[2] = member("c:27017", member_state::arbiter);
  EXPECT_EQ(complaints(judged(f)), (std::map<std::string, severity>{{"members", finding}, {"majority", finding}}));
}

TEST(Doctor, ACollectionThatDoesNotExistYetIsNoFinding) {
  auto f = healthy();
  f.index = {};
  f.index.look = done();
  f.feeds = {};
  f.feeds.contact = f.feeds.look = done();
  f.locks = {};
  EXPECT_EQ(text_of(judged(f)), "");
}

TEST(Doctor, WhatTheUserMayNotSeeIsAHint) {
  auto f = healthy();
  f.surveyed = f.index.look = f.feeds.look = f.login.look = not_done(looked::end::refused, "not authorized");
  for (const auto& [check, level] : complaints(judged(f))) EXPECT_EQ(level, hint) << check;
}

TEST(Canary, ArrivesOrSaysWhyNot) {
  const auto level = [](const flight& f) {
    std::vector<diagnosis> out;
    check_canary(f, out);
    EXPECT_EQ(out.size(), 1u);
    return out.front().level;
  };
  flight f;
  f.acquire = 2ms;
  f.hand_off = 900us;
  EXPECT_EQ(level(f), severity::ok);
  f.hand_off = 1500ms;
  EXPECT_EQ(level(f), finding) << "that was no notice";
  f.hand_off = 900us;
  f.notices = "not authorized";
  EXPECT_EQ(level(f), finding);
  f = {};
  f.failure = "no answer";
  EXPECT_EQ(level(f), finding);
}

}  // namespace
}  // namespace dlock::doctor
