#include "engine/request_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "engine/steps.hpp"
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

  /// A step begins with its time, if that matters. `busy`: two commands hang; `done`: nothing is left when all return.
  void play(const std::string& text) {
    play_steps(text, [&](std::istringstream& words) -> std::string {
      ms now = 0;
      if (!(words >> now)) words.clear();
      std::string what, id, command;
      words >> what;
      if (what == "take") return take(now);
      if (what == "next") return q.next() == never ? "never" : std::to_string(q.next());
      if (what == "ready") return std::to_string(q.ready());
      if (what == "size") return std::to_string(q.size());
      if (what == "withdraw") return words >> id, withdraw(id) ? "yes" : "no";
      if (what == "add") {
        while (words >> id) add(id, now);
      } else if (what == "back") {
        back(std::getline(words >> std::ws, command) ? command : "");
      } else if (what == "look") {
        q.look(now);
      } else if (what == "busy") {
        be_busy(now);
      } else if (what == "done") {
        expect_nothing_left();
      } else {
        ADD_FAILURE() << "no step: " << what;
      }
      return "";
    });
  }
};

TEST_F(RequestQueue, WhoIsAloneGoesAlone) {
  play("0 add a | ready -> 1 | 0 take -> a | ready -> 0 | back a");
  add(shared("b", protocol::operation::release));
  play("0 take -> b | done");
}

TEST_F(RequestQueue, ThoseWhoComeBeforeATurnIsTakenGoTogether) {
  play("0 add a b c | 0 take -> a b c | 0 take -> nothing (the second turn finds nobody) | done");
}

TEST_F(RequestQueue, ThoseWhoWaitGoTogetherInOneCommand) {
  play(
      "0 busy | 0 add c d e | ready -> 0 (two are on their way) | 0 take -> nothing | back a | ready -> 1 | "
      "0 take -> c d e | 0 take -> nothing | done");
}

TEST_F(RequestQueue, WhoQueuesAloneGoesWithTheOthers) {
  be_busy();
  for (const auto* id : {"c", "d", "e"}) {
    auto r = shared(id);
    r.what = {};
    add(r);
  }
  play("back b | 0 take -> c d e | done");
}

TEST_F(RequestQueue, ReleasesGoWithEnqueues) {
  play("0 busy | 0 add c");
  add(shared("d", protocol::operation::release));
  play("back a | 0 take -> c d | done");
}

TEST_F(RequestQueue, ACommandThatHangsHoldsUpTheOthersFor100Ms) {
  play(
      "1000 busy | next -> never (nobody waits) | 1040 add c | next -> 1100 (from when the last one set out) | "
      "1099 look | 1099 take -> nothing | 1100 look | ready -> 1 | 1100 take -> c (after a moment) | "
      "next -> never | back c | 1200 add d | 1200 take -> d | done");
}

TEST_F(RequestQueue, OnlyTheLatestCommandIsWaitedFor) {
  play(
      "1000 add a | 1000 take -> a | 1050 add b | 1060 take -> b | 1070 add c | next -> 1160 | back a | "
      "1100 take -> c | done");
}

TEST_F(RequestQueue, ThoseWhoWaitedForWhatHangsGoTogether) {
  play(
      "0 busy | 50 add c d e | 100 look | ready -> 1 (not one by one) | 100 take -> c d e | "
      "100 take -> nothing | done");
}

TEST_F(RequestQueue, WhatHangsIsWaitedForOnceNotByEverybody) {
  play("0 busy | 10 add c | 100 look | 100 take -> c | back c");
  for (const auto* id : {"d", "e", "f"}) {
    add(id, 100);
    EXPECT_EQ(take(100), id) << "time stands still";
    back(id);
  }
  expect_nothing_left();
}

TEST_F(RequestQueue, WhatHungAndCameBackDoesNotCountTwice) {
  play(
      "0 busy | 10 add c | 100 look | 100 take -> c | 100 add d | 100 take -> d | 100 add e | back a | back b | "
      "120 take -> nothing (two are on their way still) | next -> 200 | back c | back c | 130 add f | "
      "130 take -> e f | 130 add g | 130 take -> nothing | back e f | 140 take -> g | done");
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
  play("200 add g | 200 take -> nothing | back e | 200 take -> g | done");
}

