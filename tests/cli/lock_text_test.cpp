#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "environment.hpp"
#include "lock_json.hpp"
#include "lock_table.hpp"
#include "timestamp.hpp"

namespace dlock::cli {
namespace {

using namespace std::chrono_literals;
using strings = std::vector<std::string>;

const std::chrono::system_clock::time_point now(
    std::chrono::milliseconds(1'795'482'123'045));  // 2026-11-24T01:02:03.045

lock_holder holder(std::string who, std::int64_t token) {
  return {.who = std::move(who), .token = token, .since = now - 192s, .until = now + 12s};
}

lock_state lock(std::string id) {
  return {.id = std::move(id), .token = 1795474817437000, .at = now};
}

TEST(Span, TwoUnitsAtMost) {
  EXPECT_EQ(span(-5s), "0s");
  EXPECT_EQ(span(999ms), "0s");
  EXPECT_EQ(span(12s), "12s");
  EXPECT_EQ(span(59999ms), "59s");
  EXPECT_EQ(span(192s), "3m12s");
  EXPECT_EQ(span(60s), "1m00s");
  EXPECT_EQ(span(5h + 3min + 59s), "5h03m");
  EXPECT_EQ(span(52h), "2d4h");
  EXPECT_EQ(span(24h * 4000), "4000d0h");
}

TEST(Span, OfTheLongestLease) {
  auto far = holder("somebody", 1);
  far.until = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::time_point::max());
  far.since = {};
  auto all = lock("a");
  all.holders.push_back(far);
  const std::string text = lock_description(all);
  EXPECT_NE(text.find("2262-04-11T23:47:16.854Z (in 85970d22h"), std::string::npos) << text;
  EXPECT_NE(text.find("1970-01-01T00:00:00.000Z (20781d"), std::string::npos) << text;
}

TEST(LockTable, EveryKind) {
  lock_state exclusive = lock("nightly-report");
  exclusive.holders = {holder("web1:4711 report.sh", 1795474817437000)};
  exclusive.waiters = {{.who = "web2:1 x", .since = now}, {.who = "web3:1 x", .since = now}};
  lock_state shared = lock("rätes");
  shared.holders = {holder("web1:1 a", 7), holder("web2:2 b", 8), holder("", 9)};
  for (lock_holder& each : shared.holders) each.mode = lock_mode::shared;
  shared.holders[0].revoked = true;
  lock_state slots = lock("slots");
  slots.permits = 8;
  slots.holders = {holder("w:1 a", 7), holder("w:2 b", 8)};
  slots.holders[0].permits = 2;
  slots.holders[1].permits = 3;
  slots.holders[0].expired = true;
  lock_state foreign = lock("node");
  foreign.holders = {holder("", 0)};
  foreign.holders[0].foreign = true;
  lock_state observed = lock("observed");
  observed.holders = {holder("w:3 c", 7)};
  observed.holders[0].until = now - 1s;
  lock_state kept = lock("kept");
  kept.holders = {holder("w:4 d", 7)};
  kept.holders[0].kept = true;
  lock_state free = lock("free");
  lock_state wanted = lock("wanted");
  wanted.waiters = {{.mode = lock_mode::shared, .since = now}};

  EXPECT_EQ(
      lock_table({exclusive, shared, slots, foreign, observed, kept, free, wanted}),
      "ID              KIND           HOLDER                       SINCE  UNTIL            TOKEN             WAITERS\n"
      "nightly-report  exclusive      web1:4711 report.sh          3m12s  in 12s           1795474817437000  2\n"
      "rätes           shared         web1:1 a +2 more             3m12s  in 12s, revoked  7                 0\n"
      "slots           semaphore 5/8  w:1 a +1 more                3m12s  expired          7                 0\n"
      "node            exclusive      a mongo-dlock (node) client  3m12s  in 12s           -                 0\n"
      "observed        exclusive      w:3 c                        3m12s  overdue          7                 0\n"
      "kept            exclusive      w:4 d                        3m12s  in 12s, kept     7                 0\n"
      "free            -              -                            -      -                -                 0\n"
      "wanted          shared         -                            -      -                -                 1\n");
  EXPECT_TRUE(is_in_use(exclusive));
  EXPECT_TRUE(is_in_use(wanted));
  EXPECT_FALSE(is_in_use(free));
}

TEST(LockTable, NotesAreInAColumnIfThereAreAny) {
  lock_state with = lock("with"), without = lock("without"), free = lock("free");
  with.holders = {holder("web1:1 a", 7)};
  with.holders[0].value = "page 3 of 8";
  without.holders = {holder("web1:1 a", 7)};
  EXPECT_EQ(lock_table({free, with, without}),
            "ID       KIND       HOLDER    SINCE  UNTIL   TOKEN  WAITERS  NOTE\n"
            "free     -          -         -      -       -      0\n"
            "with     exclusive  web1:1 a  3m12s  in 12s  7      0        page 3 of 8\n"
            "without  exclusive  web1:1 a  3m12s  in 12s  7      0\n");
  with.waiters = {{.who = "web2:2 b", .since = now}, {.who = "web3:3 c", .since = now, .value = "urgent"}};
  const std::string text = lock_description(with);
  EXPECT_NE(text.find("(in 12s)  page 3 of 8\n"), std::string::npos) << text;
  EXPECT_NE(text.find("(0s ago)\n2  web3:3 c"), std::string::npos) << text;
  EXPECT_NE(text.find("(0s ago)  urgent\n"), std::string::npos) << text;
}

TEST(HistoryTable, HowEachRunWent) {
  past_run well{.who = "web1:1 a", .token = 7, .ended = now - 60s, .took = 192s, .ago = 60s, .status = 0};
  past_run badly = well;
  badly.status = 143;
  past_run late{.who = "", .ended = now - 2h, .took = 1500ms, .ago = 2h, .end = run_end::too_long, .status = 122};
  past_run lost = late;
  lost.end = run_end::lost;
  past_run begun = late;
  begun.end = run_end::unknown;
  EXPECT_EQ(history_table({well, badly, late, lost, begun}),
            "ENDED                                       TOOK   STATUS         TOKEN  WHO\n"
            "2026-11-24T01:01:03.045Z (1m00s ago)        3m12s  0              7      web1:1 a\n"
            "2026-11-24T01:01:03.045Z (1m00s ago)        3m12s  143            7      web1:1 a\n"
            "2026-11-23T23:02:03.045Z (2h00m ago)        1s     too long       -      somebody\n"
            "2026-11-23T23:02:03.045Z (2h00m ago)        1s     lost the lock  -      somebody\n"
            "begun 2026-11-23T23:02:03.045Z (2h00m ago)  -      no end         -      somebody\n");
}

TEST(LockTable, ControlCharactersAreEscaped) {
  lock_state odd = lock("a\nb\x1b[31m");
  odd.holders = {holder("x\x1b]0;title\x07\xc2\x9b\xff", 7)};
  odd.holders[0].value = "v\x1b[2J";
  odd.waiters = {{.who = "w\r\n\xe2\x80\xaeg", .since = now}};
  for (const std::string& text : {lock_table({odd}), lock_description(odd)}) {
    EXPECT_EQ(text.find_first_of("\x1b\r\x07\xff"), std::string::npos) << text;
    EXPECT_EQ(text.find("\xc2\x9b"), std::string::npos) << text;
    EXPECT_EQ(text.find("\xe2\x80\xae"), std::string::npos) << text;
    EXPECT_NE(text.find("a\\x0ab\\x1b[31m"), std::string::npos) << text;
  }
}

TEST(LockDescription, HoldersAndWaitersInOrder) {
  lock_state slots = lock("slots");
  slots.permits = 8;
  slots.holders = {holder("web1:1 a", 7)};
  slots.holders[0].mode = lock_mode::permits;
  slots.holders[0].permits = 1;
  slots.waiters = {{.who = "web2:2 b", .mode = lock_mode::permits, .permits = 3, .since = now - 5s},
                   {.who = "", .mode = lock_mode::permits, .permits = 1, .since = now}};
  EXPECT_EQ(lock_description(slots),
            "ID:          slots\n"
            "Kind:        semaphore 1/8\n"
            "Last token:  1795474817437000\n"
            "At:          2026-11-24T01:02:03.045Z\n"
            "\n"
            "HOLDER    MODE      TOKEN  SINCE                                 UNTIL\n"
            "web1:1 a  1 permit  7      2026-11-24T00:58:51.045Z (3m12s ago)  2026-11-24T01:02:15.045Z (in 12s)\n"
            "\n"
            "#  WAITER    MODE       SINCE\n"
            "1  web2:2 b  3 permits  2026-11-24T01:01:58.045Z (5s ago)\n"
            "2  somebody  1 permit   2026-11-24T01:02:03.045Z (0s ago)\n");
}

TEST(LockDescription, ALeaderAndNobody) {
  lock_state led = lock("cluster");
  led.holders = {holder("web1:1 a", 7)};
  led.holders[0].value = "10.0.0.7:8080";
  EXPECT_NE(lock_description(led).find("NOTE\n"), std::string::npos);
  EXPECT_NE(lock_description(led).find("10.0.0.7:8080\n"), std::string::npos);
  EXPECT_NE(lock_description(led).find("Nobody waits for it.\n"), std::string::npos);
  EXPECT_NE(lock_description(lock("free")).find("Nobody holds it.\n"), std::string::npos);

  lock_state over = lock("over");
  over.expired = {holder("web1:1 a", 7)};
  over.expired[0].expired = true;
  const std::string text = lock_description(over);
  EXPECT_NE(text.find("Nobody holds it.\n\nExpired holders:\nHOLDER"), std::string::npos) << text;
  EXPECT_NE(text.find("(expired)\n"), std::string::npos) << text;
  EXPECT_FALSE(is_in_use(over));
}

TEST(LockJson, AllMembers) {
  lock_state slots = lock("a\"\n\xff");
  slots.permits = 8;
  slots.expiry = dlock::expiry::observed;
  slots.holders = {holder("grün", 7)};
  slots.holders[0].mode = lock_mode::permits;
  slots.holders[0].permits = 2;
  slots.holders[0].revoked = true;
  slots.holders[0].value = "v";
  slots.waiters = {{.who = "", .mode = lock_mode::permits, .permits = 3, .since = now - 5s}};
  past_run run{.owner = "id", .who = "x", .token = 7, .ended = now, .took = 1500ms, .ago = 5s, .status = 3};
  past_run begun{.owner = "other", .ended = now, .end = run_end::unknown};
  EXPECT_EQ(lock_json(slots, {begun, run}), R"({
  "id": "a\"\n\ufffd",
  "permits": 8,
  "token": 1795474817437000,
  "at": "2026-11-24T01:02:03.045Z",
  "expiry": "observed",
  "holders": [
    {
      "who": "gr\u00fcn",
      "mode": "permits",
      "permits": 2,
      "token": 7,
      "since": "2026-11-24T00:58:51.045Z",
      "until": "2026-11-24T01:02:15.045Z",
      "expired": false,
      "revoked": true,
      "foreign": false,
      "kept": false,
      "lingering": false,
      "value": "v"
    }
  ],
  "waiters": [
    {
      "who": null,
      "mode": "permits",
      "permits": 3,
      "since": "2026-11-24T01:01:58.045Z",
      "value": null
    }
  ],
  "expired": [],
  "history": [
    {
      "who": null,
      "token": null,
      "began": "2026-11-24T01:02:03.045Z",
      "ended": null,
      "took": null,
      "end": "unknown",
      "status": null
    },
    {
      "who": "x",
      "token": 7,
      "began": "2026-11-24T01:02:01.545Z",
      "ended": "2026-11-24T01:02:03.045Z",
      "took": 1.5,
      "end": "ended",
      "status": 3
    }
  ]
}
)");
}

