#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "store/connection_string.hpp"
#include "store/examiner.hpp"
#include "store/members.hpp"
#include "store/survey.hpp"
#include "support/json.hpp"

/// How replies of servers, documents and URLs become facts.
namespace dlock {
namespace {

using testing::from_json;

constexpr std::int64_t kGrace = 60'000;
/// A lock that is in order, as survey::pipeline() sums it up.
constexpr const char* kLock =
    R"("_id": "a", "now": {"$date": "2026-11-30T12:00:00Z"}, "bytes": 500, "held": 1, "queue": 0,
  "holders": [], "waiters": [], "et": {"$date": "2026-11-30T12:00:05Z"}, "rev": 7,
  "fence": 1796040000000000, "lowest": 1796040000000000, "highest": 1796040000000000)";

survey seen(const std::string& more, std::string summary = kLock) {
  survey out;
  // Of two fields with the same name, the first one counts.
  out.add(from_json("{" + more + (more.empty() ? "" : ", ") + summary + "}").get(), kGrace);
  return out;
}

TEST(Survey, ALockIsInOrder) {
  const auto s = seen("");
  EXPECT_EQ(std::make_tuple(s.seen, s.foreign, s.defects, s.overdue), std::make_tuple(1, 0, 0, 0));
  EXPECT_EQ(s.largest.number, 500);
  EXPECT_EQ(seen(R"("observed": true)", R"("_id": "a", "bytes": 400, "rev": 2)").foreign, 0);
  EXPECT_EQ(seen("", R"("_id": "abc", "bytes": 18)").foreign, 0) << "{_id} alone";
}

TEST(Survey, WhatIsNoLockIsForeign) {
  for (const char* other : {R"("_id": 5)", R"("et": "soon")", R"("ct": 5)", R"("rev": "7")", R"("cap": {})",
                            R"("holders": {})", R"("waiters": 5)", R"("gone": "x")"}) {
    EXPECT_EQ(seen(other).foreign, 1) << other;
  }
  EXPECT_EQ(seen("", R"("_id": "shop", "bytes": 400)").foreign_ones.front().id, "shop");
}

TEST(Survey, ImpossibleNumbersAreDefects) {
  const std::vector<std::pair<std::string, std::string>> cases{{R"("fence": -1)", "fence"},
                                                               {R"("fence": 9000000000000000000)", "fence"},
                                                               {R"("rev": -5)", "rev"},
                                                               {R"("lowest": 0)", "holders.fence"},
                                                               {R"("highest": 9007199254740992)", "holders.fence"},
                                                               {R"("lowest": null)", "holders.fence"}};
  for (const auto& [number, field] : cases) {
    const auto s = seen(number);
    ASSERT_EQ(s.defects, 1) << number;
    EXPECT_EQ(s.defect_ones.front().field, field);
  }
  EXPECT_EQ(seen(R"("held": 0, "lowest": null, "highest": null)").defects, 0) << "nobody holds it";
}

TEST(Survey, WhatTheIndexShouldHaveRemovedIsOverdue) {
  const std::string long_ago = R"("et": {"$date": "2026-11-30T11:48:59Z"})";
  EXPECT_EQ(seen(long_ago).overdue, 1);
  EXPECT_EQ(seen(long_ago).overdue_held, 1);
  EXPECT_EQ(seen(long_ago + R"(, "held": 0)").overdue_held, 0);
  EXPECT_EQ(seen(long_ago + R"(, "observed": true)").overdue, 0) << "it stays for ever";
  EXPECT_EQ(seen(R"("et": {"$date": "2026-11-30T11:49:01Z"})").overdue, 0) << "grace and patience are not over";
}

TEST(Survey, TheLargestAndTheLongestAreKept) {
  survey s;
  for (const char* more :
       {R"("_id": "x", "queue": 9, "admitted": 2)", R"("_id": "y", "queue": 8, "bytes": 700)", R"("_id": "z")"}) {
    s.add(from_json(std::string("{") + more + ", " + kLock + "}").get(), kGrace);
  }
  EXPECT_EQ(std::make_pair(s.longest.id, s.longest.number), std::make_pair(std::string("y"), std::int64_t{8}));
  EXPECT_EQ(std::make_pair(s.largest.id, s.largest.number), std::make_pair(std::string("y"), std::int64_t{700}));
  EXPECT_EQ(s.seen, 3);
}

TEST(Survey, OnlyAFewAreNamed) {
  survey s;
  for (int i = 0; i < 10; ++i) s.add(from_json(R"({"_id": "x", "bytes": 90})").get(), kGrace);
  EXPECT_EQ(s.foreign, 10);
  EXPECT_EQ(s.foreign_ones.size(), survey::examples);
}

TEST(Login, IsReadFromConnectionStatus) {
  login_facts who;
  read_login(from_json(R"({"authInfo": {"authenticatedUsers": [{"user": "u", "db": "d"}],
    "authenticatedUserPrivileges": [{"resource": {"anyResource": true}, "actions": ["find"]},
      {"resource": {"cluster": true}, "actions": ["top"]}, {"resource": {"db": "a", "collection": ""}, "actions": ["x", "y"]}]}})")
                 .get(),
             who);
  EXPECT_EQ(who.user + "@" + who.db, "u@d");
  ASSERT_EQ(who.privileges.size(), 3u);
  EXPECT_TRUE(who.privileges[0].anything);
  EXPECT_TRUE(who.privileges[1].cluster);
  EXPECT_EQ(who.privileges[2].db, "a");
  EXPECT_EQ(who.privileges[2].actions.size(), 2u);
}

