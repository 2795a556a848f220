// What every store does, told by its answers alone: the fake that the client's tests run on, and MongoDB.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "contract/store_harness.hpp"
#include "support/codec.hpp"

namespace dlock::testing {
namespace {

using namespace protocol;

class Store : public ::testing::Test {
 protected:
  static request ask(operation op, const std::string& id, const std::string& lock = "lock") {
    request r;
    r.op = op;
    r.lock = lock;
    r.id = id;
    return r;
  }
  static request with_weight(request r, std::int64_t weight, std::int64_t cap) {
    r.what = {.exclusive = false, .weight = weight};
    r.cap = cap;
    return r;
  }

  reply tell(const request& r, lane which = lane::normal) {
    const auto a = harness_->locks().apply(r, which);
    EXPECT_EQ(a.what, answer::kind::replied) << r << ": " << a.why;
    return a.reply;
  }
  reply try_for(const std::string& id) { return tell(ask(operation::try_, id)); }
  reply enqueue(const std::string& id) { return tell(ask(operation::enqueue, id)); }
  reply heartbeat(const std::string& id) { return tell(ask(operation::heartbeat, id)); }
  reply renew(const std::string& id) { return tell(ask(operation::renew, id), lane::renewal); }
  reply release(const std::string& id) { return tell(ask(operation::release, id)); }
  reply cancel(const std::string& id) { return tell(ask(operation::cancel, id)); }
  reply revoke(const std::string& id) { return tell(ask(operation::revoke, id)); }
  /// By somebody who has seen the last change of the capacity.
  request to_resize(std::int64_t cap) {
    auto r = ask(operation::resize, "whoever asks");
    r.resized = tell(ask(operation::peek, "whoever asks")).resized;
    r.cap = cap;
    return r;
  }
  reply resize(std::int64_t cap) { return tell(to_resize(cap)); }
  /// To stay exclusive, and publish this.
  reply proclaim(const std::string& id, const std::string& value) { return tell(to_proclaim(id, value)); }
  request to_proclaim(const std::string& id, const std::string& value) {
    auto r = ask(operation::amend, id);
    r.value = value;
    r.seq = ++amendments_;
    return r;
  }
  reply downgrade(const std::string& id) {
    auto r = with_weight(ask(operation::amend, id), 1, 0);
    r.seq = ++amendments_;
    return tell(r);
  }
  reply enqueue_shared(const std::string& id) { return tell(with_weight(ask(operation::enqueue, id), 1, 0)); }

  [[nodiscard]] ms now() const { return harness_->now(); }
  void advance(ms by) { harness_->advance(by); }

