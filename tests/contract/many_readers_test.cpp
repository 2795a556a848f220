// What a release costs the server grows with the number of readers that it lets in, not with its square.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "contract/server_time.hpp"
#include "protocol/command_parts.hpp"
#include "protocol/pipeline.hpp"
#include "support/codec.hpp"
#include "support/mongo.hpp"

namespace dlock::testing {
namespace {

using namespace protocol;

constexpr ms kLong = 3'600'000;

document with_readers(int readers) {
  const ms now =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  document d;
  d.lockd = lockd_flag::one;
  d.ct = d.mine = now;
  d.et = now + kLong;
  d.holders.push_back({.id = "writer",
                       .delta = kLong,
                       .since = now,
                       .until = now + kLong,
                       .fence = token_step,
                       .who = "",
                       .client = ""});
  for (int i = 0; i < readers; ++i) {
    d.waiters.push_back({.id = std::to_string(i),
                         .what = {.exclusive = false, .weight = 1},
                         .delta = kLong,
                         .term = kLong,
                         .seen = now,
                         .until = now + kLong,
                         .who = "reader",
                         .client = "inbox",
                         .since = now,
                         .value = ""});
  }
  return d;
}

/// The least of some: whatever else the server does makes it more.
std::chrono::duration<double> time_of_release(connection& server, const std::string& db, int readers) {
  const std::string coll = "readers" + std::to_string(readers);
  request r{.op = operation::release, .id = "writer"};
  std::chrono::duration<double> best = std::chrono::hours(1);
  for (int round = 0; round < 5; ++round) {
    r.lock = std::to_string(round);
    std::vector<bson> one;
    one.push_back(encode(r.lock, with_readers(readers), false));
    server.insert(db, coll, one);
    const auto c = command(r, {.coll = coll});
    const auto before = computed(server);
    const auto told = server.run(db, c.get());
    best = std::min(best, computed(server) - before);
    EXPECT_TRUE(told.ok) << told.error;
  }
  const auto all = server.find_all(db, coll, make_bson().get());
  for (const auto& d : all) EXPECT_EQ(decode(d.get()).holders.size(), static_cast<std::size_t>(readers));
  return best;
}

TEST(Admission, ManyReadersCostTheServerAccordingToTheirNumber) {
  const scratch_database db("dlock_readers");
  connection server;
  const auto few = time_of_release(server, db.name(), 250);
  const auto many = time_of_release(server, db.name(), 4000);
  std::printf("250 readers %.1f ms, 4,000 readers %.1f ms\n", few.count() * 1e3, many.count() * 1e3);
  EXPECT_LT(many / few, 40) << "16 times as many: the square would be 256 times";
}

}  // namespace
}  // namespace dlock::testing
