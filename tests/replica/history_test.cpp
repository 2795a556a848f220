// What ran under a lock lately.
#include <string>

#include "replica/fixture.hpp"

namespace dlock::testing {
namespace {

class History : public Replica {
 protected:
  client mine{options()};

  void record(const std::string& owner, int status, run_end end = run_end::ended, milliseconds took = 1500ms) {
    mine.record(id, {.owner = owner, .token = 7, .took = took, .end = end, .status = status}, 10s);
  }
};

TEST_F(History, OfALockWithoutOneIsEmpty) {
  EXPECT_TRUE(mine.history(id).empty());
}

TEST_F(History, TheNewestComesFirst) {
  record("$one", 3, run_end::too_long);
  record("two", 0);
  client other(options());
  const auto runs = other.history(id);
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_EQ(runs[0].owner, "two");
  EXPECT_EQ(runs[0].who, *mine.options().who);
  EXPECT_EQ(runs[0].token, 7);
  EXPECT_EQ(runs[0].took, 1500ms);
  EXPECT_EQ(runs[0].end, run_end::ended);
  EXPECT_TRUE(runs[0].is_done());
  EXPECT_EQ(runs[1].owner, "$one");
  EXPECT_EQ(runs[1].end, run_end::too_long);
  EXPECT_EQ(runs[1].status, 3);
  EXPECT_FALSE(runs[1].is_done());
  EXPECT_GE(runs[1].ago, runs[0].ago);
  EXPECT_LT(runs[1].ago, 60s);
  EXPECT_GE(runs[0].ended, runs[1].ended);
}

TEST_F(History, ARunReplacesWhatIsRecordedOfIt) {
  record("a", 0, run_end::unknown);
  record("b", 0);
  record("a", 0, run_end::lost);
  const auto runs = mine.history(id);
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_EQ(runs[0].owner, "a");
  EXPECT_EQ(runs[0].end, run_end::lost);
  EXPECT_FALSE(runs[0].is_done());
}

/// A command that was sent before, and got no answer, may arrive after the one that followed it.
TEST_F(History, ALateRecordDoesNotUndoTheEndOfARun) {
  const auto end_after = [&](run_end first, run_end late) {
    const auto owner = std::string(to_string(first)) + " before " + to_string(late);
    record(owner, 0, first);
    record("another run", 0);
    record(owner, 0, late);
    for (const auto& each : mine.history(id)) {
      if (each.owner == owner) return each.end;
    }
    return run_end::unknown;
  };
  EXPECT_EQ(end_after(run_end::lost, run_end::ended), run_end::lost);
  EXPECT_EQ(end_after(run_end::lost, run_end::too_long), run_end::lost);
  EXPECT_EQ(end_after(run_end::lost, run_end::unknown), run_end::lost);
  EXPECT_EQ(end_after(run_end::ended, run_end::unknown), run_end::ended);
  EXPECT_EQ(end_after(run_end::too_long, run_end::unknown), run_end::too_long);
  EXPECT_EQ(end_after(run_end::ended, run_end::too_long), run_end::too_long) << "neither is above the other";
  EXPECT_EQ(mine.history(id).size(), 7U) << "each owner is there once";
  EXPECT_EQ(mine.history(id).front().end, run_end::too_long);
}

TEST_F(History, OnlyTheNewestTwentyAreKept) {
  for (int i = 1; i <= 23; ++i) record("run " + std::to_string(i), i);
  const auto runs = mine.history(id);
  ASSERT_EQ(runs.size(), 20U);
  EXPECT_EQ(runs.front().status, 23);
  EXPECT_EQ(runs.back().status, 4);
}

TEST_F(History, TheServerRemovesItByItself) {
  record("a", 0);
  const auto indexes = run(R"({"listIndexes": ")" + mine.options().coll + R"(.history"})");
  EXPECT_NE(to_json(indexes.reply.get()).find("7776000"), std::string::npos) << to_json(indexes.reply.get());
}

TEST_F(History, ADocumentOfAnotherKindIsLeftAlone) {
  auto locks = options();
  locks.coll += ".history";
  client other(locks);
  auto held = mutex(other, id).acquire();
  ASSERT_TRUE(held);
  EXPECT_EQ(error_of([&] { mine.record(id, {.owner = "a"}, 1s); }).code(), errc::unavailable);
  EXPECT_TRUE(held->held());
  EXPECT_TRUE(mine.history(id).empty());
  EXPECT_EQ(held->release(), release_result::released);
}

TEST_F(History, WhatIsNoRunIsRefused) {
  const auto code_of = [&](const std::string& lock, const past_run& run, milliseconds timeout) {
    return error_of([&] { mine.record(lock, run, timeout); }).code();
  };
  EXPECT_EQ(code_of("", {.owner = "a"}, 1s), errc::invalid_argument);
  EXPECT_EQ(code_of(id, {}, 1s), errc::invalid_argument);
  EXPECT_EQ(code_of(id, {.owner = "\xff"}, 1s), errc::invalid_argument);
  EXPECT_EQ(code_of(id, {.owner = std::string(201, 'x')}, 1s), errc::invalid_argument);
  EXPECT_EQ(code_of(id, {.owner = "a", .took = -1ms}, 1s), errc::invalid_argument);
  EXPECT_EQ(code_of(id, {.owner = "a"}, 0ms), errc::invalid_argument);
  EXPECT_EQ(error_of([&] { (void)mine.history(""); }).code(), errc::invalid_argument);
  mine.close();
  EXPECT_EQ(code_of(id, {.owner = "a"}, 1s), errc::closed);
  EXPECT_EQ(error_of([&] { (void)mine.history(id); }).code(), errc::closed);
}

TEST_F(History, ARecordThatIsNotAnsweredEndsOnTime) {
  client slow(options("slow"));
  record("a", 0);
  const fail_command hangs("slow", R"("blockConnection": true, "blockTimeMS": 3000)");
  const auto begin = boot_clock::now();
  EXPECT_EQ(error_of([&] { slow.record(id, {.owner = "b"}, 500ms); }).code(), errc::unavailable);
  EXPECT_LT(boot_clock::now() - begin, 2500ms);
}

}  // namespace
}  // namespace dlock::testing
