#include "engine/request_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "engine/timers.hpp"

namespace dlock::engine {
namespace {

struct RequestQueue : ::testing::Test {
  request_queue q;
  request_queue::number last = 0;
  std::map<std::string, request_queue::number> numbers;  // of requests, by their ids
  std::map<std::string, request_queue::number> tickets;  // of commands, by what is in them

  static protocol::request shared(const std::string& id, protocol::operation op = protocol::operation::enqueue) {
    protocol::request r;
    r.op = op;
    r.lock = "lock";
    r.id = id;
    r.what = {.exclusive = false, .weight = 1};
    return r;
  }
  void add(const protocol::request& r, ms now = 0) {
    numbers[r.id] = ++last;
    q.add(last, r, now);
  }
  void add(const std::string& id, ms now = 0) { add(shared(id), now); }
  bool withdraw(const std::string& id) { return q.withdraw(numbers.at(id)); }
  /// What goes now as one command: "a b". "": nothing.
  std::string take(ms now = 0) {
    const auto c = q.take(now);
    if (!c) return "";
    std::string out;
    for (const auto& i : c->all) {
      EXPECT_EQ(i.n, numbers.at(i.r.id));
      out += (out.empty() ? "" : " ") + i.r.id;
    }
    tickets[out] = c->ticket;
    return out;
  }
  void back(const std::string& command) { q.returned(tickets.at(command)); }
  /// Two commands are on their way, and do not come back: a, b.
  void be_busy(ms now = 0) {
    for (const auto* id : {"a", "b"}) {
      add(id, now);
      ASSERT_EQ(take(now), id);
    }
  }
  /// When all have returned, nothing is left.
  void expect_nothing_left() {
    for (const auto& [_, ticket] : tickets) q.returned(ticket);
    EXPECT_EQ(take(), "");
    EXPECT_EQ(q.size(), 0U);
    EXPECT_EQ(q.ready(), 0U);
    EXPECT_EQ(q.next(), never);
  }
};

TEST_F(RequestQueue, WhoIsAloneGoesAlone) {
  add("a");
  EXPECT_EQ(q.ready(), 1U);
  EXPECT_EQ(take(), "a");
  EXPECT_EQ(q.ready(), 0U);
  back("a");
  add(shared("b", protocol::operation::release));
  EXPECT_EQ(take(), "b");
  expect_nothing_left();
}

TEST_F(RequestQueue, ThoseWhoComeBeforeATurnIsTakenGoTogether) {
  for (const auto* id : {"a", "b", "c"}) add(id);
  EXPECT_EQ(take(), "a b c");
  EXPECT_EQ(take(), "") << "the second turn finds nobody";
  expect_nothing_left();
}

TEST_F(RequestQueue, ThoseWhoWaitGoTogetherInOneCommand) {
  be_busy();
  for (const auto* id : {"c", "d", "e"}) add(id);
  EXPECT_EQ(q.ready(), 0U) << "two are on their way";
  EXPECT_EQ(take(), "");
  back("a");
  EXPECT_EQ(q.ready(), 1U);
  EXPECT_EQ(take(), "c d e");
  EXPECT_EQ(take(), "");
  expect_nothing_left();
}

TEST_F(RequestQueue, WhoQueuesAloneGoesWithTheOthers) {
  be_busy();
  for (const auto* id : {"c", "d", "e"}) {
    auto r = shared(id);
    r.what = {};
    add(r);
  }
  back("b");
  EXPECT_EQ(take(), "c d e");
  expect_nothing_left();
}

TEST_F(RequestQueue, ReleasesGoWithEnqueues) {
  be_busy();
  add("c");
  add(shared("d", protocol::operation::release));
  back("a");
  EXPECT_EQ(take(), "c d");
  expect_nothing_left();
}

TEST_F(RequestQueue, ACommandThatHangsHoldsUpTheOthersFor100Ms) {
  be_busy(1000);
  EXPECT_EQ(q.next(), never) << "nobody waits";
  add("c", 1040);
  EXPECT_EQ(q.next(), 1100) << "from when the last one set out";
  q.look(1099);
  EXPECT_EQ(take(1099), "");
  q.look(1100);
  EXPECT_EQ(q.ready(), 1U);
  EXPECT_EQ(take(1100), "c") << "after a moment";
  EXPECT_EQ(q.next(), never);
  back("c");
  add("d", 1200);
  EXPECT_EQ(take(1200), "d");
  expect_nothing_left();
}

TEST_F(RequestQueue, OnlyTheLatestCommandIsWaitedFor) {
  add("a", 1000);
  ASSERT_EQ(take(1000), "a");
  add("b", 1050);
  ASSERT_EQ(take(1060), "b");
  add("c", 1070);
  EXPECT_EQ(q.next(), 1160);
  back("a");
  EXPECT_EQ(take(1100), "c");
  expect_nothing_left();
}

TEST_F(RequestQueue, ThoseWhoWaitedForWhatHangsGoTogether) {
  be_busy();
  for (const auto* id : {"c", "d", "e"}) add(id, 50);
  q.look(100);
  EXPECT_EQ(q.ready(), 1U) << "not one by one";
  EXPECT_EQ(take(100), "c d e");
  EXPECT_EQ(take(100), "");
  expect_nothing_left();
}

TEST_F(RequestQueue, WhatHangsIsWaitedForOnceNotByEverybody) {
  be_busy();
  add("c", 10);
  q.look(100);
  ASSERT_EQ(take(100), "c");
  back("c");
  for (const auto* id : {"d", "e", "f"}) {
    add(id, 100);
    EXPECT_EQ(take(100), id) << "time stands still";
    back(id);
  }
  expect_nothing_left();
}

TEST_F(RequestQueue, WhatHungAndCameBackDoesNotCountTwice) {
  be_busy();
  add("c", 10);
  q.look(100);
  ASSERT_EQ(take(100), "c");
  add("d", 100);
  ASSERT_EQ(take(100), "d");
  add("e", 100);
  back("a");
  back("b");
  EXPECT_EQ(take(120), "") << "two are on their way still";
  EXPECT_EQ(q.next(), 200);
  back("c");
  back("c");  // nor does a command that comes back twice
  add("f", 130);
  EXPECT_EQ(take(130), "e f");
  add("g", 130);
  EXPECT_EQ(take(130), "");
  back("e f");
  EXPECT_EQ(take(140), "g");
  expect_nothing_left();
}

TEST_F(RequestQueue, OlderCommandsThatHungDoNotCountEither) {
  be_busy();
  auto elsewhere = shared("x");
  elsewhere.lock = "another";
  for (const auto& r : {shared("c"), shared("d"), elsewhere, shared("e"), shared("f")}) {
    const ms now = r.id < "e" || r.id == "x" ? 100 : 200;
    add(r, now);
    q.look(now);
    ASSERT_EQ(take(now), r.id);
  }
  for (const auto* id : {"a", "b", "c", "d"}) back(id);
  add("g", 200);
  EXPECT_EQ(take(200), "");
  back("e");
  EXPECT_EQ(take(200), "g");
  expect_nothing_left();
}

TEST_F(RequestQueue, AStaleTurnIsNoTurn) {
  add("a", 1000);
  add("b", 1000);
  EXPECT_EQ(q.ready(), 2U);
  EXPECT_EQ(q.next(), 1100) << "nobody takes them";
  q.look(1100);
  add("c", 1150);
  EXPECT_EQ(q.next(), 1200) << "nor the next one";
  EXPECT_EQ(take(1160), "a b c");
  add("d", 1160);
  EXPECT_EQ(take(1160), "d");
  add("e", 1160);
  EXPECT_EQ(take(1160), "") << "the turns from before count no more";
  back("d");
  EXPECT_EQ(take(1170), "e");
  expect_nothing_left();
}

TEST_F(RequestQueue, WhatGoesAloneWaitsForNobody) {
  be_busy();
  auto exclusive = shared("writer", protocol::operation::release);
  exclusive.what = {};
  auto elsewhere = shared("elsewhere");
  elsewhere.lock = "another";
  auto keeps = shared("keeps", protocol::operation::release);
  keeps.keep = 1;
  auto observed = shared("observed");
  observed.observed = true;
  const auto heartbeat = shared("waits", protocol::operation::heartbeat);
  for (const auto& r : {exclusive, elsewhere, keeps, observed, heartbeat}) {
    add(r);
    EXPECT_EQ(q.ready(), 1U);
    EXPECT_EQ(take(), r.id);
  }
  expect_nothing_left();
}

TEST_F(RequestQueue, WhatDoesNotFitGoesAlone) {
  be_busy();
  add("c");
  auto longer = shared("longer");
  longer.delta += 1;
  add(longer);
  add("d");
  back("a");
  EXPECT_EQ(take(), "c");
  EXPECT_EQ(take(), "");
  back("b");
  EXPECT_EQ(take(), "longer") << "none passes it";
  back("c");
  EXPECT_EQ(take(), "d");
  expect_nothing_left();
}

TEST_F(RequestQueue, NoMoreThan64GoTogether) {
  be_busy();
  for (int i = 0; i < 100; ++i) add("x" + std::to_string(i));
  back("a");
  const auto words = [](const std::string& s) { return std::count(s.begin(), s.end(), ' ') + 1; };
  EXPECT_EQ(words(take()), 64);
  EXPECT_EQ(take(), "");
  back("b");
  EXPECT_EQ(words(take()), 36);
  expect_nothing_left();
}

TEST_F(RequestQueue, WhatIsWithdrawnIsNeverSent) {
  be_busy();
  for (const auto* id : {"c", "d", "e"}) add(id);
  EXPECT_TRUE(withdraw("d"));
  EXPECT_FALSE(withdraw("d")) << "once";
  EXPECT_FALSE(withdraw("a")) << "it is on its way";
  back("a");
  EXPECT_EQ(take(), "c e");
  EXPECT_FALSE(withdraw("c"));
  expect_nothing_left();
}

TEST_F(RequestQueue, AWithdrawnRequestIsNotSentEvenIfItHadATurn) {
  add("a");
  add(shared("goes alone", protocol::operation::heartbeat));
  EXPECT_EQ(q.ready(), 2U);
  EXPECT_TRUE(withdraw("a"));
  EXPECT_TRUE(withdraw("goes alone"));
  add(shared("stays", protocol::operation::heartbeat));
  EXPECT_EQ(take(), "stays");
  EXPECT_EQ(take(), "");
  EXPECT_EQ(q.size(), 0U);
  add("b");
  EXPECT_TRUE(withdraw("b"));
  EXPECT_EQ(take(), "");
  EXPECT_EQ(q.size(), 0U);
  add("c");
  EXPECT_EQ(take(), "c");
  expect_nothing_left();
}

TEST_F(RequestQueue, NobodyWaitsWhenTheLastIsWithdrawn) {
  be_busy();
  add("c");
  EXPECT_EQ(q.next(), 100);
  EXPECT_TRUE(withdraw("c"));
  EXPECT_EQ(q.next(), never);
  q.look(1000);
  EXPECT_EQ(take(1000), "");
  expect_nothing_left();
}

TEST_F(RequestQueue, LocksDoNotStandInEachOthersWay) {
  be_busy();
  add("c", 10);
  auto other = shared("x");
  other.lock = "another";
  add(other, 60);
  EXPECT_EQ(take(60), "x");
  q.look(100);
  EXPECT_EQ(take(100), "c");
  expect_nothing_left();
}

/// As many workers as ready() has asked for take all that is due; each request goes once, or never if it was withdrawn.
TEST_F(RequestQueue, AsManyTakersAsAreReadyAreEnough) {
  std::mt19937 chance(1);
  const auto one_of = [&](std::size_t n) { return static_cast<std::size_t>(chance() % n); };
  std::size_t posted = 0;
  std::vector<request_queue::number> away;
  std::set<request_queue::number> waiting, sent;
  ms now = 0;
  const auto look = [&] { posted = std::max(posted, q.ready()); };
  const auto work = [&] {
    --posted;
    if (const auto c = q.take(now)) {
      away.push_back(c->ticket);
      for (const auto& i : c->all) {
        EXPECT_TRUE(sent.insert(i.n).second);
        EXPECT_EQ(waiting.erase(i.n), 1U);
      }
    }
  };
  const auto come_back = [&](std::size_t i) {
    q.returned(away[i]);
    away.erase(away.begin() + static_cast<std::ptrdiff_t>(i));
  };
  for (int step = 0; step < 20'000; ++step) {
    now += static_cast<ms>(one_of(15));
    q.look(now);
    look();
    switch (one_of(4)) {
      case 0: {
        const auto n = ++last;
        auto r =
            shared(std::to_string(n), one_of(3) == 0 ? protocol::operation::release : protocol::operation::enqueue);
        r.lock = std::to_string(one_of(3));
        r.what.exclusive = one_of(5) == 0;
        r.skew = one_of(5) == 0 ? 1 : 2;
        q.add(n, r, now);
        waiting.insert(n);
        break;
      }
      case 1:
        if (!waiting.empty() && one_of(3) == 0) {
          const auto n = *std::next(waiting.begin(), static_cast<std::ptrdiff_t>(one_of(waiting.size())));
          EXPECT_TRUE(q.withdraw(n));
          waiting.erase(n);
        }
        break;
      case 2:
        if (!away.empty()) come_back(one_of(away.size()));
        break;
      default:
        if (posted > 0) work();
    }
    look();
  }
  while (posted > 0 || !away.empty()) {
    while (posted > 0) work();
    EXPECT_EQ(q.take(now), std::nullopt) << "there was more than it said";
    if (!away.empty()) come_back(0);
    look();
  }
  EXPECT_TRUE(waiting.empty());
  EXPECT_GT(sent.size(), 1000U);
  EXPECT_EQ(q.size(), 0U);
  EXPECT_EQ(q.next(), never);
}

}  // namespace
}  // namespace dlock::engine
