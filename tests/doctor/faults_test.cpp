#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include <dlock/text.hpp>

#include "doctor/checks.hpp"
#include "doctor/deployment.hpp"

/// Faults, planted one at a time into the facts of a deployment in which nothing is wrong. Each is found, by the check
/// that is for it and by no other one.
namespace dlock::doctor {
namespace {

struct fault {
  const char* name;
  const char* check;
  severity level;
  std::function<void(facts&)> plant;
  const char* says;  // a part of the line
};

std::ostream& operator<<(std::ostream& out, const fault& f) {
  return out << f.name;
}

const std::vector<fault>& faults() {
  static const std::vector<fault> all{
      {"MemberDown", "members", finding, [](facts& f) { f.members[2] = down("c:27017"); },
       "c:27017 does not answer: connection refused"},
      {"MemberRecovers", "members", finding,
       [](facts& f) {
         f.members[2].state = member_state::other;
         f.members.push_back(member("d:27017", member_state::secondary));
       },
       "c:27017 is neither"},
      {"OneMember", "majority", hint, [](facts& f) { f.members.resize(1); }, "one member"},
      {"Arbiter", "majority", hint, [](facts& f) { f.members[2] = member("c:27017", member_state::arbiter); },
       "an arbiter acknowledges nothing"},
      {"Standalone", "topology", finding, [](facts& f) { f.members = {member("a:27017", member_state::standalone)}; },
       "standalone"},
      {"Mongos", "topology", hint, [](facts& f) { f.members = {member("a:27017", member_state::mongos)}; }, "mongos"},
      {"DirectConnection", "topology", hint,
       [](facts& f) {
         f.url.direct = true;
         f.members.resize(1);
       },
       "directConnection=true"},
      {"TooOld", "versions", finding,
       [](facts& f) {
         for (auto& m : f.members) m.version = "4.2.24";
       },
       "dlock needs 4.4"},
      {"NoSupport", "versions", hint,
       [](facts& f) {
         for (auto& m : f.members) m.version = "6.0.19";
       },
       "MongoDB 6.0 has had no support since 2025-07-31"},
      {"Mixed", "versions", hint, [](facts& f) { f.members[1].version = "7.0.12"; }, "7.0.12 and 8.0.4"},
      {"ClocksApart", "clocks", finding, [](facts& f) { f.members[1].clock_offset = 3ms + 502ms; },
       "the clock of b:27017 is 502.0 ms (+-1.4 ms) ahead of that of "},
      {"ClocksBehind", "clocks", finding, [](facts& f) { f.members[0].clock_offset = 3ms - 600ms; }, " of a:27017"},
      {"ClocksDrift", "clocks", hint, [](facts& f) { f.members[1].clock_offset = 3ms + 300ms; },
       "more than half of clock_skew"},
      {"ClocksApartForLittleSkew", "clocks", finding,
       [](facts& f) { f.clock_skew = 10ms, f.members[2].clock_offset = -10ms; }, "clock_skew (10.0 ms)"},
      {"ThisClock", "this-clock", hint,
       [](facts& f) {
         for (auto& m : f.members) m.clock_offset = 5s;
       },
       "this machine's clock is 5.00 s behind that of a:27017"},
      {"IgnoredOptions", "url", hint,
       [](facts& f) {
         f.url.ignored = {"w", "readpreference"};
       },
       "w and readpreference"},
      {"TinyPool", "pool", finding, [](facts& f) { f.url.max_pool_size = 2; }, "maxPoolSize is 2"},
      {"SmallPool", "pool", hint, [](facts& f) { f.url.max_pool_size = 9; }, "maxPoolSize is 9"},
      {"NoTls", "tls", hint, [](facts& f) { f.url.tls = false; }, "no TLS to db1.example:27017"},
      {"AnyCertificate", "tls", finding, [](facts& f) { f.url.unverified = true; }, "any certificate"},
      {"OldDriver", "driver", finding, [](facts& f) { f.driver = "1.17.7"; }, "libmongoc 1.17.7"},
      {"NewDriver", "driver", hint, [](facts& f) { f.driver = "3.0.0"; }, "libmongoc 3.0.0"},
      {"NoLogin", "rights", finding,
       [](facts& f) {
         f.login = f.notices_login = {};
         f.login.look = f.notices_login.look = done();
         f.surveyed = not_done(looked::end::refused, "requires authentication");
         f.index.look = f.surveyed;
       },
       "nobody has logged in"},
      {"NoAccessControl", "rights", hint,
       [](facts& f) {
         f.login = f.notices_login = {};
         f.login.look = f.notices_login.look = done();
       },
       "wants no login"},
      {"ReadOnly", "rights", finding,
       [](facts& f) {
         f.login.privileges[0].actions = {"find", "listIndexes"};
       },
       "may not insert, update, createIndex on dlocks.dlocks"},
      {"InboxesNotCovered", "rights", finding,
       [](facts& f) { f.notices_login.privileges[2].coll = "mongo_dlock_notif"; }, "on mongo_dlock_notif;"},
      {"NoHistory", "rights", hint, [](facts& f) { f.login.privileges[1].actions = {"find"}; },
       "may not insert, update, createIndex on dlocks.dlocks.history; dlock run records nothing"},
      {"OtherCollection", "rights", finding, [](facts& f) { f.login.privileges[0].coll = "locks"; },
       "may not find, insert, update, createIndex, listIndexes"},
      {"Root", "more-rights", hint,
       [](facts& f) { f.login.privileges.push_back({.anything = true, .actions = {"anyAction"}}); }, "everything"},
      {"WritesElsewhere", "more-rights", hint,
       [](facts& f) {
         f.login.privileges.push_back({.db = "shop", .actions = {"find", "update"}});
       },
       "database shop"},
      {"NoIndex", "ttl-index", finding, [](facts& f) { f.index.indexes.clear(); },
       R"(db.getSiblingDB("dlocks").getCollection("dlocks").createIndex({et: 1}, {expireAfterSeconds: 60}))"},
      {"NotTtl", "ttl-index", finding, [](facts& f) { f.index.indexes[0].seconds.reset(); }, R"(dropIndex("et_1"))"},
      {"OtherGrace", "ttl-index", hint, [](facts& f) { f.index.indexes[0].seconds = 600; },
       R"(collMod: "dlocks", index: {name: "et_1", expireAfterSeconds: 60}})"},
      {"ShortGrace", "ttl-index", finding, [](facts& f) { f.grace = 5s, f.index.indexes[0].seconds = 5; },
       "expireAfterSeconds: 30"},
      {"ChannelNotCapped", "notifications", finding, [](facts& f) { f.feeds.capped = false; },
       R"({convertToCapped: "mongo_dlock_notif", size: 5242880})"},
      {"InboxNotCapped", "notifications", finding, [](facts& f) { f.feeds.uncapped = {"mongo_dlock_notif.inbox.7"}; },
       R"({convertToCapped: "mongo_dlock_notif.inbox.7", size: 1048576})"},
      {"NoNotices", "notifications", finding,
       [](facts& f) {
         f.feeds = {};
         f.feeds.contact = not_done(looked::end::failed, "no route");
       },
       "no route"},
      {"Foreign", "foreign", finding,
       [](facts& f) {
         f.locks.foreign = 5, f.locks.foreign_ones = {{"a"}, {"b\x1b"}, {""}};
       },
       R"(5 documents are no lock: "a", "b\x1b", one whose _id is not a string and 2 more)"},
      {"Fence", "numbers", finding,
       [](facts& f) {
         f.locks.defects = 1, f.locks.defect_ones = {{R"(a"b)", 0, "fence"}};
       },
       R"(updateOne({_id: "a\"b"}, {$unset: {fence: 1}}))"},
      {"Holder", "numbers", finding,
       [](facts& f) {
         f.locks.defects = 1, f.locks.defect_ones = {{"a", 0, "holders.fence"}};
       },
       R"(dlock release --force "a")"},
      {"Overdue", "overdue", finding,
       [](facts& f) {
         f.locks.overdue = 2, f.locks.overdue_held = 1, f.locks.overdue_ones = {{"a"}, {"b"}};
       },
       "2 locks should have been removed long ago, 1 of them with a holder that expired: \"a\" and \"b\""},
      {"Large", "sizes", hint,
       [](facts& f) {
         f.locks.largest = {"a", 2'000'000};
       },
       "has 1953 KiB"},
      {"TooLarge", "sizes", finding,
       [](facts& f) {
         f.locks.largest = {"a", 9'000'000};
       },
       "dlock show \"a\""},
      {"LongQueue", "sizes", hint,
       [](facts& f) {
         f.locks.longest = {"a", 1000};
       },
       "1000 wait for \"a\""},
      {"TooLongQueue", "sizes", finding,
       [](facts& f) {
         f.locks.longest = {"a", 5000};
       },
       "5000 wait"},
      {"TooMany", "sizes", hint, [](facts& f) { f.locks.whole = false; }, "only 10 documents"},
  };
  return all;
}

/// A fault in one place that must be seen in others, too.
const std::map<std::string, std::set<std::string>> also{
    {"NoLogin", {"ttl-index", "foreign", "numbers", "overdue", "sizes"}}};

class Planted : public ::testing::TestWithParam<fault> {};

TEST_P(Planted, IsFound) {
  const auto& p = GetParam();
  auto f = healthy();
  p.plant(f);
  const auto all = judged(f);
  auto found = complaints(all);
  EXPECT_EQ(found[p.check], p.level) << text_of(all);
  EXPECT_NE(text_of(all).find(p.says), std::string::npos) << text_of(all);
  found.erase(p.check);
  if (const auto more = also.find(p.name); more != also.end()) {
    for (const auto& check : more->second) found.erase(check);
  }
  EXPECT_TRUE(found.empty()) << text_of(all);
  for (const auto& d : all) {
    EXPECT_EQ(d.what + d.consequence + d.command, printable(d.what + d.consequence + d.command));
    EXPECT_EQ(d.consequence.empty(), d.level == severity::ok) << d.check;
  }
}

INSTANTIATE_TEST_SUITE_P(Faults, Planted, ::testing::ValuesIn(faults()),
                         [](const auto& each) { return std::string(each.param.name); });

TEST(Doctor, WhatIsJustGoodEnoughIsNoFault) {
  const std::vector<std::function<void(facts&)>> changes{
      [](facts& f) { f.url.max_pool_size = 10; },
      [](facts& f) { f.driver = "2.5.1"; },
      [](facts& f) { f.driver = "1.30.4"; },
      [](facts& f) { f.grace = 30s, f.index.indexes[0].seconds = 30; },
      [](facts& f) { f.login.privileges.push_back({.db = "shop", .actions = {"find"}}); },
      [](facts& f) { f.login.privileges.push_back({.cluster = true, .actions = {"createUser"}}); },
      [](facts& f) { f.members.resize(2); },
      [](facts& f) { f.feeds.there = false; },
      [](facts& f) { f.feeds.unseen = 2; },
      [](facts& f) { f.locks.largest.number = (1 << 20) - 1; },
      [](facts& f) { f.locks.longest.number = 999; },
      [](facts& f) { f.url.tls = false, f.url.remote_hosts.clear(); },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    auto f = healthy();
    changes[i](f);
    EXPECT_EQ(text_of(judged(f)), "") << i;
  }
  auto f = healthy();
  for (auto& m : f.members) m.version = "4.4.0";
  EXPECT_EQ(complaints(judged(f)), (std::map<std::string, severity>{{"versions", hint}})) << "the oldest that works";
}

}  // namespace
}  // namespace dlock::doctor
