// What every channel does: the one in memory that the client's tests run on, and MongoDB's capped collections.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <optional>

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
  /// One whose author's clock is so many seconds ahead; or, further than any, with the greatest time that an id can
  /// have.
  void insert_by_clock(const std::string& word, std::optional<std::int64_t> ahead) {
    using std::chrono::system_clock;
    const auto now = std::chrono::floor<std::chrono::seconds>(system_clock::now().time_since_epoch()).count();
    const auto seconds = static_cast<std::uint32_t>(ahead ? now + *ahead : 0xffff'ffff);
    std::array<std::uint8_t, 12> id{};
    for (std::size_t i = 0; i < 4; ++i) id[i] = static_cast<std::uint8_t>(seconds >> (24 - 8 * i));
    id[11] = ++ids_;
    bson_oid_t oid;
    bson_oid_init_from_data(&oid, id.data());
    auto document = words({word});
    bson_append_oid(document.front().get(), "_id", 3, &oid);
    insert_all(document);
  }
  void insert_all(const std::vector<bson>& documents) {
    const auto a = harness_->notices().insert(everything_, documents);
    ASSERT_EQ(a.what, answer::kind::replied) << a.why;
  }
  channel& notices() { return harness_->notices(); }

  const channel::feed everything_{"notices", 1 << 20, ""};
  const channel::feed mine_{"notices", 1 << 20, "me"};
  std::unique_ptr<channel_harness> harness_ = make_channel_harness();
  channel::place place_;
  std::uint8_t ids_ = 0;
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

TEST_F(Channel, AnIdFromTheFutureMakesNobodyDeaf) {
  insert_by_clock("old", {});
  {
    listening one(notices(), everything_, &place_);
    ASSERT_TRUE(one.hears("open"));
    insert({"a"});
    ASSERT_TRUE(one.hears("open a")) << one.heard() << ": it begins behind one from the future";
    insert_by_clock("b", {});
    insert_by_clock("c", 3600);
    ASSERT_TRUE(one.hears("open a b c")) << one.heard();
    one.stop(notices());
    ASSERT_TRUE(one.ends());
  }
  insert({"d"});
  {
    listening two(notices(), everything_, &place_);
    EXPECT_TRUE(two.hears("open d")) << two.heard() << ": it goes on behind one from the future";
    two.stop(notices());
    ASSERT_TRUE(two.ends());
  }
  insert_by_clock("e", 7200);
  channel::place other;
  listening two(notices(), everything_, &place_), newcomer(notices(), everything_, &other);
  ASSERT_TRUE(two.hears("open e")) << two.heard();
  ASSERT_TRUE(newcomer.hears("open"));
  insert({"f"});
  EXPECT_TRUE(two.hears("open e f")) << two.heard();
  EXPECT_TRUE(newcomer.hears("open f")) << newcomer.heard();
  two.stop(notices());
  newcomer.stop(notices());
}

TEST_F(Channel, WhoseClockIsFarBehindIsHeardAsWell) {
  constexpr std::int64_t years = 40LL * 365 * 86400;
  insert_by_clock("from the past", -years);
  insert({"a"});
  {
    listening one(notices(), everything_, &place_);
    ASSERT_TRUE(one.hears("open"));
    insert_by_clock("b", -years);
    insert({"c"});
    insert_by_clock("d", -years);
    ASSERT_TRUE(one.hears("open b c d")) << one.heard();
    one.stop(notices());
    ASSERT_TRUE(one.ends());
  }
  insert_by_clock("e", -years);
  listening two(notices(), everything_, &place_);
  ASSERT_TRUE(two.hears("open e")) << two.heard() << ": it goes on behind one from the past";
  insert({"f"});
  EXPECT_TRUE(two.hears("open e f")) << two.heard();
  two.stop(notices());
}

TEST_F(Channel, AnIdThatTellsNoTimeIsHeardAsWell) {
  insert({"old"});
  listening one(notices(), everything_, &place_);
  ASSERT_TRUE(one.hears("open"));
  auto named = words({"a"});
  append(named.front().get(), "_id", "a name");
  insert_all(named);
  EXPECT_TRUE(one.hears("open a")) << one.heard();
  one.stop(notices());
}

TEST_F(Channel, MadeAgainWithAnIdFromTheFutureItGoesOn) {
  {
    listening one(notices(), everything_, &place_);
    ASSERT_TRUE(one.hears("open"));
    insert({"a"});
    ASSERT_TRUE(one.hears("open a"));
    harness_->drop("notices");
    ASSERT_TRUE(one.ends());
  }
  insert_by_clock("not heard", {});
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
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds{2}) << "by itself it waits for 2.5 s";
}

}  // namespace
}  // namespace dlock::testing
