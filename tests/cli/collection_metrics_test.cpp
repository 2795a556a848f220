#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>

#include "collection_metrics.hpp"

namespace dlock::cli {
namespace {

using namespace std::chrono_literals;

const std::chrono::system_clock::time_point now(std::chrono::milliseconds(1'795'482'123'045));

lock_holder since(std::chrono::milliseconds age) {
  return {.who = "x", .since = now - age, .until = now + 12s};
}

std::string value(const std::string& text, const std::string& name) {
  const auto at = text.find("\n" + name + " ");
  if (at == std::string::npos) return "none";
  const auto begin = at + name.size() + 2;
  return text.substr(begin, text.find('\n', begin) - begin);
}

TEST(CollectionMetrics, EmptyCollection) {
  const auto text = collection_metrics({}, {}, 1500ms);
  EXPECT_EQ(value(text, "dlock_up"), "1");
  EXPECT_EQ(value(text, "dlock_read_seconds"), "1.500");
  for (const char* name : {"dlock_locks", "dlock_holders", "dlock_waiters"}) EXPECT_EQ(value(text, name), "0") << name;
  EXPECT_EQ(value(text, "dlock_longest_hold_seconds"), "0.000");
}

TEST(CollectionMetrics, EachKindOfHolderIsCounted) {
  lock_state readers{.id = "readers", .holders = {since(5s), since(7500ms)}, .at = now};
  readers.waiters = {{.who = "a", .since = now - 3s}, {.who = "b", .since = now - 2s}};
  lock_state odd{.id = "odd", .holders = {since(1s), since(1s), since(1s), since(1h)}, .at = now};
  odd.holders[0].revoked = true;
  odd.holders[1].lingering = true;
  odd.holders[2].foreign = true;
  odd.holders[3].kept = true;  // nobody's, however long
  lock_state died{.id = "died", .at = now, .expired = {since(2h), since(1s)}};
  died.expired[1].kept = true;  // it was not a death
  died.waiters = {{.who = "c", .since = now - 4s}};
  const lock_state free{.id = "free", .at = now};
  const auto text = collection_metrics({readers, odd, died, free}, {}, 1ms);
  for (const auto& [name, wanted] : std::map<std::string, std::string>{{"dlock_locks", "4"},
                                                                       {"dlock_locks_held", "2"},
                                                                       {"dlock_locks_waited_for", "2"},
                                                                       {"dlock_locks_without_holder", "1"},
                                                                       {"dlock_locks_kept", "1"},
                                                                       {"dlock_holders", "5"},
                                                                       {"dlock_holders_expired", "1"},
                                                                       {"dlock_holders_revoked", "1"},
                                                                       {"dlock_holders_lingering", "1"},
                                                                       {"dlock_holders_foreign", "1"},
                                                                       {"dlock_waiters", "3"},
                                                                       {"dlock_longest_queue", "2"},
                                                                       {"dlock_oldest_waiter_seconds", "4.000"},
                                                                       {"dlock_longest_hold_seconds", "7.500"}}) {
    EXPECT_EQ(value(text, name), wanted) << name;
  }
}

TEST(CollectionMetrics, AnAgeIsNeverNegative) {
  lock_state ahead{.id = "a", .holders = {since(-5s)}, .at = now};
  ahead.waiters = {{.who = "a", .since = now + 1h}};
  const auto text = collection_metrics({ahead}, {}, 1ms);
  EXPECT_EQ(value(text, "dlock_longest_hold_seconds"), "0.000");
  EXPECT_EQ(value(text, "dlock_oldest_waiter_seconds"), "0.000");
}

TEST(CollectionMetrics, Members) {
  const auto text = collection_metrics({},
                                       {{.host = "a:27017", .reachable = true, .clock_offset = -1500us},
                                        {.host = "b\"\\:1", .reachable = true, .clock_offset = 2s},
                                        {.host = "c:27017"}},
                                       1ms);
  EXPECT_EQ(value(text, R"(dlock_member_up{member="a:27017"})"), "1");
  EXPECT_EQ(value(text, R"(dlock_member_up{member="c:27017"})"), "0");
  EXPECT_EQ(value(text, R"(dlock_member_clock_offset_seconds{member="a:27017"})"), "-0.001500");
  EXPECT_EQ(value(text, R"(dlock_member_clock_offset_seconds{member="b\"\\:1"})"), "2.000000");
  EXPECT_EQ(value(text, R"(dlock_member_clock_offset_seconds{member="c:27017"})"), "none");
}

TEST(CollectionMetrics, ALabelForEachLock) {
  lock_state held{.id = "a\"b", .holders = {since(5s), since(7s)}, .at = now};
  held.waiters = {{.who = "w", .since = now - 3s}};
  const std::vector<lock_state> locks{held, {.id = "free", .at = now}};
  const auto text = collection_metrics(locks, {}, 1ms, true);
  EXPECT_EQ(value(text, R"(dlock_lock_holders{lock="a\"b"})"), "2");
  EXPECT_EQ(value(text, R"(dlock_lock_waiters{lock="a\"b"})"), "1");
  EXPECT_EQ(value(text, R"(dlock_lock_oldest_waiter_seconds{lock="a\"b"})"), "3.000");
  EXPECT_EQ(value(text, R"(dlock_lock_longest_hold_seconds{lock="a\"b"})"), "7.000");
  EXPECT_EQ(value(text, R"(dlock_lock_holders{lock="free"})"), "0");
  EXPECT_EQ(collection_metrics(locks, {}, 1ms).find("dlock_lock_"), std::string::npos) << "only if it is wanted";
  EXPECT_EQ(collection_metrics({}, {}, 1ms, true).find("dlock_lock_"), std::string::npos);
}

TEST(CollectionMetrics, NoMoreThanAHundredLabels) {
  std::vector<lock_state> locks;
  for (int i = 100; i < 205; ++i) {
    locks.push_back({.id = std::to_string(i), .holders = {since(1s)}, .at = now});
    locks.back().waiters = {{.who = "w", .since = now - std::chrono::seconds(i)}};
  }
  locks.push_back({.id = "199", .holders = {since(1s)}, .at = now});  // two IDs may look the same when they are printed
  const auto text = collection_metrics(locks, {}, 1ms, true);
  EXPECT_EQ(value(text, R"(dlock_lock_holders{lock="199"})"), "2");
  EXPECT_EQ(value(text, R"(dlock_lock_holders{lock="200"})"), "none");
  EXPECT_EQ(value(text, R"(dlock_lock_holders{lock="other"})"), "5");
  EXPECT_EQ(value(text, R"(dlock_lock_oldest_waiter_seconds{lock="other"})"), "204.000");
}

TEST(CollectionMetrics, OfAnOutageOnlyThatItIsOne) {
  EXPECT_EQ(value(metrics_of_an_outage(), "dlock_up"), "0");
  EXPECT_EQ(metrics_of_an_outage().find("dlock_locks"), std::string::npos);
}

}  // namespace
}  // namespace dlock::cli
