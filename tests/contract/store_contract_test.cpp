// What every store does, told by its answers alone: the fake that the client's tests run on, the simulated set, and
// MongoDB. The rules themselves are told in tests/unit; here they are seen to arrive.
#include <gtest/gtest.h>

#include <vector>

#include "contract/store_fixture.hpp"
#include "support/codec.hpp"

namespace dlock::testing {
namespace {

using namespace protocol;

TEST_F(Store, ALockIsHeldByOneAfterTheOther) {
  const auto first = play("try a -> held, until 5000; try b -> not held, holders 1, ends 5000").fence;
  play("release a -> found; try b -> held; release b -> found; release b -> not found");
  std::int64_t last = first;
  for (int i = 0; i < 20; ++i) {
    const auto granted = play(i % 2 == 0 ? "try a -> held, holders 1" : "enqueue a -> held, holders 1");
    EXPECT_EQ(granted.mine->id, "a");
    EXPECT_GT(granted.mine->fence, last);
    last = granted.mine->fence;
    play("try other -> not held; release a -> found, not held, holders 0");
  }
}

TEST_F(Store, APeekSeesHowThingsAreAndChangesNothing) {
  const auto peek = [&](const std::string& id) { return tell(ask(operation::peek, id)); };
  EXPECT_EQ(peek("a"), reply{});
  const auto queued = play("try a; enqueue b -> place 0");
  pass(4000);
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
  play("release a; peek b -> heirs b; pass 6000; peek b -> held");  // over, and nobody has changed anything since
}

TEST_F(Store, EveryFieldOfAnAnswer) {
  const auto granted = play("enqueue a who=alice client=inbox-a");
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
  EXPECT_EQ(play("enqueue b client=inbox-b term=2000"), (reply{.found = true,
                                                               .now = now(),
                                                               .rev = 2,
                                                               .fence = token,
                                                               .place = 0,
                                                               .holders = 1,
                                                               .queue = 1,
                                                               .first = holder_summary{"alice", token, now() + 5000},
                                                               .next_end = now() + 5000}));
  EXPECT_EQ(play("release a"), (reply{.found = true,
                                      .now = now(),
                                      .rev = 3,
                                      .fence = token + 1000,
                                      .holders = 1,
                                      .first = holder_summary{"", token + 1000, now() + 2000},
                                      .next_end = now() + 2000,
                                      .heirs = {{"b", "inbox-b", token + 1000, now(), now() + 2000}}}));
}

TEST_F(Store, FirstComeFirstServed) {
  play(
      "enqueue a; enqueue b -> place 0; enqueue c -> place 1; try d -> not held; release a; heartbeat b -> held; "
      "heartbeat c -> place 0; release b; heartbeat c -> held; release c -> queue 0");
  play(
      "enqueue a b c; cancel b -> queue 1; heartbeat b -> place -1; heartbeat c -> place 0; release a; "
      "heartbeat c -> held");
}

TEST_F(Store, ALeaseEndsWhenTheClockSaysSo) {
  play(
      "try a; pass 5499; try b -> not held; pass 1; try b -> held; renew a -> not found; release a -> not found; "
      "try c -> holders 1");
  play("enqueue w; renew w -> not found; pass 5500; heartbeat w -> held, until 5000; renew b -> not found");
}

TEST_F(Store, ARenewedLeaseGoesOn) {
  const auto token = play("try a").fence;
  EXPECT_EQ(play("pass 4000; renew a -> until 5000").fence, token);
  play("pass 4000; try b -> not held; renew a -> held");
}

TEST_F(Store, AStaleClockShortensNothing) {
  const auto until = play("try a; enqueue b; pass 1500; heartbeat b; renew a").mine.value().until;
  EXPECT_EQ(play("renew a stale=1500").mine.value().until, until);
  EXPECT_EQ(play("release a stale=1500 -> heirs b").heirs.at(0).until, now() + 5000);
}

TEST_F(Store, AWaiterThatIsNotHeardOfIsForgotten) {
  play("enqueue a delta=60000; enqueue b; pass 15500; heartbeat b -> found, place -1, queue 0");
}

TEST_F(Store, WhatWasGivenUpIsRefusedWhenItComesLate) {
  play(
      "cancel a tomb=30000 -> dead; enqueue a -> dead, not held, queue 0; try a -> dead, not held; "
      "try b -> held; release b; try a -> dead; pass 30500; try a -> held");
}

TEST_F(Store, OfAnUnknownLockNothingIsFoundOrMade) {
  for (int round = 0; round < 2; ++round) {
    for (const std::string op : {"heartbeat", "renew", "release", "cancel", "amend", "revoke"}) {
      play(op + " a -> not found");
    }
    play("resize x of=3 -> not found");
  }
}

TEST_F(Store, ARequestRepeatedIsTheSameAcquisition) {
  const auto first = play("enqueue a; pass 1000");
  for (const std::string op : {"enqueue", "try", "heartbeat"}) {
    const auto again = play(op + " a -> held, until 5000");
    EXPECT_EQ(again.mine->fence, first.mine->fence) << op;
    EXPECT_GT(again.rev, first.rev) << op;
  }
  play("enqueue b b -> queue 1");
}

TEST_F(Store, ASemaphore) {
  play(
      "enqueue a w=2 of=3 -> held; enqueue b w=1 of=3 -> held; enqueue c w=2 of=3 -> place 0; "
      "enqueue d w=1 of=3 -> place 1; enqueue e w=4 of=3 -> place -1; enqueue f w=1 of=4 -> place -1, cap 3; "
      "release a -> heirs c; release b -> heirs c d");
}

TEST_F(Store, ADowngradeLetsTheReadersInAndKeepsItsToken) {
  const auto granted = play("enqueue a");
  const auto answer = play("enqueue r shared; enqueue w; pass 1000; amend a shared -> weight 1, until 5000, holders 2");
  EXPECT_EQ(answer.mine->fence, granted.mine->fence);
  EXPECT_EQ(answer.mine->since, granted.mine->since);
  EXPECT_EQ(answer.heirs.at(0).id, "r");
  play(
      "heartbeat w -> place 0; renew a -> found; amend a value=exclusive -> weight 1, no value; enqueue b w=1 -> place "
      "1");
}

TEST_F(Store, OnlyALiveHolderAmends) {
  play("enqueue a b; amend b x shared -> not found; pass 5500; amend a shared -> not held; heartbeat b -> held");
}

TEST_F(Store, AValueIsPublishedAndReplaced) {
  play(
      "enqueue a value=first -> value first; amend a value=second -> value second; renew a -> value second; "
      "amend a -> no value; enqueue b value=B; release a; heartbeat b -> value B");
}

TEST_F(Store, ARevokedHolderIsNotRenewedAndEndsWhenItWouldHave) {
  play("enqueue a b; pass 1000; revoke a -> revoked, until 4000; renew a -> not found");
  for (const std::string op : {"heartbeat", "enqueue", "try", "amend"}) play(op + " a -> revoked, until 4000");
  play("pass 4499; heartbeat b -> place 0; pass 1; heartbeat b -> held");
}

TEST_F(Store, ARevokedHolderThatLetsGoIsFollowedAtOnce) {
  play(
      "enqueue a b; revoke a; release a -> found, heirs b; heartbeat b -> held, not revoked; enqueue c; "
      "release b -> heirs c; revoke c -> no heirs; enqueue d -> no heirs; revoke d x -> not found; renew c -> not "
      "found");
}

TEST_F(Store, AnotherNumberOfPermits) {
  play(
      "enqueue a w=2 of=3; enqueue b w=3 of=3; enqueue c d w=1 of=3; resize x of=5 -> cap 5, holders 2, queue 2; "
      "enqueue heavy w=4 of=5; enqueue e w=1 of=5; resize x of=2 -> cap 2, holders 2, queue 3; "
      "heartbeat heavy -> place -1; heartbeat e -> place 2; renew b -> found; release b -> holders 1; "
      "release a -> holders 2; enqueue f w=1 of=3 -> cap 2");
}

// A copy of each stalled, and came after a later one was answered.
TEST_F(Store, ALateCopyUndoesNothing) {
  play("enqueue a w=1 of=2");
  const auto eight = ask("resize x of=8");
  EXPECT_EQ(tell(eight).cap, 8);
  play("resize x of=4 -> cap 4");
  EXPECT_EQ(tell(eight).cap, 4);
  play(
      "release a; try b; amend b seq=1 value=A -> value A; amend b seq=2 value=B -> value B; "
      "amend b seq=1 value=A -> value B; resize x of=8 -> not found; heartbeat b -> cap 0");
}

TEST_F(Store, ATokenIsHigherThanWhatTheClientHasSeen) {
  const auto floor = (now() + 60'000) * token_step + 7;
  EXPECT_EQ(play("try a floor=" + std::to_string(floor)).mine.value().fence, floor - 7 + 1000);
}

TEST_F(Store, AReleaseThatKeeps) {
  play("try a; release a keep=20000 -> found; pass 20499; try b -> not held; pass 1; try b -> held");
}

TEST_F(Store, WhatIsNoLockIsLeftAlone) {
  harness_->put_something_else("lock");
  for (const std::string op : {"try", "enqueue", "heartbeat", "cancel"}) {
    EXPECT_FALSE(play(op + " a -> found, not held").valid) << op;
  }
  EXPECT_FALSE(tell(ask("release a")).found);
  play("amend a shared -> not held; revoke a -> not held; resize x of=3 -> cap 0");
}

TEST_F(Store, MongoDlocksLeaseIsWaitedFor) {
  document node;
  node.lockd = lockd_flag::yes;
  node.ct = now();
  node.et = now() + 3000;
  harness_->put("lock", node);
  play("try a -> foreign 3000; enqueue b -> place 0; pass 3500; heartbeat b -> held, not foreign");
}

TEST_F(Store, WithObservedExpiryNoClockEndsALease) {
  const auto expire = [&](std::int64_t beat) {
    auto r = ask("heartbeat b observed");
    r.expire = {{"a", beat}};
    return tell(r);
  };
  const auto first = play("enqueue a observed -> held").mine.value();
  for (const ms jump : {86'400'000, -172'800'000}) {
    pass(jump);
    const auto waiting = play("enqueue b observed -> place 0");
    ASSERT_FALSE(waiting.signs.empty());
    EXPECT_EQ(waiting.signs[0], (sign{"a", first.beat, 5000}));
  }
  play("renew a observed -> held");
  EXPECT_FALSE(expire(first.beat).mine) << "a was heard of";
  const auto beat = play("heartbeat b observed").signs[0].beat;
  EXPECT_NE(beat, first.beat);
  const auto taken = expire(beat);
  ASSERT_TRUE(taken.mine);
  EXPECT_GT(taken.mine->fence, first.fence);
  play("renew a observed -> not found; release b observed -> found");
}

TEST_F(Store, ALockOfTheOtherExpirySaysSoAndIsLeftAsItIs) {
  play("try a observed -> held");
  for (const std::string op : {"try", "enqueue", "heartbeat", "cancel"}) {
    const auto answer = play(op + " b");
    EXPECT_TRUE(answer.found && !answer.valid && answer.other_expiry) << op;
  }
  auto brief = ask("try b");
  brief.how = form::brief;
  EXPECT_TRUE(tell(brief).other_expiry);
  play("renew a observed -> held; release a observed -> found");
  EXPECT_TRUE(play("try c").other_expiry) << "also when it is free";
  ASSERT_TRUE(tell(ask(operation::try_, "c", "other")).mine);
  auto d = ask(operation::enqueue, "d", "other");
  d.observed = true;
  EXPECT_TRUE(tell(d).other_expiry);
  EXPECT_TRUE(tell(ask(operation::release, "c", "other")).found);
  EXPECT_TRUE(tell(d).mine) << "a free one of the server's clock becomes one of observed expiry";
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

TEST_F(Store, ARead) {
  const ms now = harness_->now();
  document d;
  d.fence = 7000;
  d.rev = 3;
  d.lockd = lockd_flag::one;
  d.ct = d.mine = now;
  d.et = now + 9000;
  d.holders.push_back({.id = "h", .delta = 5000, .since = now, .until = now + 8500, .fence = 7000, .who = "x"});
  d.waiters.push_back({.id = "w", .delta = 5000, .seen = now, .until = now + 9000, .who = "y", .since = now});
  const auto read = [&](const lookup& l) {
    auto a = harness_->locks().read(l);
    EXPECT_EQ(a.what, answer::kind::replied) << a.why;
    return std::move(a.seen);
  };
  constexpr std::size_t kMany = 250;  // more than a server sends at once
  for (std::size_t i = 0; i < kMany; ++i) harness_->put("lock-" + std::to_string(1000 + i), d);
  harness_->put_something_else("lock-z");
  harness_->put("a-lock", d);
  const auto all = read({.id = {}, .prefix = "lock-", .within = 60'000});
  ASSERT_EQ(all.size(), kMany + 1);
  for (std::size_t i = 0; i < kMany; ++i) {
    EXPECT_EQ(all[i].id, "lock-" + std::to_string(1000 + i));
    EXPECT_TRUE(all[i].valid);
    EXPECT_EQ(all[i].now, now);
    EXPECT_EQ(all[i].what, d);
  }
  EXPECT_EQ(all.back().id, "lock-z");
  EXPECT_FALSE(all.back().valid);
  EXPECT_EQ(read({.id = {}}).size(), kMany + 2) << "the empty prefix";
  EXPECT_EQ(read({.id = {}, .prefix = "nobody"}).size(), 0u);
  ASSERT_EQ(read({.id = "a-lock"}).size(), 1u);
  EXPECT_EQ(read({.id = "a-lock"})[0].what, d);
  EXPECT_EQ(read({.id = "a"}).size(), 0u);
  EXPECT_EQ(read({.id = {}, .ids = {"a-lock", "lock-1007", "nobody"}}).size(), 2u);
}

TEST_F(Store, LocksDoNotKnowEachOther) {
  EXPECT_TRUE(tell(ask(operation::try_, "a", "one")).mine);
  EXPECT_TRUE(tell(ask(operation::try_, "a", "two")).mine);
  EXPECT_TRUE(tell(ask(operation::release, "a", "one")).found);
  EXPECT_TRUE(tell(ask(operation::renew, "a", "two")).found);
}

}  // namespace
}  // namespace dlock::testing
