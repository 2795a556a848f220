// What the simulated set does when something goes wrong: what a set of MongoDB does.
#include "simulator/replica_set.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace dlock::simulator {
namespace {

using protocol::operation;
using protocol::request;

class ReplicaSet : public ::testing::Test {
 protected:
  ReplicaSet() { run(10); }

  static request ask(operation op, const std::string& id) {
    request r;
    r.op = op;
    r.lock = "lock";
    r.id = id;
    r.delta = 60'000;
    return r;
  }
  void run(protocol::ms time) { events.run_until(events.now() + time * ticks_per_ms); }
  std::shared_ptr<std::optional<answer>> send(std::size_t to, const request& r) {
    auto told = std::make_shared<std::optional<answer>>();
    set.command(to, r, [told](const answer& a) { *told = a; });
    return told;
  }
  [[nodiscard]] std::size_t primary() const { return set.primary().value(); }
  [[nodiscard]] std::size_t holders() const {
    const auto v = set.committed().get("lock");
    return v ? v->what.holders.size() : 0;
  }

  agenda events;
  chance luck{7};
  trace notes;
  replica_set set{events, luck, notes};
};

TEST_F(ReplicaSet, AnAnswerComesWhenAMajorityHasIt) {
  const auto told = send(primary(), ask(operation::try_, "a"));
  events.run_until(events.now() + 10);
  EXPECT_FALSE(told->has_value());
  EXPECT_EQ(holders(), 0U);
  run(20);
  ASSERT_TRUE(told->has_value());
  EXPECT_TRUE((*told)->reply.mine);
  EXPECT_EQ(holders(), 1U);
}

TEST_F(ReplicaSet, OneOfTwoOthersIsEnough) {
  set.crash((primary() + 1) % 3);
  const auto told = send(primary(), ask(operation::try_, "a"));
  run(50);
  ASSERT_TRUE(told->has_value());
  EXPECT_EQ((*told)->what, answer::kind::replied);
}

TEST_F(ReplicaSet, WithoutAMajorityNobodyIsPrimary) {
  const auto old = primary();
  set.crash((old + 1) % 3);
  set.crash((old + 2) % 3);
  run(30'000);
  EXPECT_FALSE(set.primary());
  set.restart((old + 1) % 3);
  run(10'000);
  EXPECT_TRUE(set.primary());
}

TEST_F(ReplicaSet, ACommandThatWaitsHasAStaleTime) {
  set.crowd(100, 1000 * ticks_per_ms);
  const auto before = set.clock(primary());
  const auto told = send(primary(), ask(operation::try_, "a"));
  run(2000);
  ASSERT_TRUE(told->has_value());
  EXPECT_EQ((*told)->reply.now, before);
}

TEST_F(ReplicaSet, APeekSeesWhatAMajorityHas) {
  for (std::size_t i = 0; i < 3; ++i) set.slow_down(i, 500 * ticks_per_ms);
  (void)send(primary(), ask(operation::try_, "a"));
  run(5);
  const auto soon = send(primary(), ask(operation::peek, "a"));
  run(5);
  ASSERT_TRUE(soon->has_value());
  EXPECT_FALSE((*soon)->reply.mine);
}

}  // namespace
}  // namespace dlock::simulator
