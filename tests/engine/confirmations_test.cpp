#include "engine/confirmations.hpp"

#include <gtest/gtest.h>

#include <string>

namespace dlock::engine {
namespace {

using protocol::operation;

struct Confirmations : ::testing::Test {
  confirmations all;

  static confirmations::item released(const std::string& id, std::int64_t token, const std::string& lock = "lock") {
    protocol::request r;
    r.op = operation::release;
    r.lock = lock;
    r.id = id;
    return {std::move(r), token, 30'000};
  }
  /// What an answer shows: the token of the first holder (0: nobody holds), and the last token of the lock.
  [[nodiscard]] std::string answered(std::int64_t first, std::int64_t fence, operation op = operation::enqueue) {
    protocol::request r;
    r.op = op;
    r.lock = "lock";
    protocol::reply a;
    a.found = true;
    a.fence = fence;
    if (first > 0) a.first = protocol::holder_summary{"", first, 0};
    const auto again = all.saw(r, a);
    return again ? again->release.id + " again" : all.size() == 0 ? "over" : "unconfirmed";
  }
  [[nodiscard]] static protocol::snapshot shown(const std::string& holder, std::int64_t fence,
                                                const std::string& lock = "lock") {
    protocol::snapshot s{.id = lock};
    s.what.fence = fence;
    if (!holder.empty()) s.what.holders.push_back({.id = holder});
    return s;
  }
  [[nodiscard]] std::string looked(const std::vector<protocol::snapshot>& seen) {
    std::string out;
    for (const auto& i : all.looked(seen)) out += i.release.id + " ";
    return out;
  }
};

TEST_F(Confirmations, ALaterAnswerShowsWhetherTheHolderIsGone) {
  EXPECT_FALSE(all.add(released("a", 5000), 0));
  EXPECT_EQ(answered(0, 4000), "unconfirmed") << "it is from before the acquisition";
  EXPECT_EQ(answered(0, 5000, operation::peek), "unconfirmed") << "a peek may be old";
  EXPECT_EQ(answered(0, 5000), "over");
  EXPECT_EQ(all.next(), never);
  (void)all.add(released("b", 6000), 0);
  EXPECT_EQ(answered(7000, 7000), "over") << "somebody else holds it";
  (void)all.add(released("c", 8000), 0);
  EXPECT_EQ(answered(8000, 8000), "c again");
  EXPECT_EQ(all.size(), 0U);
}

TEST_F(Confirmations, BehindAnEarlierHolderAnAnswerDoesNotShowIt) {
  (void)all.add(released("a", 5000), 0);
  EXPECT_EQ(answered(4000, 5000), "unconfirmed") << "it may be the second";
  EXPECT_EQ(answered(6000, 6000), "over");
}

TEST_F(Confirmations, WhatMongoDlockHoldsIsNoneOfOurs) {
  (void)all.add(released("a", 5000), 0);
  protocol::request r;
  r.lock = "lock";
  protocol::reply a;
  a.found = true;
  a.fence = 5000;
  a.first = protocol::holder_summary{"", 5000, 0};  // so an old entry is left
  a.foreign_until = 1;
  EXPECT_FALSE(all.saw(r, a));
  EXPECT_EQ(all.size(), 0U);
}

TEST_F(Confirmations, WhatWasNotFoundSaysNothing) {
  (void)all.add(released("a", 5000), 0);
  protocol::request r;
  r.lock = "lock";
  protocol::reply a;
  a.fence = 5000;
  for (const bool found : {false, true}) {
    a.found = found;
    a.valid = !found;
    EXPECT_FALSE(all.saw(r, a)) << "nor what is not a lock";
    EXPECT_EQ(all.size(), 1U);
  }
}

TEST_F(Confirmations, ASecondLaterAMajorityIsAsked) {
  (void)all.add(released("a", 5000), 0);
  (void)all.add(released("b", 5000, "soon"), 500);
  (void)all.add(released("c", 5000, "later"), 900);
  EXPECT_EQ(all.next(), confirmations::pause);
  EXPECT_TRUE(all.take(999).empty());
  EXPECT_EQ(all.take(1000), (std::vector<std::string>{"lock", "soon"})) << "what is due soon goes along";
  EXPECT_EQ(all.next(), never) << "one look at a time";
  EXPECT_EQ(looked({shown("", 5000), shown("", 5000, "soon")}), "");
  EXPECT_EQ(all.size(), 1U);
  EXPECT_EQ(all.next(), 1900);
}

TEST_F(Confirmations, WhatIsNotShownToBeGoneIsReleasedAgain) {
  const auto look = [this](const std::vector<protocol::snapshot>& seen) {
    (void)all.add(released("a", 5000), 0);
    (void)all.take(1000);
    return looked(seen);
  };
  EXPECT_EQ(look({shown("a", 5000)}), "a ");
  EXPECT_EQ(look({shown("", 4000)}), "a ") << "from before the acquisition";
  EXPECT_EQ(look({}), "a ");
  EXPECT_EQ(look({shown("", 5000, "another")}), "a ");
  EXPECT_EQ(look({shown("b", 6000)}), "");
  auto strange = shown("", 5000);
  strange.valid = false;
  EXPECT_EQ(look({strange}), "a ");
  EXPECT_EQ(all.size(), 0U);
}

TEST_F(Confirmations, WhatIsOverDuringALookIsNotReleasedAgain) {
  (void)all.add(released("a", 5000), 0);
  (void)all.take(1000);
  EXPECT_EQ(answered(0, 5000), "over");
  (void)all.add(released("b", 6000), 1000);
  EXPECT_EQ(looked({}), "");
  EXPECT_EQ(all.size(), 1U) << "the next one of the lock";
  EXPECT_EQ(all.next(), 2000);
}

TEST_F(Confirmations, WhatIsOverDuringALookWithoutAnAnswerIsNotAskedForAgain) {
  (void)all.add(released("a", 5000), 0);
  (void)all.add(released("other", 5000, "other"), 0);
  (void)all.take(1000);
  EXPECT_EQ(answered(0, 5000), "unconfirmed") << "only that of the other lock";
  (void)all.add(released("b", 6000), 1500);
  EXPECT_TRUE(all.unanswered(1600).empty());
  EXPECT_EQ(all.next(), 2500);
  EXPECT_EQ(all.take(2500), (std::vector<std::string>{"lock", "other"}));
  all.close();
  EXPECT_EQ(answered(0, 6000), "unconfirmed");
  const auto again = all.unanswered(3000);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again.at(0).release.id, "other");
}

TEST_F(Confirmations, TheNextOneOfALockEndsTheOneBefore) {
  (void)all.add(released("a", 5000), 0);
  const auto again = all.add(released("b", 6000), 100);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->release.id, "a");
  EXPECT_EQ(all.size(), 1U);
}

TEST_F(Confirmations, WithoutAnAnswerItIsAskedAgainUntilTheLeaseIsOver) {
  (void)all.add(released("a", 5000), 0);
  (void)all.take(1000);
  EXPECT_TRUE(all.unanswered(3000).empty());
  EXPECT_EQ(all.next(), 4000);
  EXPECT_TRUE(all.take(30'000).empty());
  EXPECT_EQ(all.size(), 0U);
}

TEST_F(Confirmations, AfterCloseThereIsOneLookAtOnce) {
  (void)all.add(released("a", 5000), 0);
  all.close();
  EXPECT_EQ(all.next(), 0);
  EXPECT_EQ(all.take(1).size(), 1U);
  EXPECT_EQ(all.unanswered(2).size(), 1U) << "released again, once";
  EXPECT_EQ(all.size(), 0U);
}

TEST_F(Confirmations, HaveABound) {
  for (std::size_t i = 0; i < confirmations::most; ++i) {
    EXPECT_FALSE(all.is_full());
    (void)all.add(released("id", 5000, std::to_string(i)), 0);
  }
  EXPECT_TRUE(all.is_full());
  EXPECT_EQ(all.take(1000).size(), confirmations::together);
}

}  // namespace
}  // namespace dlock::engine