TEST_F(RequestQueue, AStaleTurnIsNoTurn) {
  play(
      "1000 add a | 1000 add b | ready -> 2 | next -> 1100 (nobody takes them) | 1100 look | 1150 add c | "
      "next -> 1200 (nor the next one) | 1160 take -> a b c | 1160 add d | 1160 take -> d | 1160 add e | "
      "1160 take -> nothing (the turns from before count no more) | back d | 1170 take -> e | done");
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

/// A release, and an enqueue that goes in its command.
struct RequestQueuePass : RequestQueue {
  static protocol::request exclusive(const std::string& id, protocol::operation op = protocol::operation::enqueue) {
    auto r = shared(id, op);
    r.what = {};
    return r;
  }
  void release() { add(exclusive("release", protocol::operation::release)); }
  bool pass_to(const protocol::request& r) {
    numbers[r.id] = ++last;
    return q.add_to(numbers["release"], last, r);
  }
  bool is_with(const std::string& id) { return q.is_with(numbers.at("release"), numbers.at(id)); }
};

TEST_F(RequestQueuePass, GoesInTheCommandOfTheRelease) {
  release();
  EXPECT_TRUE(pass_to(exclusive("next")));
  EXPECT_TRUE(is_with("next"));
  EXPECT_FALSE(is_with("release")) << "not with itself";
  EXPECT_FALSE(q.is_with(12345, numbers["next"]));
  EXPECT_FALSE(q.is_with(numbers["release"], 12345));
  play("ready -> 1 | 0 take -> release next");
  EXPECT_FALSE(is_with("next")) << "it was sent";
  EXPECT_FALSE(pass_to(exclusive("later"))) << "it is too late for that";
  expect_nothing_left();
}

TEST_F(RequestQueuePass, GoesOnlyWithWhatItFits) {
  release();
  auto longer = exclusive("longer");
  longer.delta += 1;
  EXPECT_FALSE(pass_to(longer));
  EXPECT_FALSE(is_with("longer"));
  auto elsewhere = exclusive("elsewhere");
  elsewhere.lock = "another";
  EXPECT_FALSE(pass_to(elsewhere));
  play("0 take -> release | done");
}

TEST_F(RequestQueuePass, DoesNotOvertakeWhoWaits) {
  play("0 busy");
  release();
  EXPECT_TRUE(pass_to(exclusive("next"))) << "those two were sent before";
  play("0 take -> release next | 0 add c");
  release();
  EXPECT_FALSE(pass_to(exclusive("later"))) << "c waits";
  play("0 take -> release | back a | 0 take -> c | done");
}

TEST_F(RequestQueuePass, EitherGoesWithoutTheOtherIfThatIsWithdrawn) {
  for (const std::string gone : {"release", "next"}) {
    release();
    ASSERT_TRUE(pass_to(exclusive("next")));
    EXPECT_TRUE(withdraw(gone));
    EXPECT_FALSE(withdraw(gone)) << "once";
    EXPECT_EQ(take(), gone == "next" ? "release" : "next");
    expect_nothing_left();
  }
  release();
  ASSERT_TRUE(pass_to(exclusive("next")));
  EXPECT_TRUE(withdraw("release"));
  EXPECT_TRUE(withdraw("next"));
  play("size -> 0 | 0 take -> nothing | done");
}

TEST_F(RequestQueue, WhatDoesNotFitGoesAlone) {
  play("0 busy | 0 add c");
  auto longer = shared("longer");
  longer.delta += 1;
  add(longer);
  play(
      "0 add d | back a | 0 take -> c | 0 take -> nothing | back b | 0 take -> longer (none passes it) | "
      "back c | 0 take -> d | done");
}

TEST_F(RequestQueue, NoMoreThan64GoTogether) {
  be_busy();
  for (int i = 0; i < 100; ++i) add("x" + std::to_string(i));
  back("a");
  const auto words = [](const std::string& s) { return std::count(s.begin(), s.end(), ' ') + 1; };
  EXPECT_EQ(words(take()), 64);
  play("0 take -> nothing | back b");
  EXPECT_EQ(words(take()), 36);
  expect_nothing_left();
}

TEST_F(RequestQueue, WhatIsWithdrawnIsNeverSent) {
  play(
      "0 busy | 0 add c d e | withdraw d -> yes | withdraw d -> no (once) | "
      "withdraw a -> no (it is on its way) | back a | 0 take -> c e | withdraw c -> no | done");
}

TEST_F(RequestQueue, AWithdrawnRequestIsNotSentEvenIfItHadATurn) {
  add("a");
  add(shared("goes alone", protocol::operation::heartbeat));
  play("ready -> 2 | withdraw a -> yes");
  EXPECT_TRUE(withdraw("goes alone"));
  add(shared("stays", protocol::operation::heartbeat));
  play(
      "0 take -> stays | 0 take -> nothing | size -> 0 | 0 add b | withdraw b -> yes | 0 take -> nothing | "
      "size -> 0 | 0 add c | 0 take -> c | done");
}

TEST_F(RequestQueue, NobodyWaitsWhenTheLastIsWithdrawn) {
  play(
      "0 busy | 0 add c | next -> 100 | withdraw c -> yes | next -> never | 1000 look | 1000 take -> nothing | "
      "done");
}

TEST_F(RequestQueue, LocksDoNotStandInEachOthersWay) {
  play("0 busy | 10 add c");
  auto other = shared("x");
  other.lock = "another";
  add(other, 60);
  play("60 take -> x | 100 look | 100 take -> c | done");
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
  play("size -> 0 | next -> never");
}

}  // namespace
}  // namespace dlock::engine
