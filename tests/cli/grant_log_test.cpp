#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "grant_log.hpp"

namespace dlock::cli {
namespace {

using namespace std::chrono_literals;
using kind = lock_event::kind;
using strings = std::vector<std::string>;

const std::chrono::system_clock::time_point begin_of_grants(std::chrono::milliseconds(1'795'482'123'045));

lock_event event_of(kind what, std::int64_t token, std::chrono::milliseconds after) {
  return {.what = what, .id = "job", .token = token, .who = "web1:1 x", .at = begin_of_grants + after};
}

lock_event locked(std::int64_t token, std::chrono::milliseconds after, std::chrono::milliseconds waited) {
  lock_event out = event_of(kind::locked, token, after);
  out.waited = waited;
  return out;
}

lock_event unlocked(std::int64_t token, std::chrono::milliseconds after, std::chrono::milliseconds held) {
  lock_event out = event_of(kind::unlocked, token, after);
  out.held = held;
  return out;
}

/// "token at+waited/held" of each grant, with "?" for what is not known.
strings grants_told(const grant_log& log) {
  const auto text = [](const auto& time) { return time ? std::to_string(time->count()) : std::string("?"); };
  strings out;
  for (const seen_grant& each : log.of("job")) {
    const auto at = std::chrono::duration_cast<std::chrono::milliseconds>(each.at - begin_of_grants);
    out.push_back(std::to_string(each.token) + " " + std::to_string(at.count()) + "+" + text(each.waited) + "/" +
                  text(each.held) + (each.lost ? " lost" : ""));
  }
  return out;
}

TEST(GrantLog, NewestFirst) {
  grant_log log;
  log.add(locked(1, 10ms, 3ms));
  log.add(unlocked(1, 25ms, 14ms));
  log.add(locked(2, 30ms, 20ms));
  EXPECT_EQ(grants_told(log), (strings{"2 30+20/?", "1 10+3/14"}));
  EXPECT_TRUE(log.of("other").empty());
}

TEST(GrantLog, AnEndThatOvertakesTheBeginOrHasNone) {
  grant_log log;
  log.add(unlocked(1, 25ms, 15ms));  // it began before we listened, or its begin comes late
  EXPECT_EQ(grants_told(log), strings{"1 10+?/15"});
  log.add(locked(1, 10ms, 3ms));
  EXPECT_EQ(grants_told(log), strings{"1 10+3/15"});
}

TEST(GrantLog, OlderVersionsTellNoTimes) {
  grant_log log;
  log.add(event_of(kind::unlocked, 1, 5ms));
  EXPECT_EQ(grants_told(log), strings{});
  log.add(event_of(kind::locked, 2, 10ms));
  log.add(event_of(kind::unlocked, 2, 25ms));
  EXPECT_EQ(grants_told(log), strings{"2 10+?/15"});
}

TEST(GrantLog, MongoDlockHasNoTokens) {
  grant_log log;
  for (const auto at : {10ms, 20ms}) {
    log.add(event_of(kind::locked, 0, at));
    log.add(event_of(kind::unlocked, 0, at + 5ms));
  }
  EXPECT_EQ(grants_told(log), (strings{"0 20+?/5", "0 10+?/5"}));
}

TEST(GrantLog, ALossAndAnotherValueOfALeader) {
  grant_log log;
  log.add(locked(1, 10ms, 0ms));
  log.add(event_of(kind::locked, 1, 15ms));  // not a grant
  lock_event end = unlocked(1, 25ms, 15ms);
  end.lost = true;
  log.add(end);
  EXPECT_EQ(grants_told(log), strings{"1 10+0/15 lost"});
}

TEST(GrantLog, GapsAreNoGrants) {
  grant_log log;
  lock_event gap = event_of(kind::gap, 0, 0ms);
  log.add(gap);
  EXPECT_TRUE(log.of("job").empty());
}

TEST(GrantLog, IsLimited) {
  grant_log log;
  for (std::size_t i = 1; i <= grant_log::most_grants + 5; ++i) {
    log.add(locked(static_cast<std::int64_t>(i), std::chrono::milliseconds(i), 0ms));
  }
  EXPECT_EQ(log.of("job").size(), grant_log::most_grants);
  EXPECT_EQ(log.of("job").back().token, 6);
  for (std::size_t i = 0; i < grant_log::most_locks; ++i) {
    lock_event other = locked(1, 0ms, 0ms);
    other.id = std::to_string(i);
    log.add(other);
    if (i == 500) log.add(locked(999, 0ms, 0ms));  // it is used, so it stays
  }
  EXPECT_FALSE(log.of("job").empty());
  EXPECT_TRUE(log.of("0").empty());
  EXPECT_FALSE(log.of("1").empty());
}

}  // namespace
}  // namespace dlock::cli
