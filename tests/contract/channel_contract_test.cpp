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
  /// Follows from `from` on, hears this first, and ends with its scope.
  struct follower : listening {
    channel& where;
    follower(Channel& in, const std::string& first, const channel::feed& what, channel::place& from)
        : listening(in.notices(), what, &from), where(in.notices()) {
      check(first);
    }
    follower(Channel& in, const std::string& first) : follower(in, first, in.everything_, in.place_) {}
    ~follower() {
      stop(where);
      EXPECT_TRUE(ends());
    }
    void check(const std::string& all) { EXPECT_TRUE(hears(all)) << heard(); }
  };

  const channel::feed everything_{"notices", 1 << 20, ""};
  const channel::feed mine_{"notices", 1 << 20, "me"};
  std::unique_ptr<channel_harness> harness_ = make_channel_harness();
  channel::place place_;
  std::uint8_t ids_ = 0;
};

TEST_F(Channel, WhatIsInsertedIsHeardInOrder) {
  follower one(*this, "open");
  insert({"a", "b"});
  insert({"c"});
  one.check("open a b c");
}

TEST_F(Channel, AFeedOfEverythingBeginsNow) {
  insert({"old"});
  follower one(*this, "open");
  insert({"new"});
  one.check("open new");
}

TEST_F(Channel, AFeedToSomebodyIsTheirsAloneAndBeginsWithTheFirstThereIs) {
  insert({"early"}, "me");
  insert({"not mine"}, "you");
  follower one(*this, "open early", mine_, place_);
  insert({"not mine either"}, "you");
  insert({"late"}, "me");
  one.check("open early late");
}

TEST_F(Channel, GoesOnWhereItStopped) {
  {
    follower one(*this, "open");
    insert({"a"});
    one.check("open a");
    one.stop(notices());
    ASSERT_TRUE(one.ends());
    EXPECT_EQ(one.end().what, answer::kind::replied);
  }
  insert({"b", "c"});
  follower two(*this, "open b c");
}

TEST_F(Channel, WhatIsGoneIsAGap) {
  // The next id may be from the future.
  for (const bool future : {false, true}) {
    place_ = {};
    {
      follower one(*this, "open");
      insert({"a"});
      one.check("open a");
      harness_->drop("notices");
      ASSERT_TRUE(one.ends());
      EXPECT_NE(one.end().what, answer::kind::replied);
    }
    if (future) insert_by_clock("not heard", {});
    follower two(*this, "gap open");
    insert({"b"});
    two.check("gap open b");
  }
}

TEST_F(Channel, AnIdFromTheFutureMakesNobodyDeaf) {
  insert_by_clock("old", {});
  {
    follower one(*this, "open");
    insert({"a"});
    one.check("open a");  // it begins behind one from the future
    insert_by_clock("b", {});
    insert_by_clock("c", 3600);
    one.check("open a b c");
  }
  insert({"d"});
  { follower two(*this, "open d"); }  // it goes on behind one from the future
  insert_by_clock("e", 7200);
  channel::place other;
  follower two(*this, "open e"), newcomer(*this, "open", everything_, other);
  insert({"f"});
  two.check("open e f");
  newcomer.check("open f");
}

TEST_F(Channel, WhoseClockIsFarBehindIsHeardAsWell) {
  constexpr std::int64_t years = 40LL * 365 * 86400;
  insert_by_clock("from the past", -years);
  insert({"a"});
  {
    follower one(*this, "open");
    insert_by_clock("b", -years);
    insert({"c"});
    insert_by_clock("d", -years);
    one.check("open b c d");
  }
  insert_by_clock("e", -years);
  follower two(*this, "open e");  // it goes on behind one from the past
  insert({"f"});
  two.check("open e f");
}

TEST_F(Channel, AnIdThatTellsNoTimeIsHeardAsWell) {
  insert({"old"});
  follower one(*this, "open");
  auto named = words({"a"});
  append(named.front().get(), "_id", "a name");
  insert_all(named);
  one.check("open a");
}

TEST_F(Channel, AnInterruptedFollowerLeavesTheOthersAlone) {
  channel::place other;
  follower one(*this, "open"), two(*this, "open", everything_, other);
  insert({"a"});
  one.check("open a");
  two.check("open a");
  one.stop(notices());
  ASSERT_TRUE(one.ends());
  insert({"b"});
  two.check("open a b");
}

TEST_F(Channel, StopsAtOnceWhenInterrupted) {
  follower one(*this, "open");
  const auto before = std::chrono::steady_clock::now();
  one.stop(notices());
  ASSERT_TRUE(one.ends());
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds{2}) << "by itself it waits for 2.5 s";
}

}  // namespace
}  // namespace dlock::testing