TEST(Indexes, OnlyThoseThatBeginWithEtCount) {
  index_facts found;
  read_indexes(
      from_json(
          R"({"cursor": {"firstBatch": [{"key": {"_id": 1}, "name": "_id_"}, {"key": {"x": 1, "et": 1}, "name": "x"},
    {"key": {"et": -1}, "name": "a"}, {"key": {"et": 1}, "name": "b", "expireAfterSeconds": 60}]}})")
          .get(),
      found);
  ASSERT_EQ(found.indexes.size(), 2u);
  EXPECT_FALSE(found.indexes[0].seconds);
  EXPECT_EQ(found.indexes[1].seconds, 60);
}

url_facts of(const std::string& url) {
  return facts_of(parse_connection_string(url, "url").get());
}

TEST(Url, ItsOptionsAreSeen) {
  const auto plain = of("mongodb://localhost,127.0.0.1:5,[::1]/");
  EXPECT_TRUE(plain.ignored.empty() && plain.remote_hosts.empty());
  EXPECT_FALSE(plain.tls || plain.unverified || plain.direct);
  EXPECT_EQ(plain.max_pool_size, 0);
  const auto u =
      of("mongodb://db1,localhost/?tls=true&tlsInsecure=true&maxPoolSize=2&retryWrites=true&w=2&journal=true");
  EXPECT_EQ(u.remote_hosts, std::vector<std::string>{"db1:27017"});
  EXPECT_TRUE(u.tls && u.unverified);
  EXPECT_EQ(u.max_pool_size, 2);
  EXPECT_EQ(u.ignored.size(), 3u) << ::testing::PrintToString(u.ignored);
  EXPECT_EQ(of("mongodb://a/?readPreference=nearest&readConcernLevel=local").ignored.size(), 2u);
  EXPECT_TRUE(of("mongodb://a/?directConnection=true").direct);
  EXPECT_TRUE(of("mongodb://a/?tls=true&tlsAllowInvalidCertificates=true").unverified);
}

TEST(Hello, TellsTheStateAndTheVersion) {
  const auto state = [](const std::string& hello) { return state_in(from_json("{" + hello + "}").get()); };
  EXPECT_EQ(state(R"("setName": "a", "isWritablePrimary": true)"), member_state::primary);
  EXPECT_EQ(state(R"("setName": "a", "ismaster": true)"), member_state::primary);
  EXPECT_EQ(state(R"("setName": "a", "secondary": true)"), member_state::secondary);
  EXPECT_EQ(state(R"("setName": "a", "secondary": false, "arbiterOnly": true)"), member_state::arbiter);
  EXPECT_EQ(state(R"("setName": "a", "isWritablePrimary": false, "secondary": false)"), member_state::other);
  EXPECT_EQ(state(R"("isreplicaset": true, "isWritablePrimary": false)"), member_state::other);
  EXPECT_EQ(state(R"("isWritablePrimary": true)"), member_state::standalone);
  EXPECT_EQ(state(R"("isWritablePrimary": true, "msg": "isdbgrid")"), member_state::mongos);
  EXPECT_EQ(version_in(from_json(R"({"maxWireVersion": 25})").get()), "8.0");
  EXPECT_EQ(version_in(from_json(R"({"maxWireVersion": 99})").get()), "");
}

TEST(Hello, NamesAllMembersOfItsSet) {
  const auto hello =
      from_json(R"({"hosts": ["A:1", "b:2"], "passives": ["c:3"], "arbiters": ["d:4"], "me": "a:1", "x": ["e:5"]})");
  EXPECT_EQ(members_in(hello.get()), (std::vector<std::string>{"a:1", "b:2", "c:3", "d:4"}));
  EXPECT_TRUE(members_in(from_json(R"({"msg": "isdbgrid"})").get()).empty());
}

TEST(Hello, EachStateHasAName) {
  std::vector<std::string> names;
  for (const auto state : {member_state::primary, member_state::secondary, member_state::arbiter, member_state::mongos,
                           member_state::standalone, member_state::other, member_state::unknown}) {
    names.emplace_back(to_string(state));
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"primary", "secondary", "arbiter", "mongos", "standalone", "other", "unknown"}));
}

}  // namespace
}  // namespace dlock
