// A note: what a holder or a waiter says about itself.
#include "kinds/harness.hpp"

namespace dlock::testing {
namespace {

struct Note : Kinds {
  const std::string id = "job";

  [[nodiscard]] static lock_options noted(std::string note) {
    return {.id = "job", .durable_release = true, .note = std::move(note)};
  }
  std::string of_holder() {
    const auto s = mine.inspect(id);
    return s && !s->holders.empty() ? s->holders.front().value : "nobody holds it";
  }
};

TEST_F(Note, OthersSeeItOfTheHolderAndOfWhoWaits) {
  mutex first(mine, noted("first")), second(theirs, noted("second"));
  auto held = first.acquire();
  ASSERT_TRUE(held);
  auto waiting = later([&] { return second.acquire(); });
  ASSERT_TRUE(queued(id, 1));
  EXPECT_EQ(of_holder(), "first");
  EXPECT_EQ(mine.inspect(id)->waiters.at(0).value, "second");
  EXPECT_EQ(held->release(), release_result::released);
  auto next = waiting.get();
  ASSERT_TRUE(next);
  EXPECT_EQ(of_holder(), "second");
}

TEST_F(Note, EveryKindCanSetIt) {
  const auto check = [&](lease held) {
    EXPECT_EQ(of_holder(), "before");
    EXPECT_TRUE(held.set_note("now \xc3\xa4$x"));
    EXPECT_EQ(of_holder(), "now \xc3\xa4$x");
    EXPECT_TRUE(held.set_note(""));
    EXPECT_EQ(of_holder(), "");
    EXPECT_EQ(held.release(), release_result::released);
    EXPECT_FALSE(held.set_note("too late"));
  };
  check(std::move(*mutex(mine, noted("before")).acquire()));
  check(std::move(*shared_mutex(mine, noted("before")).acquire_shared()));
  check(std::move(*election(mine, noted("before")).campaign()));
  check(std::move(*semaphore(mine, noted("before"), 3).acquire(2)));
  EXPECT_FALSE(lease().set_note("nothing"));
}

TEST_F(Note, AnElectionsValueComesBeforeItAndIsTheSame) {
  election e(mine, noted("note"));
  auto led = e.campaign("value");
  ASSERT_TRUE(led);
  EXPECT_EQ(of_holder(), "value");
  EXPECT_TRUE(led->set_note("another"));
  EXPECT_EQ(e.leader()->value, "another");
  EXPECT_TRUE(e.proclaim("a third"));
  EXPECT_EQ(of_holder(), "a third");
}

TEST_F(Note, SeveralLocksHaveTheirs) {
  mutex a(mine, noted("of job"));
  semaphore b(mine, lock_options{.id = "slots", .note = "of slots"}, 5);
  auto held = acquire_all({a, b.take(2)});
  ASSERT_TRUE(held);
  EXPECT_EQ(of_holder(), "of job");
  EXPECT_EQ(mine.inspect("slots")->holders.at(0).value, "of slots");
  EXPECT_TRUE(held->set_note("of both"));
  EXPECT_EQ(of_holder(), "of both");
  EXPECT_EQ(mine.inspect("slots")->holders.at(0).value, "of both");
  EXPECT_EQ(held->release(), release_result::released);
  EXPECT_FALSE(held->set_note("too late"));
  EXPECT_FALSE(lease_set().set_note("nothing"));
}

TEST_F(Note, ADowngradeKeepsIt) {
  shared_mutex one(mine, noted("before"));
  auto held = one.acquire();
  ASSERT_TRUE(held);
  ASSERT_TRUE(held->set_note("now"));
  EXPECT_EQ(one.downgrade(), downgrade_result::downgraded);
  EXPECT_EQ(of_holder(), "now");
  EXPECT_TRUE(held->set_note("later"));
  EXPECT_EQ(mine.inspect(id)->holders.at(0).mode, lock_mode::shared) << "it stays downgraded";
  EXPECT_EQ(of_holder(), "later");
}

TEST_F(Note, WhoKnowsTheOwnerCanSetIt) {
  mutex one(mine, noted("before"));
  auto held = one.acquire();
  ASSERT_TRUE(held);
  EXPECT_TRUE(theirs.set_note(id, held->owner(), "from outside"));
  EXPECT_EQ(of_holder(), "from outside");
  EXPECT_TRUE(held->set_note("ours")) << "it counts, although another process has used its number";
  EXPECT_EQ(of_holder(), "ours");
  EXPECT_TRUE(theirs.set_note(id, held->owner() + "+3", "of a turn"));
  EXPECT_EQ(of_holder(), "of a turn");
  EXPECT_TRUE(held->held());
  EXPECT_FALSE(theirs.set_note(id, "somebody else", "no"));
  EXPECT_FALSE(theirs.set_note("other", held->owner(), "no"));
  EXPECT_EQ(held->release(), release_result::released);
  EXPECT_FALSE(theirs.set_note(id, held->owner(), "too late"));
}

TEST_F(Note, NobodyCanSetItOnceItIsRevoked) {
  auto held = mutex(mine, noted("before")).acquire();
  ASSERT_TRUE(held);
  ASSERT_EQ(theirs.revoke(id).size(), 1U);
  EXPECT_FALSE(theirs.set_note(id, held->owner(), "no"));
}

TEST_F(Note, AnOldTurnDoesNotChangeThatOfTheNextOne) {
  auto o = noted("note");
  o.linger = 2500ms;
  dlock::mutex one(mine, o), two(mine, o);
  bool passed_on = false;
  for (int i = 0; i < 50 && !passed_on; ++i) {  // on a machine that is too slow, it does not linger
    auto first = one.acquire();
    ASSERT_TRUE(first);
    EXPECT_EQ(first->release(), release_result::released);
    auto second = two.acquire();
    ASSERT_TRUE(second);
    passed_on = second->owner() == first->owner() + "+1";
    if (!passed_on) continue;
    EXPECT_FALSE(first->set_note("old"));
    EXPECT_FALSE(mine.set_note(id, first->owner(), "old"));
    EXPECT_FALSE(mine.set_note(id, second->owner() + "0", "a turn to come"));
    EXPECT_EQ(of_holder(), "note");
    EXPECT_TRUE(mine.set_note(id, second->owner(), "new"));
    EXPECT_EQ(of_holder(), "new");
    EXPECT_EQ(second->release(), release_result::released);
    EXPECT_EQ(of_holder(), "nobody holds it") << "the lease does not linger with this note";
  }
  EXPECT_TRUE(passed_on);
}

TEST_F(Note, ALeaseThatLingersIsNotForACallWithAnotherNote) {
  auto with = [](std::string note) { return changed(noted(std::move(note)), [](auto& o) { o.linger = 2500ms; }); };
  auto first = mutex(mine, with("first")).acquire();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->release(), release_result::released);
  auto second = mutex(mine, with("second")).acquire();
  ASSERT_TRUE(second);
  EXPECT_EQ(of_holder(), "second");
  EXPECT_GE(second->token(), first->token() + 1000) << "it is another grant";
}

TEST_F(Note, WhatIsNoTextIsRefused) {
  auto held = mutex(mine, noted(std::string(1024, 'x'))).acquire();
  ASSERT_TRUE(held);
  EXPECT_EQ(of_holder(), std::string(1024, 'x'));
  for (const auto& bad : {std::string(1025, 'x'), std::string("a\0b", 3), std::string("\xff")}) {
    EXPECT_EQ(error_of([&] { mutex(mine, noted(bad)); }).code(), errc::invalid_argument);
    EXPECT_EQ(error_of([&] { (void)held->set_note(bad); }).code(), errc::invalid_argument);
    EXPECT_EQ(error_of([&] { (void)lease_set().set_note(bad); }).code(), errc::invalid_argument);
    EXPECT_EQ(error_of([&] { (void)mine.set_note(id, held->owner(), bad); }).code(), errc::invalid_argument);
  }
}

}  // namespace
}  // namespace dlock::testing