TEST(LockJson, WhatIsNotKnownIsNull) {
  lock_state foreign = lock("node");
  foreign.token = 0;
  foreign.holders = {holder("", 0)};
  foreign.holders[0].foreign = true;
  const std::string text = lock_json(foreign, {});
  EXPECT_NE(text.find(R"("expiry": "clock")"), std::string::npos) << text;
  for (const char* member : {R"("who": null)", R"("permits": null)", R"("token": null)", R"("value": null)"}) {
    EXPECT_NE(text.find(member), std::string::npos) << member;
  }
  EXPECT_EQ(lock_json({}, {}), "null\n");
  EXPECT_EQ(locks_json({}), "[]\n");
  EXPECT_TRUE(locks_json({lock("a"), lock("b")}).starts_with("[\n  {\n    \"id\": \"a\""));
}

TEST(Environment, OfOneLockAndOfSeveral) {
  EXPECT_EQ(environment_of(strings{"a"}), (strings{"DLOCK_ID=a", "DLOCK_ID_1=a"}));
  EXPECT_EQ(environment_of(strings{"b", "a=\n"}), (strings{"DLOCK_ID_1=b", "DLOCK_ID_2=a=\n"}));
  EXPECT_EQ(environment_of(std::vector<grant>{{"a", 7, "me"}}),
            (strings{"DLOCK_TOKEN_1=7", "DLOCK_OWNER_1=me", "DLOCK_TOKENS=7", "DLOCK_HELD=7-af63dc4c8601ec8c",
                     "DLOCK_TOKEN=7", "DLOCK_OWNER=me"}));
  setenv("DLOCK_HELD", "5-cbf29ce484222325", 1);  // of a dlock further out
  EXPECT_EQ(environment_of(std::vector<grant>{{"b", 8, "i"}, {"a", 7, "me"}}),
            (strings{"DLOCK_TOKEN_1=8", "DLOCK_OWNER_1=i", "DLOCK_TOKEN_2=7", "DLOCK_OWNER_2=me", "DLOCK_TOKENS=8 7",
                     "DLOCK_HELD=5-cbf29ce484222325 8-af63df4c8601f1a5 7-af63dc4c8601ec8c"}));
  unsetenv("DLOCK_HELD");
}

