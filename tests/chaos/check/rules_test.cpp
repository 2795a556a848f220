#include <gtest/gtest.h>

#include "lines.hpp"
#include "reader.hpp"
#include "verdict.hpp"

// What single rules say in the cases that chance seldom brings about.
namespace dlock::chaos {
namespace {

constexpr ns at(double seconds) {
  return static_cast<ns>(seconds * 1e9);
}

/// A history, a line for each event. Times are seconds.
class Rules : public testing::Test {
 protected:
  void say(double t, const std::string& who, const char* event, json fields = json::object()) {
    json line{{"t", at(t)}, {"p", who}, {"e", event}};
    line.update(fields);
    all.push_back(line);
  }

  int asks(double t, const std::string& who, const char* lock = "m0", json more = json::object()) {
    json fields{{"c", ++number}, {"op", "acquire"}, {"lock", lock}, {"kind", "mutex"}, {"mode", "x"}, {"ttl", 2000}};
    fields.update(more);
    say(t, who, "call", fields);
    return number;
  }
  void gets(double t, const std::string& who, int call, const char* id, std::int64_t token, double until) {
    say(t, who, "return", {{"c", call}, {"what", "acquired"}, {"id", id}, {"token", token}, {"until", at(until)}});
  }
  void takes(double t, const std::string& who, const char* id, std::int64_t token, double until,
             const char* lock = "m0", json more = json::object()) {
    gets(t + 0.001, who, asks(t, who, lock, more), id, token, until);
  }
  /// A wait with a time-out that ends in vain. Milliseconds.
  void waits(double t, const std::string& who, int timeout, int took, int starved) {
    const int call = asks(t, who, "m0", {{"timeout", timeout}});
    say(t + took / 1e3, who, "return", {{"c", call}, {"what", "timed_out"}, {"took", took}, {"starved", starved}});
  }
  void releases(double t, const std::string& who, const char* id, const char* what = "released") {
    say(t, who, "call", {{"c", ++number}, {"op", "release"}, {"id", id}});
    say(t + 0.001, who, "return", {{"c", number}, {"what", what}});
  }
  void fault(double from, double to, const char* cls, const char* target, json more = json::object()) {
    json fields{{"class", cls}, {"phase", "begin"}, {"target", target}, {"n", ++number}};
    fields.update(more);
    say(from, "harness", "fault", fields);
    say(to, "harness", "fault", {{"class", cls}, {"phase", "end"}, {"target", target}, {"n", number}});
  }
  /// Nothing else of it can be wrong.
  void end(double t, std::vector<std::string> locks = {"m0"}) {
    say(t, "harness", "healed");
    for (const auto& lock : locks) say(t, "harness", "final", {{"lock", lock}, {"ok", true}, {"token", 1'000'000'000}});
  }

  [[nodiscard]] verdict judged() const { return judge(read(all)); }
  [[nodiscard]] bool ok(const char* check) const { return judged()[check].ok(); }

  lines all;
  int number = 0;
};

TEST_F(Rules, BeliefEndsWithItsTime) {
  takes(1, "w1.1", "a", 1000, 3);
  takes(3, "w2.1", "b", 2000, 5);  // not a moment too early
  EXPECT_TRUE(ok("overlap"));
  all[1]["until"] = at(3.5);
  EXPECT_FALSE(ok("overlap"));
  EXPECT_EQ(judged().overlaps["none"], 1);
}

TEST_F(Rules, ACallIsOverByItsTimeOutAndTheTimeForWhichItsThreadGotNoProcessor) {
  waits(1, "w1.1", 500, 600, 0);
  waits(2, "w1.1", 500, 661, 61);
  EXPECT_TRUE(ok("deadlines"));
  waits(3, "w1.1", 500, 661, 60);
  EXPECT_EQ(judged()["deadlines"].broken, 1);
  EXPECT_NE(judged()["deadlines"].examples.front().find("by w1.1 with a time-out of 500 ms took 661 ms"),
            std::string::npos);
}

TEST_F(Rules, ACallOfAProcessThatWasStoppedMeanwhileMayBeLate) {
  waits(1, "w1.1", 500, 900, 0);
  EXPECT_FALSE(ok("deadlines"));
  say(1.2, "harness", "stopped", {{"who", "w1.1"}});
  say(1.3, "harness", "continued", {{"who", "w1.1"}});
  EXPECT_TRUE(ok("deadlines"));
  waits(2, "w1.1", 500, 900, 0);
  waits(2, "w2.1", 500, 900, 0);
  EXPECT_EQ(judged()["deadlines"].broken, 2);
}

TEST_F(Rules, BeliefIsProlongedByHeldAndEndedByLost) {
  takes(1, "w1.1", "a", 1000, 3);
  say(2, "w1.1", "held", {{"id", "a"}, {"until", at(4)}});
  takes(3.5, "w2.1", "b", 2000, 5);
  EXPECT_FALSE(ok("overlap"));
  say(3.4, "w1.1", "lost", {{"id", "a"}});
  EXPECT_TRUE(ok("overlap"));
  say(3.45, "w1.1", "held", {{"id", "a"}, {"until", at(9)}});  // too late: it was told
  EXPECT_TRUE(ok("overlap"));
}

TEST_F(Rules, BeliefCanHaveAGap) {
  takes(1, "w1.1", "a", 1000, 3);
  say(3.5, "w1.1", "held", {{"id", "a"}, {"until", at(4)}});
  takes(3.1, "w2.1", "b", 2000, 3.4);
  EXPECT_TRUE(ok("overlap"));
}

TEST_F(Rules, ReleaseEndsBeliefWhenItIsCalled) {
  takes(1, "w1.1", "a", 1000, 9);
  releases(2, "w1.1", "a");
  takes(2.0005, "w2.1", "b", 2000, 5);
  EXPECT_TRUE(ok("overlap"));
}

TEST_F(Rules, AFreezeExcusesNoBelief) {
  takes(1, "w1.1", "a", 1000, 9);
  say(2, "harness", "frozen", {{"who", "w1.1"}});
  takes(3, "w2.1", "b", 2000, 5);
  say(4, "harness", "thawed", {{"who", "w1.1"}});
  EXPECT_FALSE(ok("overlap"));
}

TEST_F(Rules, AnOperatorsEditLeavesItToTheTokens) {
  takes(1, "w1.1", "a", 1000, 4);
  fault(2, 2.1, "operator-edit", "m0");
  takes(3, "w2.1", "b", 2000, 5);
  EXPECT_TRUE(ok("overlap"));
  EXPECT_EQ(judged().overlaps["operator-edit"], 1);
  const json access{{"lock", "m0"}, {"from", "?"}, {"mode", "x"}, {"ok", true}};
  const auto put = [&](double t, const char* id, int token) {
    auto one = access;
    one.update({{"n", 1}, {"token", token}, {"id", id}});
    say(t, "resource", "put", one);
  };
  put(3.1, "b", 2000);
  EXPECT_TRUE(ok("overlap"));
  put(3.2, "a", 1000);
  EXPECT_FALSE(ok("overlap"));
}

TEST_F(Rules, AnEditOfAnotherLockExcusesNothing) {
  takes(1, "w1.1", "a", 1000, 9);
  takes(1, "w1.1", "other", 1000, 9, "m1");
  fault(2, 2.1, "operator-edit", "m1");
  takes(3, "w2.1", "b", 2000, 5);
  EXPECT_FALSE(ok("overlap"));
}

TEST_F(Rules, AnEditExcusesForNoLongerThanALease) {
  takes(1, "w1.1", "a", 1000, 9);
  fault(2, 2.1, "operator-edit", "m0");
  takes(4.5, "w2.1", "b", 2000, 4.55);
  EXPECT_TRUE(ok("overlap"));
  takes(4.7, "w3.1", "c", 3000, 6);  // by then w1.1 must have been told
  EXPECT_FALSE(ok("overlap"));
}

TEST_F(Rules, AnEditDoesNotExcuseTwoThatGoOnTogether) {
  takes(1, "w1.1", "a", 1000, 4.5);
  fault(2, 2.1, "operator-edit", "m0");
  takes(3, "w2.1", "b", 2000, 9);
  EXPECT_TRUE(ok("overlap"));
  all[1]["until"] = at(4.7);
  EXPECT_FALSE(ok("overlap"));
}

TEST_F(Rules, AnEditBeforeItWasAcquiredExcusesNothing) {
  fault(0.5, 0.6, "operator-edit", "m0");
  takes(1, "w1.1", "a", 1000, 9);
  takes(3, "w2.1", "b", 2000, 5);
  EXPECT_FALSE(ok("overlap"));
}

TEST_F(Rules, AServersClockExcusesOnlyWhatIsJudgedByIt) {
  takes(1, "w1.1", "a", 1000, 9);
  fault(2, 4, "server-clock", "member0", {{"jump_ms", 600}});
  takes(3, "w2.1", "b", 2000, 5);
  EXPECT_TRUE(ok("overlap"));
  auto start = [&](json config) {
    all.insert(all.begin(), json{{"t", 0}, {"p", "harness"}, {"e", "start"}, {"config", std::move(config)}});
  };
  start({{"expiry", "observed"}});
  EXPECT_FALSE(ok("overlap"));
  start({{"expiry", "server_clock"}});
  EXPECT_FALSE(ok("overlap")) << "the last one counts";
  all.erase(all.begin(), all.begin() + 2);
  start({{"options", {{"clock_skew_ms", 600}}}});
  EXPECT_FALSE(ok("overlap")) << "within the skew";
}

TEST_F(Rules, PermitsCountWeights) {
  const json two{{"kind", "semaphore"}, {"mode", "s"}, {"weight", 2}, {"cap", 3}};
  auto one = two;
  one["weight"] = 1;
  takes(1, "w1.1", "a", 1000, 9, "s0", two);
  takes(2, "w2.1", "b", 2000, 9, "s0", one);
  EXPECT_TRUE(ok("permits"));
  takes(3, "w3.1", "c", 3000, 9, "s0", one);
  EXPECT_FALSE(ok("permits"));
  EXPECT_FALSE(ok("overlap"));
  releases(2.5, "w1.1", "a");
  EXPECT_TRUE(ok("permits"));
}

TEST_F(Rules, WhoStaysInsideAfterItsLeaseIsNotCounted) {
  const json all_three{{"kind", "semaphore"}, {"mode", "s"}, {"weight", 3}, {"cap", 3}};
  const auto enter = [&](double t, const char* id, int token) {
    say(t, "resource", "enter", {{"lock", "s0"}, {"weight", 3}, {"token", token}, {"id", id}, {"from", "?"}});
  };
  takes(1, "w1.1", "a", 1000, 3, "s0", all_three);
  enter(1.1, "a", 1000);
  takes(4, "w2.1", "b", 2000, 6, "s0", all_three);
  enter(4.1, "b", 2000);
  EXPECT_TRUE(ok("permits"));
}

TEST_F(Rules, ADowngradedHolderIsAReader) {
  const json writer{{"kind", "shared"}, {"mode", "x"}}, reader{{"kind", "shared"}, {"mode", "s"}, {"weight", 1}};
  takes(1, "w1.1", "a", 1000, 9, "r0", writer);
  say(2, "w1.1", "call", {{"c", ++number}, {"op", "downgrade"}, {"id", "a"}, {"lock", "r0"}, {"kind", "shared"}});
  takes(2.5, "w2.1", "b", 2000, 9, "r0", reader);
  EXPECT_TRUE(ok("readers-writers"));
  all[2]["t"] = at(2.6);
  EXPECT_FALSE(ok("readers-writers"));
  all[2]["t"] = at(2);
  takes(3, "w3.1", "c", 3000, 9, "r0", writer);
  EXPECT_FALSE(ok("readers-writers"));
}

TEST_F(Rules, SeveralAreLostTogether) {
  const int c = ++number;
  const json mutex{{"kind", "mutex"}, {"mode", "x"}};
  auto m0 = mutex, m1 = mutex;
  m0["lock"] = "m0";
  m1["lock"] = "m1";
  say(1, "w1.1", "call", {{"c", c}, {"op", "acquire_all"}, {"locks", {m0, m1}}});
  const auto got = [](const char* lock, const char* id) {
    return json{{"lock", lock}, {"id", id}, {"token", 1000}, {"until", at(9)}};
  };
  say(1.1, "w1.1", "return", {{"c", c}, {"what", "acquired"}, {"got", {got("m0", "a"), got("m1", "b")}}});
  takes(3, "w2.1", "c", 2000, 5, "m1");
  EXPECT_FALSE(ok("overlap"));
  say(2, "w1.1", "lost", {{"id", "a"}});
  EXPECT_TRUE(ok("overlap"));
}

TEST_F(Rules, AQueueIsNotJudgedNearFaultsOfItsOwn) {
  const int first = asks(1, "w1.1");
  say(1.1, "w1.1", "queued", {{"c", first}});
  const int second = asks(2, "w2.1");
  gets(3, "w2.1", second, "b", 1000, 5);
  releases(3.5, "w2.1", "b");
  gets(4, "w1.1", first, "a", 2000, 6);
  EXPECT_FALSE(ok("queue-order"));
  fault(1.5, 1.6, "worker-freeze", "w2.1");
  EXPECT_FALSE(ok("queue-order")) << "what happens to another process costs nobody's place";
  fault(1.5, 1.6, "stepdown", "member1");
  EXPECT_TRUE(ok("queue-order"));
}

TEST_F(Rules, AFrozenProcessIsToldWhenItThaws) {
  takes(1, "w1.1", "a", 1000, 3);
  takes(5, "w2.1", "b", 2000, 7);
  say(6, "w1.1", "lost", {{"id", "a"}});
  EXPECT_FALSE(ok("lost-before-takeover"));
  say(2, "harness", "frozen", {{"who", "w1.1"}});
  say(5.9, "harness", "thawed", {{"who", "w1.1"}});
  EXPECT_TRUE(ok("lost-before-takeover"));
}

TEST_F(Rules, ReleasesWakeTheirHeirs) {
  // each waits while the one before holds, and gets it `gap` after its release
  const auto hand_over = [&](int times, double gap) {
    all.clear();
    for (int i = 0; i < times; ++i) {
      const auto id = std::to_string(i);
      const auto who = "w" + id + ".1";
      const int c = asks(i + 0.2, who);
      say(i + 0.3, who, "queued", {{"c", c}});
      gets(i + 1 + gap, who, c, id.c_str(), 1000 + i, 100);
      releases(i + 2 - 0.001, who, id.c_str());
    }
    return ok("wake-up-gap");
  };
  EXPECT_TRUE(hand_over(20, 0.05));
  EXPECT_FALSE(hand_over(20, 0.1));
  EXPECT_TRUE(hand_over(10, 0.1)) << "too few to tell";
}

TEST_F(Rules, NobodyWaitsInVainAfterAllWasHealed) {
  takes(1, "w1.1", "a", 1000, 3);
  releases(2, "w1.1", "a");
  const int c = asks(2, "w2.1");
  end(10);
  say(28, "w2.1", "return", {{"c", c}, {"what", "cancelled"}});
  EXPECT_FALSE(ok("liveness"));
  all.back()["t"] = at(27);  // until then a dead holder may have been in the way: 3 * 5 s, the skew, a margin
  EXPECT_TRUE(ok("liveness"));
  all.back()["t"] = at(28);
  takes(12, "w3.1", "b", 2000, 14);  // it was not its turn
  releases(13, "w3.1", "b");
  EXPECT_TRUE(ok("liveness"));
}

TEST_F(Rules, NobodyWakesWhileTheLastOneMayStillHold) {
  takes(1, "w1.1", "a", 1000, 3);
  const int c = asks(2, "w2.1");
  say(2.1, "w2.1", "queued", {{"c", c}});
  gets(11.1, "w2.1", c, "b", 2000, 20);  // 3 s, the skew, a margin, and the limit of 6 s
  EXPECT_FALSE(ok("wake-up-gap"));
  all.back()["t"] = at(10.9);
  EXPECT_TRUE(ok("wake-up-gap"));
}

TEST_F(Rules, WhoWasKilledNeedNotReturn) {
  asks(1, "w1.1");
  end(5);
  EXPECT_FALSE(ok("liveness"));
  say(2, "harness", "killed", {{"who", "w1.1"}});
  EXPECT_TRUE(ok("liveness"));
  EXPECT_EQ(judged().counts["unknowns"], 1);
}

TEST_F(Rules, ALockIsAcquiredAfterAllIsHealed) {
  takes(1, "w1.1", "a", 1000, 3);
  say(2, "harness", "final", {{"lock", "m0"}, {"ok", true}, {"token", 2000}});
  say(3, "harness", "healed");
  EXPECT_FALSE(ok("liveness"));
  all.back()["t"] = at(1.5);
  EXPECT_TRUE(ok("liveness"));
}

TEST_F(Rules, TokensMayFallWhenADocumentWentWithTheClock) {
  takes(1, "w1.1", "a", 9000, 3);
  releases(2, "w1.1", "a");
  takes(4, "w2.1", "b", 2000, 7);
  EXPECT_FALSE(ok("tokens-real-time"));
  fault(2.5, 2.6, "server-clock", "member0", {{"jump_ms", -5000}});
  EXPECT_FALSE(ok("tokens-real-time")) << "the document is still there";
  fault(2.7, 2.8, "operator-edit", "m0");
  EXPECT_TRUE(ok("tokens-real-time"));
}

/// Whether these lines of one file can be read.
std::string why_not(const std::vector<std::string>& rows) {
  reader r;
  r.begin_file("w1.1.jsonl");
  try {
    for (std::size_t i = 0; i < rows.size(); ++i) r.take(rows[i], i + 1 == rows.size());
  } catch (const unusable& why) {
    return why.what();
  }
  return "";
}

TEST(Reader, SkipsTheHalfLineOfAKilledProcess) {
  const std::string call =
      R"({"t":1,"p":"w1.1","e":"call","c":1,"op":"acquire","lock":"m0","kind":"mutex","mode":"x"})";
  EXPECT_EQ(why_not({call, R"({"t":2,"p":"w1.1","e":"ret)"}), "");
  EXPECT_EQ(why_not({R"({"t":2,"p":"w1.1","e":"ret)", call}), "w1.1.jsonl:1: is no JSON object");
}

TEST(Reader, SaysWhichLineItCannotUse) {
  EXPECT_EQ(why_not({"", R"({"p":"w1.1","e":"call"})"}), "w1.1.jsonl:2: has no \"t\"");
  EXPECT_EQ(why_not({R"({"t":"soon","p":"w1.1","e":"call"})"}), "w1.1.jsonl:1: \"t\" is no whole number");
  EXPECT_EQ(why_not({R"({"t":1,"p":"w1.1","e":"return","c":5,"what":"busy"})"}),
            "w1.1.jsonl:1: is of a call that was not begun");
}

TEST(Reader, CountsEventsThatItDoesNotKnow) {
  EXPECT_EQ(judge(read({json{{"t", 1}, {"p", "w1.1"}, {"e", "yawned"}}})).ignored.at("yawned"), 1);
}

}  // namespace
}  // namespace dlock::chaos