  std::unique_ptr<store_harness> harness_ = make_harness();
  std::int64_t amendments_ = 0;
};

TEST_F(Store, AcquireBusyReleaseAcquire) {
  const auto first = try_for("a");
  ASSERT_TRUE(first.mine);
  EXPECT_EQ(first.mine->until, now() + 5000);
  const auto busy = try_for("b");
  EXPECT_FALSE(busy.mine);
  EXPECT_EQ(busy.holders, 1);
  EXPECT_EQ(busy.next_end, now() + 5000);
  EXPECT_TRUE(release("a").found);
  const auto second = try_for("b");
  ASSERT_TRUE(second.mine);
  EXPECT_GT(second.mine->fence, first.mine->fence);
  EXPECT_TRUE(release("b").found);
  EXPECT_FALSE(release("b").found);
}

TEST_F(Store, APeekSeesHowThingsAreAndChangesNothing) {
  const auto peek = [&](const std::string& id) { return tell(ask(operation::peek, id)); };
  EXPECT_EQ(peek("a"), reply{});
  ASSERT_TRUE(try_for("a").mine);
  const auto queued = enqueue("b");
  ASSERT_EQ(queued.place, 0);
  advance(4000);
  for (int i = 0; i < 2; ++i) {
    auto seen = peek("b");
    EXPECT_EQ(seen.now, now());
    EXPECT_EQ(seen.head_until, queued.now + request{}.life);
    seen.head_until.reset();
    seen.now = queued.now;
    EXPECT_EQ(seen, queued);
  }
  EXPECT_TRUE(peek("a").mine);
  EXPECT_EQ(peek("c").place, -1);
  release("a");
  EXPECT_EQ(peek("b").heirs.size(), 1U) << "it has not been heard of for being seen";
  advance(6000);
  EXPECT_TRUE(peek("b").mine) << "over, and nobody has changed anything since";
}

TEST_F(Store, ManyRoundsOfOneLock) {
  std::int64_t last = 0;
  for (int i = 0; i < 20; ++i) {
    const auto id = "a" + std::to_string(i);
    const auto granted = i % 2 == 0 ? try_for(id) : enqueue(id);
    ASSERT_TRUE(granted.mine) << i;
    EXPECT_EQ(granted.mine->id, id);
    EXPECT_EQ(granted.holders, 1);
    EXPECT_GT(granted.mine->fence, last);
    last = granted.mine->fence;
    EXPECT_FALSE(try_for("other").mine) << i;
    const auto released = release(id);
    EXPECT_TRUE(released.found) << i;
    EXPECT_FALSE(released.mine) << i;
    EXPECT_EQ(released.holders, 0) << i;
  }
}

TEST_F(Store, EveryFieldOfAnAnswer) {
  auto a = ask(operation::enqueue, "a");
  a.who = "alice";
  a.client = "inbox-a";
  const auto granted = tell(a);
  const auto token = now() * token_step;
  const holder mine{"a", {}, 5000, now(), now() + 5000, token, "alice", "inbox-a", true};
  EXPECT_EQ(granted, (reply{.found = true,
                            .now = now(),
                            .rev = 1,
                            .fence = token,
                            .mine = mine,
                            .holders = 1,
                            .first = holder_summary{"alice", token, now() + 5000},
                            .next_end = now() + 5000}));
  auto b = ask(operation::enqueue, "b");
  b.client = "inbox-b";
  b.term = 2000;
  EXPECT_EQ(tell(b), (reply{.found = true,
                            .now = now(),
                            .rev = 2,
                            .fence = token,
                            .place = 0,
                            .holders = 1,
                            .queue = 1,
                            .first = holder_summary{"alice", token, now() + 5000},
                            .next_end = now() + 5000}));
  EXPECT_EQ(release("a"), (reply{.found = true,
                                 .now = now(),
                                 .rev = 3,
                                 .fence = token + 1000,
                                 .holders = 1,
                                 .first = holder_summary{"", token + 1000, now() + 2000},
                                 .next_end = now() + 2000,
                                 .heirs = {{"b", "inbox-b", token + 1000, now(), now() + 2000}}}));
}

TEST_F(Store, FirstComeFirstServed) {
  enqueue("a");
  EXPECT_EQ(enqueue("b").place, 0);
  EXPECT_EQ(enqueue("c").place, 1);
  EXPECT_FALSE(try_for("d").mine);
  release("a");
  EXPECT_TRUE(heartbeat("b").mine);
  EXPECT_EQ(heartbeat("c").place, 0);
  release("b");
  EXPECT_TRUE(heartbeat("c").mine);
  EXPECT_EQ(release("c").queue, 0);
}

TEST_F(Store, ALeaseEndsWhenTheClockSaysSo) {
  try_for("a");
  advance(5499);
  EXPECT_FALSE(try_for("b").mine);
  advance(1);
  EXPECT_TRUE(try_for("b").mine);
  EXPECT_FALSE(renew("a").found);
  EXPECT_FALSE(release("a").found);
  EXPECT_EQ(try_for("c").holders, 1);
}

TEST_F(Store, AWaiterGetsInWhenTheHolderHasEnded) {
  try_for("a");
  enqueue("b");
  advance(5500);
  const auto answer = heartbeat("b");
  ASSERT_TRUE(answer.mine);
  EXPECT_EQ(answer.mine->until, now() + 5000);
}

TEST_F(Store, ARenewedLeaseGoesOn) {
  const auto granted = try_for("a");
  advance(4000);
  const auto renewed = renew("a");
  ASSERT_TRUE(renewed.mine);
  EXPECT_EQ(renewed.mine->until, now() + 5000);
  EXPECT_EQ(renewed.mine->fence, granted.mine->fence);
  advance(4000);
  EXPECT_FALSE(try_for("b").mine);
  EXPECT_TRUE(renew("a").mine);
}

TEST_F(Store, ARenewalLearnsOfItsLoss) {
  try_for("a");
  enqueue("b");
  EXPECT_FALSE(renew("b").found) << "it only waits";
  advance(5500);
  heartbeat("b");
  const auto lost = renew("a");
  EXPECT_FALSE(lost.found);
  EXPECT_FALSE(lost.mine);
  EXPECT_TRUE(renew("b").mine);
}

TEST_F(Store, AStaleClockShortensNothing) {
  try_for("a");
  enqueue("b");
  advance(1500);
  const auto until = renew("a").mine.value().until;
  heartbeat("b");
  advance(-1500);
  EXPECT_EQ(renew("a").mine.value().until, until);
  const auto answer = release("a");
  ASSERT_EQ(answer.heirs.size(), 1u);
  EXPECT_EQ(answer.heirs[0].until, now() + 1500 + 5000);
}

TEST_F(Store, AWaiterLeaves) {
  enqueue("a");
  enqueue("b");
  enqueue("c");
  EXPECT_EQ(cancel("b").queue, 1);
  EXPECT_EQ(heartbeat("b").place, -1);
  EXPECT_EQ(heartbeat("c").place, 0);
  release("a");
  EXPECT_TRUE(heartbeat("c").mine);
}

TEST_F(Store, AWaiterThatIsNotHeardOfIsForgotten) {
  auto a = ask(operation::enqueue, "a");
  a.delta = 60'000;
  tell(a);
  enqueue("b");
  advance(15'500);
  const auto answer = heartbeat("b");
  EXPECT_TRUE(answer.found);
  EXPECT_EQ(answer.place, -1);
  EXPECT_EQ(answer.queue, 0);
}

TEST_F(Store, WhatWasGivenUpIsRefusedWhenItComesLate) {
  auto giving_up = ask(operation::cancel, "a");
  giving_up.tomb = 30'000;
  EXPECT_TRUE(tell(giving_up).dead);
  for (const auto op : {operation::enqueue, operation::try_}) {
    const auto late = tell(ask(op, "a"));
    EXPECT_TRUE(late.dead);
    EXPECT_FALSE(late.mine);
    EXPECT_EQ(late.queue, 0);
  }
  EXPECT_TRUE(try_for("b").mine);
  release("b");
  EXPECT_TRUE(try_for("a").dead) << "it outlives what happens meanwhile";
  advance(30'500);
  EXPECT_TRUE(try_for("a").mine);
}

TEST_F(Store, OfAnUnknownLockNothingIsFoundOrMade) {
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(heartbeat("a"), reply{});
    EXPECT_EQ(renew("a"), reply{});
    EXPECT_EQ(release("a"), reply{});
    EXPECT_EQ(cancel("a"), reply{});
  }
}

TEST_F(Store, ARequestRepeatedIsTheSameAcquisition) {
  const auto first = enqueue("a");
  advance(1000);
  for (const auto op : {operation::enqueue, operation::try_, operation::heartbeat}) {
    const auto again = tell(ask(op, "a"));
    ASSERT_TRUE(again.mine) << name_of(op);
    EXPECT_EQ(again.mine->fence, first.mine->fence) << name_of(op);
    EXPECT_EQ(again.mine->until, now() + 5000) << name_of(op);
    EXPECT_GT(again.rev, first.rev) << name_of(op);
  }
  enqueue("b");
  EXPECT_EQ(enqueue("b").queue, 1);
}

TEST_F(Store, ASemaphore) {
  const auto permit = [&](const std::string& id, std::int64_t weight, std::int64_t cap) {
    return tell(with_weight(ask(operation::enqueue, id), weight, cap));
  };
  EXPECT_TRUE(permit("a", 2, 3).mine);
  EXPECT_TRUE(permit("b", 1, 3).mine);
  EXPECT_EQ(permit("c", 2, 3).place, 0);
  EXPECT_EQ(permit("d", 1, 3).place, 1);
  const auto too_heavy = permit("e", 4, 3);
  EXPECT_EQ(too_heavy.place, -1);
  const auto other = permit("f", 1, 4);
  EXPECT_EQ(other.place, -1);
  EXPECT_EQ(other.cap, 3);
  const auto answer = release("a");
  ASSERT_EQ(answer.heirs.size(), 1u);
  EXPECT_EQ(answer.heirs[0].id, "c");
  EXPECT_EQ(release("b").heirs.size(), 2u) << "c is not heard of yet, and d comes in";
}

TEST_F(Store, ADowngradeLetsTheReadersInAndKeepsItsToken) {
  const auto granted = enqueue("a");
  enqueue_shared("r");
  enqueue("w");
  advance(1000);
  const auto answer = downgrade("a");
  ASSERT_TRUE(answer.mine);
  EXPECT_EQ(answer.mine->what, (claim{false, 1}));
  EXPECT_EQ(answer.mine->fence, granted.mine->fence);
  EXPECT_EQ(answer.mine->since, granted.mine->since);
  EXPECT_EQ(answer.mine->until, now() + 5000);
  EXPECT_EQ(answer.holders, 2);
  ASSERT_EQ(answer.heirs.size(), 1u);
  EXPECT_EQ(answer.heirs[0].id, "r");
  EXPECT_EQ(heartbeat("w").place, 0);
  EXPECT_TRUE(renew("a").found);
}

TEST_F(Store, ThereIsNoUpgrade) {
  enqueue_shared("a");
  const auto answer = proclaim("a", "exclusive");
  EXPECT_EQ(answer.mine.value().what, (claim{false, 1}));
  EXPECT_EQ(answer.mine->value, "");
  EXPECT_TRUE(enqueue_shared("b").mine);
}

TEST_F(Store, OnlyAHolderAmends) {
  EXPECT_EQ(downgrade("a"), reply{});
  enqueue("a");
  enqueue("b");
  EXPECT_EQ(downgrade("b"), reply{});
  EXPECT_EQ(downgrade("x"), reply{});
  advance(5500);
  EXPECT_FALSE(downgrade("a").mine) << "it is over";
  EXPECT_TRUE(heartbeat("b").mine);
}

TEST_F(Store, AValueIsPublishedAndReplaced) {
  auto a = ask(operation::enqueue, "a");
  a.value = "first";
  EXPECT_EQ(tell(a).mine.value().value, "first");
  EXPECT_EQ(proclaim("a", "second").mine.value().value, "second");
  EXPECT_EQ(renew("a").mine.value().value, "second");
  EXPECT_EQ(proclaim("a", "").mine.value().value, "");
  auto b = ask(operation::enqueue, "b");
  b.value = "of b";
  tell(b);
  release("a");
  EXPECT_EQ(heartbeat("b").mine.value().value, "of b") << "it waited with it";
}

TEST_F(Store, ARevokedHolderIsNotRenewedAndEndsWhenItWouldHave) {
  const auto granted = enqueue("a");
  enqueue("b");
  advance(1000);
  const auto answer = revoke("a");
  ASSERT_TRUE(answer.mine);
  EXPECT_TRUE(answer.mine->revoked);
  EXPECT_EQ(answer.mine->until, granted.mine->until);
  EXPECT_FALSE(renew("a").found);
  for (const auto op : {operation::heartbeat, operation::enqueue, operation::try_, operation::amend}) {
    const auto again = tell(ask(op, "a"));
    ASSERT_TRUE(again.mine) << name_of(op);
    EXPECT_TRUE(again.mine->revoked) << name_of(op);
    EXPECT_EQ(again.mine->until, granted.mine->until) << name_of(op);
  }
  advance(4499);
  EXPECT_EQ(heartbeat("b").place, 0) << "it may still believe";
  advance(1);
  EXPECT_TRUE(heartbeat("b").mine);
}

TEST_F(Store, ARevokedHolderThatLetsGoIsFollowedAtOnce) {
  enqueue("a");
  enqueue("b");
  revoke("a");
  const auto answer = release("a");
  EXPECT_TRUE(answer.found);
  ASSERT_EQ(answer.heirs.size(), 1u);
  EXPECT_EQ(answer.heirs[0].id, "b");
  EXPECT_FALSE(heartbeat("b").mine.value().revoked);
}

TEST_F(Store, ARevokedHeirIsAnnouncedNoMore) {
  enqueue("a");
  enqueue("b");
  EXPECT_EQ(release("a").heirs.size(), 1u);
  EXPECT_TRUE(revoke("b").heirs.empty());
  EXPECT_TRUE(enqueue("c").heirs.empty());
}

TEST_F(Store, OnlyAHolderIsRevoked) {
  EXPECT_EQ(revoke("a"), reply{});
  enqueue("a");
  enqueue("b");
  EXPECT_EQ(revoke("b"), reply{});
  EXPECT_EQ(revoke("x"), reply{});
  EXPECT_TRUE(renew("a").found);
}

TEST_F(Store, AnotherNumberOfPermits) {
  const auto permit = [&](const std::string& id, std::int64_t weight, std::int64_t cap) {
    return tell(with_weight(ask(operation::enqueue, id), weight, cap));
  };
  permit("a", 2, 3);
  permit("b", 3, 3);
  permit("c", 1, 3);
  permit("d", 1, 3);
  const auto up = resize(5);
  EXPECT_EQ(up.cap, 5);
  EXPECT_EQ(up.holders, 2) << "a and b";
  EXPECT_EQ(up.queue, 2);
  permit("heavy", 4, 5);
  permit("e", 1, 5);
  const auto down = resize(2);
  EXPECT_EQ(down.cap, 2);
  EXPECT_EQ(down.holders, 2) << "they keep what they have";
  EXPECT_EQ(down.queue, 3);
  EXPECT_EQ(heartbeat("heavy").place, -1);
  EXPECT_EQ(heartbeat("e").place, 2) << "the others keep their order";
  EXPECT_TRUE(renew("b").found);
  EXPECT_EQ(release("b").holders, 1) << "2 of 2 are taken still";
  EXPECT_EQ(release("a").holders, 2) << "c and d";
  EXPECT_EQ(permit("f", 1, 3).cap, 2) << "the old number is refused, and told the new one";
}

// A copy of each stalled, and came after a later one was answered.
TEST_F(Store, ALateCopyUndoesNothing) {
  tell(with_weight(ask(operation::enqueue, "a"), 1, 2));
  const auto eight = to_resize(8);
  EXPECT_EQ(tell(eight).cap, 8);
  EXPECT_EQ(resize(4).cap, 4);
  EXPECT_EQ(tell(eight).cap, 4);
  release("a");
  try_for("b");
  const auto first = to_proclaim("b", "A");
  EXPECT_EQ(tell(first).mine.value().value, "A");
  EXPECT_EQ(proclaim("b", "B").mine.value().value, "B");
  EXPECT_EQ(tell(first).mine.value().value, "B");
  EXPECT_EQ(tell(to_resize(8)), reply{}) << "it is a mutex now";
}

TEST_F(Store, OnlyASemaphoreIsResized) {
  EXPECT_EQ(resize(3), reply{});
  enqueue("a");
  EXPECT_EQ(resize(3), reply{});
  EXPECT_EQ(heartbeat("a").cap, 0);
}

TEST_F(Store, ATokenIsHigherThanWhatTheClientHasSeen) {
  auto r = ask(operation::try_, "a");
  r.floor = (now() + 60'000) * token_step + 7;
  EXPECT_EQ(tell(r).mine.value().fence, (now() + 60'000) * token_step + 1000);
}

TEST_F(Store, AReleaseThatKeeps) {
  try_for("a");
  auto r = ask(operation::release, "a");
  r.keep = 20'000;
  EXPECT_TRUE(tell(r).found);
  advance(20'499);
  EXPECT_FALSE(try_for("b").mine);
  advance(1);
  EXPECT_TRUE(try_for("b").mine);
}

TEST_F(Store, WhatIsNoLockIsLeftAlone) {
  harness_->put_something_else("lock");
  for (const auto op : {operation::try_, operation::enqueue, operation::heartbeat, operation::cancel}) {
    const auto answer = tell(ask(op, "a"));
    EXPECT_TRUE(answer.found) << name_of(op);
    EXPECT_FALSE(answer.valid) << name_of(op);
    EXPECT_FALSE(answer.mine) << name_of(op);
  }
  EXPECT_FALSE(release("a").found);
  EXPECT_FALSE(downgrade("a").mine);
  EXPECT_FALSE(revoke("a").mine);
  EXPECT_EQ(resize(3).cap, 0);
}

TEST_F(Store, MongoDlocksLeaseIsWaitedFor) {
  document node;
  node.lockd = lockd_flag::yes;
  node.ct = now();
  node.et = now() + 3000;
  harness_->put("lock", node);
  EXPECT_EQ(try_for("a").foreign_until, now() + 3000);
  EXPECT_EQ(enqueue("b").place, 0);
  advance(3500);
  const auto answer = heartbeat("b");
  EXPECT_TRUE(answer.mine);
  EXPECT_FALSE(answer.foreign_until);
}

TEST_F(Store, WithObservedExpiryNoClockEndsALease) {
  const auto observed = [&](operation op, const std::string& id, std::vector<pulse> expire = {}) {
    auto r = ask(op, id);
    r.observed = true;
    r.expire = std::move(expire);
    return r;
  };
  const auto first = tell(observed(operation::enqueue, "a"));
  ASSERT_TRUE(first.mine);
  const pulse seen{"a", first.mine->beat};
  for (const ms jump : {86'400'000, -172'800'000}) {
    advance(jump);
    const auto waiting = tell(observed(operation::enqueue, "b"));
    EXPECT_EQ(waiting.place, 0);
    ASSERT_FALSE(waiting.signs.empty());
    EXPECT_EQ(waiting.signs[0], (sign{"a", seen.beat, 5000}));
  }
  ASSERT_TRUE(tell(observed(operation::renew, "a"), lane::renewal).mine);
  EXPECT_FALSE(tell(observed(operation::heartbeat, "b", {seen})).mine) << "a was heard of";
  const auto now = tell(observed(operation::heartbeat, "b")).signs[0].beat;
  EXPECT_NE(now, seen.beat);
  const auto taken = tell(observed(operation::heartbeat, "b", {{"a", now}}));
  ASSERT_TRUE(taken.mine);
  EXPECT_GT(taken.mine->fence, first.mine->fence);
  EXPECT_FALSE(tell(observed(operation::renew, "a"), lane::renewal).found);
  EXPECT_TRUE(tell(observed(operation::release, "b")).found);
}

TEST_F(Store, ALockOfTheOtherExpirySaysSoAndIsLeftAsItIs) {
  auto r = ask(operation::try_, "a");
  r.observed = true;
  ASSERT_TRUE(tell(r).mine);
  for (const auto op : {operation::try_, operation::enqueue, operation::heartbeat, operation::cancel}) {
    const auto answer = tell(ask(op, "b"));
    EXPECT_TRUE(answer.found && !answer.valid && answer.other_expiry) << name_of(op);
  }
  auto brief = ask(operation::try_, "b");
  brief.brief = true;
  EXPECT_TRUE(tell(brief).other_expiry);
  r.op = operation::renew;
  EXPECT_TRUE(tell(r, lane::renewal).mine);
  ASSERT_TRUE(tell(ask(operation::try_, "c", "other")).mine);
  auto c = ask(operation::enqueue, "d", "other");
  c.observed = true;
  EXPECT_TRUE(tell(c).other_expiry);
  EXPECT_TRUE(tell(ask(operation::release, "c", "other")).found);
  EXPECT_TRUE(tell(c).mine) << "it is free";
}

TEST_F(Store, StringsAreStrings) {
  for (const std::string odd :
       {"$holders", "$$NOW", "$r.id", "a.b", "{\"$literal\": 1}", " ", "\xf0\x9f\x94\x92", "x\ny\"z\\"}) {
    auto r = ask(operation::enqueue, odd, odd);
    r.who = r.client = r.value = odd;
    const auto granted = tell(r);
    ASSERT_TRUE(granted.mine) << odd;
    EXPECT_EQ(granted.mine->id, odd);
    EXPECT_EQ(granted.mine->client, odd);
    EXPECT_EQ(granted.mine->value, odd);
    EXPECT_EQ(granted.first.value().who, odd);
    auto other = ask(operation::amend, odd, odd);
    other.value = odd + odd;
    other.seq = 1;
    EXPECT_EQ(tell(other).mine.value().value, odd + odd);
    auto next = ask(operation::enqueue, odd + "2", odd);
    next.client = next.value = odd;
    EXPECT_EQ(tell(next).place, 0) << odd;
    EXPECT_TRUE(tell(ask(operation::revoke, odd, odd)).mine.value().revoked) << odd;
    const auto answer = tell(ask(operation::release, odd, odd));
    ASSERT_EQ(answer.heirs.size(), 1u) << odd;
    EXPECT_EQ(answer.heirs[0].id, odd + "2");
    EXPECT_EQ(answer.heirs[0].client, odd);
    EXPECT_EQ(tell(ask(operation::heartbeat, odd + "2", odd)).mine.value().value, odd);
  }
}

TEST_F(Store, LocksDoNotKnowEachOther) {
  EXPECT_TRUE(tell(ask(operation::try_, "a", "one")).mine);
  EXPECT_TRUE(tell(ask(operation::try_, "a", "two")).mine);
  EXPECT_TRUE(tell(ask(operation::release, "a", "one")).found);
  EXPECT_TRUE(tell(ask(operation::renew, "a", "two"), lane::renewal).found);
}

TEST_F(Store, OfManyFirstRequestsOneHoldsAndTheOthersQueue) {
  constexpr int kClients = 16;
  for (int round = 0; round < 5; ++round) {
    const auto lock = "new " + std::to_string(round);
    std::vector<answer> answers(kClients);
    {
      std::vector<std::jthread> clients;
      for (std::size_t i = 0; i < kClients; ++i) {
        clients.emplace_back(
            [&, i] { answers[i] = harness_->locks().apply(ask(operation::enqueue, std::to_string(i), lock)); });
      }
    }
    int holders = 0;
    std::vector<bool> places(kClients - 1);
    for (const auto& a : answers) {
      ASSERT_EQ(a.what, answer::kind::replied) << a.why;
      if (a.reply.mine) {
        ++holders;
      } else {
        ASSERT_GE(a.reply.place, 0);
        places.at(static_cast<std::size_t>(a.reply.place)) = true;
      }
    }
    EXPECT_EQ(holders, 1);
    EXPECT_EQ(places, std::vector<bool>(kClients - 1, true)) << "a place for each";
  }
}

TEST_F(Store, SeveralAtOnceDoWhatTheyWouldDoOneByOne) {
  const auto all = [&](const batch& requests) {
    const auto answers = harness_->locks().apply_all(requests);
    EXPECT_EQ(answers.size(), requests.size());
    std::vector<reply> out;
    for (const auto& a : answers) {
      EXPECT_EQ(a.what, answer::kind::replied) << a.why;
      out.push_back(a.reply);
    }
    return out;
  };
  const auto come = [&](const char* id) { return with_weight(ask(operation::enqueue, id), 1, 2); };
  const auto leave = [&](const char* id) { return with_weight(ask(operation::release, id), 1, 2); };
  auto told = all({come("a"), come("b"), come("c")});
  ASSERT_TRUE(told[0].mine && told[1].mine);
  EXPECT_GT(told[1].mine->fence, told[0].mine->fence);
  EXPECT_FALSE(told[2].mine);
  EXPECT_EQ(told[2].place, 0);
  EXPECT_EQ(told[2].holders, 2);
  told = all({leave("a"), come("d"), leave("nobody"), come("c")});
  EXPECT_TRUE(told[0].found);
  EXPECT_FALSE(told[0].mine);
  EXPECT_EQ(told[1].place, 0);
  EXPECT_FALSE(told[2].found);
  ASSERT_TRUE(told[3].mine) << "it asked again, and was admitted by this very command";
  told = all({leave("b"), leave("c")});
  EXPECT_TRUE(told[0].found && told[1].found);
  ASSERT_EQ(told[1].heirs.size(), 1U);
  EXPECT_EQ(told[1].heirs[0].id, "d");
  EXPECT_FALSE(all({leave("b"), leave("c")})[0].found);
}

}  // namespace
}  // namespace dlock::testing