TEST(Environment, SaysWhereTheLocksAre) {
  connection_options options;
  options.client.db = "theirs";
  EXPECT_EQ(environment_of(options), (strings{"DLOCK_AT_DB=theirs", "DLOCK_AT_COLL=dlocks"}));
  options.url = "mongodb://h";
  EXPECT_EQ(environment_of(options).back(), "DLOCK_AT_URL=mongodb://h");
  options.url = "mongodb://me:secret@h";  // which is refused later
  EXPECT_EQ(environment_of(options).back(), "DLOCK_AT_COLL=dlocks");
  options.url.reset();
  options.url_file = "/etc/dlock.url";
  EXPECT_EQ(environment_of(options).back(), "DLOCK_AT_URL_FILE=/etc/dlock.url");
  options.url_file = "file";
  EXPECT_TRUE(environment_of(options).back().starts_with("DLOCK_AT_URL_FILE=/"));
  EXPECT_TRUE(environment_of(options).back().ends_with("/file"));
}

TEST(Environment, VariablesOfAnOuterLockAreRemoved) {
  const strings ours{"DLOCK_AT_DB",    "DLOCK_AT_URL_FILE", "DLOCK_ID",     "DLOCK_TOKEN", "DLOCK_OWNER", "DLOCK_ID_3",
                     "DLOCK_TOKEN_12", "DLOCK_OWNER_1",     "DLOCK_TOKENS", "DLOCK_VALUE", "DLOCK_HELD"};
  const strings others{"DLOCK_URL", "DLOCK_ID_", "DLOCK_ID_x", "DLOCK_IDENTITY", "MY_DLOCK_ID"};
  for (const strings& all : {ours, others}) {
    for (const std::string& name : all) setenv(name.c_str(), "x", 1);
  }
  forget_locks();
  for (const std::string& name : ours) EXPECT_EQ(getenv(name.c_str()), nullptr) << name;
  for (const std::string& name : others) EXPECT_NE(getenv(name.c_str()), nullptr) << name;
}

}  // namespace
}  // namespace dlock::cli
