// What becomes of requests when something happens to the set: on a real one, and on the simulator's.
#include <gtest/gtest.h>

#include <stdexcept>

#include "contract/set_harness.hpp"

namespace dlock::testing {
namespace {

using protocol::operation;
using protocol::request;

class SetFaults : public ::testing::Test {
 protected:
  [[nodiscard]] static request ask(operation op, const std::string& id) {
    request r;
    r.op = op;
    r.lock = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    r.id = id;
    r.delta = r.life = r.term = 600'000;  // nothing is over by the clock
    return r;
  }
  [[nodiscard]] answer done(const request& r) { return set->send(set->primary(), r)->result(); }
  /// Asks again until there is an answer, as a client does. After an election a majority may need longer than one
  /// command waits: MongoDB 4.4 stays half a minute with a member that was stopped.
  [[nodiscard]] protocol::reply settled(const request& r) {
    for (int times = 0; times < 6; ++times) {
      if (const auto a = done(r); a.what == answer::kind::replied) return a.reply;
    }
    throw std::runtime_error("no answer to " + r.id);
  }
  /// Nobody else has what this member writes, or: they copy it again.
  void stop_copies(std::size_t of, bool stopped = true) {
    for (std::size_t i = 0; i < set_harness::members; ++i) {
      if (i != of) set->stop_copying(i, stopped);
    }
  }
  void there(std::size_t member, const std::string& id, bool holds = true) {
    set->wait_until_there(member, ask(operation::peek, id).lock, id, holds);
  }
  /// It has sent something to the primary, which nobody else has; another one is elected.
  void fail_over(std::size_t from) {
    set->stop(from);
    stop_copies(from, false);
    set->wait_for_another_primary(from);
  }
  [[nodiscard]] bool holds(const std::string& id) { return settled(ask(operation::renew, id)).mine.has_value(); }

