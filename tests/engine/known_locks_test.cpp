#include "engine/known_locks.hpp"

#include <gtest/gtest.h>

#include <string>

namespace dlock::engine {
namespace {

TEST(KnownLocks, KeepTheHighestTokenOfEachLock) {
  known_locks floors;
  EXPECT_EQ(floors.floor_of("a"), 0);
  floors.saw("a", 5000);
  floors.saw("a", 3000);
  floors.saw("b", 1000);
  EXPECT_EQ(floors.floor_of("a"), 5000);
  EXPECT_EQ(floors.floor_of("b"), 1000) << "one lock's tokens are no other's";
}

TEST(KnownLocks, WhatIsNoTokenIsNotRemembered) {
  known_locks floors;
  for (const std::int64_t none : {0, -1}) {
    floors.saw(std::to_string(none), none);
    EXPECT_EQ(floors.floor_of(std::to_string(none)), 0);
  }
  floors.saw("lock", 1);
  EXPECT_EQ(floors.floor_of("lock"), 1);
}

TEST(KnownLocks, ForgetWhoWasNotHeardOfForLongest) {
  known_locks floors;
  floors.saw("first", 7000);
  floors.saw("kept", 9000);
  for (std::size_t i = 0; i < 2 * known_locks::most; ++i) {
    floors.saw(std::to_string(i), 1000);
    if (i % 100 == 0) floors.saw("kept", 2000);
  }
  EXPECT_EQ(floors.floor_of("first"), 0);
  EXPECT_EQ(floors.floor_of("kept"), 9000) << "whoever is in use stays, with the highest";
  EXPECT_EQ(floors.floor_of(std::to_string(2 * known_locks::most - 1)), 1000);
  EXPECT_EQ(floors.floor_of(std::to_string(2 * known_locks::most - known_locks::most / 2)), 1000)
      << "half of them for sure";
}

using protocol::form;
using protocol::operation;

protocol::request of(operation op, bool exclusive = true, form how = form::whole) {
  protocol::request r;
  r.op = op;
  r.lock = "lock";
  r.what = {.exclusive = exclusive, .weight = exclusive ? 0 : 1};
  r.how = how;
  return r;
}

protocol::reply answer(bool mine, std::int64_t holders, std::int64_t queue, bool calm = false) {
  protocol::reply a;
  a.found = true;
  a.fence = 5000;
  a.holders = holders;
  a.queue = queue;
  a.calm = calm;
  if (mine) a.mine.emplace();
  return a;
}

/// The forms of a try, a try for a weight, an enqueue, the same for a weight, a release, the same, and a renewal.
std::string forms(const known_locks& known) {
  std::string out;
  for (const auto op : {operation::try_, operation::enqueue, operation::release}) {
    for (const bool exclusive : {true, false}) out += "wbe"[static_cast<std::size_t>(known.form_of(of(op, exclusive)))];
  }
  return out + "wbe"[static_cast<std::size_t>(known.form_of(of(operation::renew)))];
}

TEST(KnownLocks, KnowNothingAtFirst) {
  EXPECT_EQ(forms({}), "wwwwbww");
}

TEST(KnownLocks, WhatIsCalmIsTriedInTheExpressForm) {
  known_locks known;
  known.saw(of(operation::release), answer(false, 0, 0, true));
  EXPECT_EQ(forms(known), "eeeeeee");
  EXPECT_EQ(known.floor_of("lock"), 5000);
  known.saw(of(operation::try_), answer(true, 1, 0, true));
  EXPECT_EQ(forms(known), "wwbweee") << "this client holds it itself";
  EXPECT_EQ(known.form_of(of(operation::cancel)), form::whole);
}

TEST(KnownLocks, WhatWasLeftFreeIsTriedInShort) {
  known_locks known;
  known.saw(of(operation::release), answer(false, 0, 0));
  EXPECT_EQ(forms(known), "bbbbbww");
}

TEST(KnownLocks, WhoeverElseIsSeenEndsTheCalm) {
  auto foreign = answer(false, 0, 0);
  foreign.foreign_until = 1;
  for (const auto& other :
       {answer(true, 2, 0), answer(false, 1, 0), answer(true, 1, 1), answer(false, 0, 1), foreign}) {
    known_locks known;
    known.saw(of(operation::release), answer(false, 0, 0, true));
    known.saw(of(operation::heartbeat), other);
    EXPECT_EQ(forms(known), "wwbwbww");
    known.saw(of(operation::renew), answer(true, 1, 0));
    EXPECT_EQ(forms(known), "wwbwbww") << "only an answer that says so begins it again";
  }
}

TEST(KnownLocks, AMissEndsTheCalm) {
  known_locks known;
  known.saw(of(operation::release), answer(false, 0, 0, true));
  known.saw(of(operation::heartbeat), answer(true, 1, 0));
  EXPECT_EQ(forms(known), "wwbweee") << "nobody else was seen";
  known.saw(of(operation::renew, true, form::express), answer(true, 1, 0));
  EXPECT_EQ(forms(known), "wwbwbww") << "there is a tombstone, or something else";
}

TEST(KnownLocks, WhereNoLockIsFoundNothingIsKnown) {
  protocol::reply invalid = answer(false, 0, 0);
  invalid.valid = false;
  for (const auto& none : {protocol::reply{}, invalid}) {
    known_locks known;
    known.saw(of(operation::release), answer(false, 0, 0, true));
    known.saw(of(operation::release), none);
    EXPECT_EQ(forms(known), "wwwwbww");
    EXPECT_EQ(known.floor_of("lock"), 5000) << "but its tokens";
  }
}

TEST(KnownLocks, KeepWhatWasWatched) {
  known_locks known;
  EXPECT_TRUE(known.seen_of("lock").empty());
  protocol::observation seen;
  seen.saw({{"id", 1, 100}}, 0);
  known.watched("lock", seen);
  EXPECT_FALSE(known.seen_of("lock").empty());
  known.watched("lock", {});
  EXPECT_TRUE(known.seen_of("lock").empty());
}

}  // namespace
}  // namespace dlock::engine
