// What it costs to list ten thousand locks, which `dlock metrics` does at each scrape.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include <dlock/client.hpp>

#include "contract/server_time.hpp"
#include "support/codec.hpp"
#include "support/mongo.hpp"

namespace dlock::testing {
namespace {

using namespace protocol;
using milliseconds = std::chrono::duration<double, std::milli>;

constexpr int kLocks = 10'000;

document held(ms now) {
  document d;
  d.fence = 7000;
  d.rev = 2;
  d.lockd = lockd_flag::one;
  d.ct = d.mine = now;
  d.et = now + 3'600'000;
  d.holders.push_back({.id = "0f0e0d0c-0b0a-0908-0706-050403020100",
                       .delta = 30'000,
                       .since = now,
                       .until = now + 3'600'000,
                       .fence = 7000,
                       .who = "some-host.example:12345 nightly-report",
                       .client = "00010203-0405-0607-0809-0a0b0c0d0e0f"});
  return d;
}

std::vector<bson> locks_of(int number) {
  const ms now =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  std::vector<bson> out;
  for (int i = 0; i < number; ++i) out.push_back(encode("team/job-" + std::to_string(100'000 + i), held(now)));
  return out;
}

TEST(List, IsReadAgainIfItsCursorIsLost) {
  const scratch_database db("dlock_many");
  connection server;
  server.insert(db.name(), "dlocks", locks_of(300));
  const client locks({.url = test_url(), .db = db.name()});
  for (const char* code : {"43", "237", "11600"}) {
    const auto failing = from_json(R"({"configureFailPoint": "failCommand", "mode": {"times": 1},
      "data": {"failCommands": ["getMore"], "errorCode": )" +
                                   std::string(code) + "}}");
    ASSERT_TRUE(server.run("admin", failing.get()).ok);
    EXPECT_EQ(locks.list().size(), 300U) << code;
  }
}

TEST(List, TenThousandLocksAreReadByOneCursor) {
  const scratch_database db("dlock_many");
  connection server;
  server.insert(db.name(), "dlocks", locks_of(kLocks));
  const client locks({.url = test_url(), .db = db.name()});
  // The least of some: whatever else the machine does makes it more.
  milliseconds took{1e9}, computing{1e9};
  for (int round = 0; round < 7; ++round) {
    const auto before = computed(server);
    const auto begin = std::chrono::steady_clock::now();
    const auto seen = locks.list();
    took = std::min<milliseconds>(took, std::chrono::steady_clock::now() - begin);
    computing = std::min<milliseconds>(computing, computed(server) - before);
    ASSERT_EQ(seen.size(), static_cast<std::size_t>(kLocks));
    EXPECT_EQ(seen.back().id, "team/job-109999");
  }
  std::printf("10,000 locks: listed in %.1f ms, for which the server computed %.1f ms\n", took.count(),
              computing.count());
  EXPECT_LT(computing.count(), 50);
}

}  // namespace
}  // namespace dlock::testing