  const std::unique_ptr<set_harness> set = make_set();
};

TEST_F(SetFaults, WhatNoMajorityHasIsTakenBack) {
  const auto old = set->primary();
  stop_copies(old);
  const auto first = set->send(old, ask(operation::try_, "a"));
  there(old, "a");
  EXPECT_FALSE(first->is_answered());
  fail_over(old);
  EXPECT_TRUE(settled(ask(operation::try_, "b")).mine);
  set->go_on(old);
  set->wait_until_it_follows(old);
  const auto told = first->result();
  EXPECT_EQ(told.what, answer::kind::no_answer) << "or there were two holders";
  EXPECT_TRUE(told.in_doubt);
  there(old, "a", false);
  EXPECT_TRUE(holds("b"));
  EXPECT_FALSE(holds("a"));
}

TEST_F(SetFaults, AReleaseThatIsTakenBackLeavesItsHolderThere) {
  ASSERT_TRUE(settled(ask(operation::try_, "a")).mine);
  const auto old = set->primary();
  stop_copies(old);
  const auto release = set->send(old, ask(operation::release, "a"));
  there(old, "a", false);
  const auto next = set->send(old, ask(operation::try_, "b"));
  there(old, "b");
  fail_over(old);
  set->go_on(old);
  set->wait_until_it_follows(old);
  EXPECT_TRUE(release->result().in_doubt);
  EXPECT_TRUE(next->result().in_doubt);
  EXPECT_TRUE(holds("a"));
  EXPECT_FALSE(holds("b"));
}

TEST_F(SetFaults, AnEarlyReleaseIsAnsweredByThePrimaryAloneAndCanBeTakenBack) {
  ASSERT_TRUE(settled(ask(operation::try_, "a")).mine);
  const auto old = set->primary();
  stop_copies(old);
  auto release = ask(operation::release, "a");
  release.how = protocol::form::express;
  release.early = true;
  const auto told = set->send(old, release)->result();
  EXPECT_TRUE(told.early && told.reply.found) << told.why;
  const auto next = set->send(old, ask(operation::try_, "b"));
  there(old, "b");
  EXPECT_FALSE(next->is_answered()) << "a grant waits for a majority, which has the release, too";
  fail_over(old);
  set->go_on(old);
  set->wait_until_it_follows(old);
  EXPECT_TRUE(next->result().in_doubt);
  EXPECT_TRUE(holds("a"));
  EXPECT_FALSE(holds("b"));
}

TEST_F(SetFaults, WhatWaitsForAMajorityIsAnsweredWhenThereIsOne) {
  const auto at = set->primary();
  stop_copies(at);
  const auto sent = set->send(at, ask(operation::try_, "a"));
  there(at, "a");
  EXPECT_FALSE(sent->is_answered());
  stop_copies(at, false);
  const auto told = sent->result();
  EXPECT_EQ(told.what, answer::kind::replied) << told.why;
  EXPECT_TRUE(told.reply.mine);
}

TEST_F(SetFaults, APrimaryThatWasStoppedCarriesOutNothingThatIsKept) {
  const auto old = set->primary();
  set->stop(old);
  const auto late = set->send(old, ask(operation::try_, "late"));
  set->wait_for_another_primary(old);
  EXPECT_TRUE(settled(ask(operation::try_, "a")).mine);
  set->go_on(old);
  set->wait_until_it_follows(old);
  EXPECT_EQ(late->result().what, answer::kind::no_answer);
  EXPECT_TRUE(holds("a"));
  EXPECT_FALSE(holds("late"));
}

TEST_F(SetFaults, ASecondaryCarriesOutNothingAndSaysSo) {
  const auto a = set->send((set->primary() + 1) % set_harness::members, ask(operation::try_, "a"))->result();
  EXPECT_EQ(a.what, answer::kind::no_answer) << a.why;
  EXPECT_FALSE(a.in_doubt);
  EXPECT_TRUE(settled(ask(operation::try_, "b")).mine);
}

TEST_F(SetFaults, AWriteConcernThatFailsHasBeenCarriedOut) {
  set->fail_next_write_concern();
  const auto first = done(ask(operation::try_, "a"));
  EXPECT_EQ(first.what, answer::kind::no_answer);
  EXPECT_TRUE(first.in_doubt);
  EXPECT_FALSE(settled(ask(operation::try_, "b")).mine);
  EXPECT_TRUE(holds("a"));
}

TEST_F(SetFaults, ADoubledRequestIsCarriedOutOnce) {
  const auto at = set->primary();
  const auto once = set->send(at, ask(operation::try_, "a")), again = set->send(at, ask(operation::try_, "a"));
  const auto one = once->result(), two = again->result();
  ASSERT_TRUE(one.reply.mine && two.reply.mine);
  EXPECT_EQ(one.reply.mine->fence, two.reply.mine->fence);
  const auto waits = set->send(at, ask(operation::enqueue, "b")),
             waits_too = set->send(at, ask(operation::enqueue, "b"));
  EXPECT_EQ(waits->result().reply.place, 0);
  EXPECT_EQ(waits_too->result().reply.place, 0);
  EXPECT_EQ(settled(ask(operation::peek, "b")).queue, 1);
}

TEST_F(SetFaults, ALateCopyFindsNoWayInOnlyIfThereIsATombstone) {
  ASSERT_TRUE(settled(ask(operation::try_, "a")).mine);
  for (const bool tomb : {false, true}) {
    const std::string id = tomb ? "buried" : "given up";
    auto cancel = ask(operation::cancel, id);
    cancel.tomb = tomb ? 30'000 : 0;
    EXPECT_EQ(settled(ask(operation::enqueue, id)).place, tomb ? 1 : 0);
    (void)settled(cancel);
    EXPECT_EQ(settled(ask(operation::enqueue, id)).place, tomb ? -1 : 0);
  }
}

}  // namespace
}  // namespace dlock::testing
