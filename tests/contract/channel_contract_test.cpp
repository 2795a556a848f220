// What every channel does: the one in memory that the client's tests run on, and MongoDB's capped collections.
#include <gtest/gtest.h>

#include "contract/channel_harness.hpp"
#include "contract/listening.hpp"

namespace dlock::testing {
namespace {

class Channel : public ::testing::Test {
 protected:
  void insert(const std::vector<std::string>& all, const std::string& to = "") {
    const auto a = harness_->notices().insert({"notices", 1 << 20, to}, words(all, to));
    ASSERT_EQ(a.what, answer::kind::replied) << a.why;
  }
  channel& notices() { return harness_->notices(); }

  const channel::feed everything_{"notices", 1 << 20, ""};
  const channel::feed mine_{"notices", 1 << 20, "me"};
  std::unique_ptr<channel_harness> harness_ = make_channel_harness();
  channel::place place_;
};

TEST_F(Channel, WhatIsInsertedIsHeardInOrder) {
  listening one(notices(), everything_, &place_);
  ASSERT_TRUE(one.hears("open"));
  insert({"a", "b"});
  insert({"c"});
  EXPECT_TRUE(one.hears("open a b c")) << one.heard();
  one.stop(notices());
}

TEST_F(Channel, AFeedOfEverythingBeginsNow) {
  insert({"old"});
  listening one(notices(), everything_, &place_);
  ASSERT_TRUE(one.hears("open"));
  insert({"new"});
  EXPECT_TRUE(one.hears("open new")) << one.heard();
  one.stop(notices());
}

TEST_F(Channel, AFeedToSomebodyIsTheirsAloneAndBeginsWithTheFirstThereIs) {
  insert({"early"}, "me");
  insert({"not mine"}, "you");
  listening one(notices(), mine_, &place_);
  ASSERT_TRUE(one.hears("open early")) << one.heard();
  insert({"not mine either"}, "you");
  insert({"late"}, "me");
  EXPECT_TRUE(one.hears("open early late")) << one.heard();
  one.stop(notices());
}

TEST_F(Channel, EverybodyHearsEverything) {
  channel::place other;
  listening one(notices(), everything_, &place_), two(notices(), everything_, &other);
  ASSERT_TRUE(one.hears("open") && two.hears("open"));
  insert({"a"});
  EXPECT_TRUE(one.hears("open a")) << one.heard();
  EXPECT_TRUE(two.hears("open a")) << two.heard();
  one.stop(notices());
  two.stop(notices());
}

TEST_F(Channel, GoesOnWhereItStopped) {
  {
    listening one(notices(), everything_, &place_);
    ASSERT_TRUE(one.hears("open"));
    insert({"a"});
    ASSERT_TRUE(one.hears("open a"));
    one.stop(notices());
    ASSERT_TRUE(one.ends());
    EXPECT_EQ(one.end().what, answer::kind::replied);
  }
  insert({"b", "c"});
  listening two(notices(), everything_, &place_);
  EXPECT_TRUE(two.hears("open b c")) << two.heard();
  two.stop(notices());
}

TEST_F(Channel, WhatIsGoneIsAGap) {
  {
    listening one(notices(), everything_, &place_);
    ASSERT_TRUE(one.hears("open"));
    insert({"a"});
    ASSERT_TRUE(one.hears("open a"));
    harness_->drop("notices");
    ASSERT_TRUE(one.ends());
    EXPECT_NE(one.end().what, answer::kind::replied);
  }
  listening two(notices(), everything_, &place_);
  ASSERT_TRUE(two.hears("gap open")) << two.heard();
  insert({"b"});
  EXPECT_TRUE(two.hears("gap open b")) << two.heard();
  two.stop(notices());
}

TEST_F(Channel, AnInterruptedFollowerLeavesTheOthersAlone) {
  channel::place other;
  listening one(notices(), everything_, &place_), two(notices(), everything_, &other);
  ASSERT_TRUE(one.hears("open") && two.hears("open"));
  one.stop(notices());
  ASSERT_TRUE(one.ends());
  insert({"a"});
  EXPECT_TRUE(two.hears("open a")) << two.heard();
  two.stop(notices());
}

TEST_F(Channel, StopsAtOnceWhenInterrupted) {
  listening one(notices(), everything_, &place_);
  ASSERT_TRUE(one.hears("open"));
  std::this_thread::sleep_for(std::chrono::milliseconds{50});
  const auto before = std::chrono::steady_clock::now();
  one.stop(notices());
  ASSERT_TRUE(one.ends());
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::milliseconds{500});
}

}  // namespace
}  // namespace dlock::testing
