// Deep in a queue a look only reads. In these tables an entry lives for 30 s, and the longest pause is 4.5 s.
#include "client/acquire_script.hpp"

namespace dlock::protocol {
namespace {

const step kStart{0, start(), "enqueue a"};
const step kQueued{10, queued_and_pushed(3), "wait until 3385"};

/// Queued at place 3; then a peek is answered so.
void a_peek_answered(event answered, const std::string& then, const options& o = {}) {
  play(o, {kStart, kQueued, {3385, looks(), "peek a"}, {3390, std::move(answered), then}});
}

TEST(Peek, OnlyDeepInTheQueue) {
  a_peek_answered(queued_and_pushed(3), "wait until 6765");
  for (const std::int64_t place : {0, 1, 2})
    play({}, {kStart, {10, queued_and_pushed(place), "wait until 3385"}, {3385, looks(), "heartbeat a"}});
}

TEST(Peek, WhoCameToTheHeadOfTheQueueIsHeardOfAgain) {
  play({}, {kStart,
            kQueued,
            {3385, looks(), "peek a"},
            {3390, queued_and_pushed(2), "wait until 6765"},
            {5000, looks(), "heartbeat a"}});
}

TEST(Peek, AnEntryIsHeardOfSoThatItSurvivesAnElection) {
  // A look later it would have less than 15 s to live, so this one has to be a heartbeat.
  play({}, {kStart, kQueued, {10'500, looks(), "peek a"}});
  play({}, {kStart, kQueued, {10'501, looks(), "heartbeat a"}});
  // Peeks do not count, heartbeats do.
  play({}, {kStart,
            kQueued,
            {10'000, looks(), "peek a"},
            {10'010, queued_and_pushed(3), "wait until 13385"},
            {13'385, looks(), "heartbeat a"},
            {13'390, queued_and_pushed(3), "wait until 16765"},
            {23'885, looks(), "peek a"}});
  play({.life = 15'000}, {kStart, kQueued, {3385, looks(), "heartbeat a"}});
  play({.delta = 60'000, .wait_period = 60'000},
       {kStart, {10, queued_and_pushed(3), "wait until 40510"}, {50, looks(), "heartbeat a"}});
}

TEST(Peek, ThatSeesAGrantIsNoReasonToBelieveIt) {
  auto held = queued_reply(-1);
  held.mine = holder{.id = "a", .fence = 7000};
  play({}, {kStart,
            kQueued,
            {3385, looks(), "peek a"},
            {3390, answer(held), "heartbeat a"},
            {3400, granted(), "acquired, sent at 3390"}});
}

TEST(Peek, WhateverElseItSeesAHeartbeatFindsOut) {
  a_peek_answered(no_document(), "heartbeat a");
  a_peek_answered(malformed(), "heartbeat a");
  a_peek_answered(busy(), "heartbeat a");
  a_peek_answered(dead(), "heartbeat a");
  a_peek_answered(queued(3, {}, 5000), "heartbeat a");
  auto revoked = queued_reply(-1);
  revoked.mine = holder{.id = "a", .revoked = true};
  a_peek_answered(answer(revoked), "heartbeat a");
  auto free = queued_reply(3);
  free.next_end.reset();
  a_peek_answered(answer(free), "heartbeat a");
}

// The first three of the queue see to what has ended; if they do not in time, they are dead, too.
TEST(Peek, ThatSeesAnEndedLeaseLooksAgainWhenItIsItsTurn) {
  a_peek_answered(queued(100, -499), "wait until 6765");
  for (const auto& ended : {queued(100, -500), head_ended(100, -500), queued(100, -60'000)}) {
    play({}, {kStart,
              kQueued,
              {3385, looks(), "peek a"},
              {3390, ended,
               "wait until 3890"},  // not later than that because it ended long ago: an outage ends for all at once
              {3700, looks(), "peek a"},
              {3710, ended, "wait until 3890"},
              {3890, looks(), "peek a"},
              {3895, ended, "heartbeat a"}});
  }
  play({}, {kStart,
            kQueued,
            {3385, looks(), "peek a"},
            {3390, queued(100, -500), "wait until 3890"},
            {3890, looks(), "peek a"},
            {3895, queued_and_pushed(99), "wait until 7270"},  // somebody saw to it
            {7270, looks(), "peek a"},
            {7280, queued(99, -500), "wait until 7775"}});
}

// The store had no peek to offer: this is the answer to a heartbeat, and another one would tell nothing new.
TEST(Peek, ThatBecameAHeartbeatIsNoneAndIsNotTriedAgain) {
  const auto instead = [](std::int64_t place) {
    auto r = queued_reply(place);
    r.head_until.reset();
    r.instead = true;
    return [r = std::move(r)](machine& m, ms now) { return m.answered(r, now, true); };
  };
  play({}, {kStart,
            kQueued,
            {3385, looks(), "peek a"},
            {3390, instead(3), "wait until 6765"},
            {6765, looks(), "heartbeat a"},
            {6770, queued_and_pushed(3), "wait until 10145"},
            {10'145, looks(), "heartbeat a"}});
  auto held = queued_reply(-1);
  held.mine = holder{.id = "a", .fence = 7000};
  held.instead = true;
  a_peek_answered(answer(held), "acquired, sent at 3385");
  auto gone = queued_reply(-1);
  gone.instead = true;
  a_peek_answered(answer(gone), "enqueue b");
}

// It moved the entry: so the server's clock is compared with ours since then only.
TEST(Peek, ThatBecameAHeartbeatIsWhatAnHeirsLeaseCountsFrom) {
  const auto slow = [](machine& m, ms now) {
    auto r = queued_reply(3);
    r.now += 1000;
    r.instead = true;
    return m.answered(r, now, true);
  };
  play({}, {kStart,
            kQueued,
            {3385, looks(), "peek a"},
            {3390, slow, "wait until 6765"},
            {3950, announced("a", 1500), "acquired, sent at 3885"}});
}

TEST(Peek, ThatIsNotAnsweredIsRepeated) {
  play({}, {kStart,
            kQueued,
            {3385, looks(), "peek a"},
            {3400, unreachable(), "wait until 3900"},
            {3900, looks(), "peek a"}});
}

TEST(Peek, ACrowdIsPatientWithAServerThatDoesNotAnswer) {
  play({}, {kStart,
            {10, queued(300), "wait until 1135"},
            {1135, looks(), "peek a"},
            {1140, unreachable(), "wait until 1890"}});
  play({}, {kStart,
            {10, queued(900), "wait until 3385"},
            {3385, looks(), "peek a"},
            {3390, unreachable(), "wait until 4390"}});
}

TEST(Peek, ThatHangsLeavesNothingInDoubt) {
  play({}, {kStart, kQueued, {3385, looks(), "peek a"}, {3400, cancel(), "cancelled"}}, "a");
  play({}, {kStart, kQueued, {10'501, looks(), "heartbeat a"}, {10'600, cancel(), "cancelled"}}, "a?");
  play({.deadline = 3500}, {kStart, kQueued, {3385, looks(), "peek a"}, {3580, give_up(), "timed out"}}, "a");
}

TEST(Peek, AGrantThatCannotBeBelievedIsForAHeartbeat) {
  play({.renews = false}, {kStart,
                           kQueued,
                           {3000, announced("a", 2900), "heartbeat a"},
                           {3010, unreachable(), "wait until 3510"},
                           {3510, looks(), "heartbeat a"}});
}

TEST(Peek, WhoStandsFarBackDoesNotLookBeforeItCanBeItsTurn) {
  play({}, {kStart, {10, queued(10), "wait until 47"}});
  play({}, {kStart, {10, queued(100), "wait until 385"}});
  play({}, {kStart, {10, queued(1000), "wait until 3385"}});
  play({}, {kStart,
            {10, queued(1000), "wait until 3385"},
            {3385, looks(), "peek a"},
            {3390, queued(1000, -4999), "wait until 6765"}});
}

TEST(Peek, TheLookAtTheDeadlineIsAHeartbeat) {
  play({.deadline = 3385}, {kStart, kQueued, {3385, looks(), "heartbeat a"}});
}

TEST(Peek, NeverWithObservedExpiry) {
  play({.observed = true}, {kStart, kQueued, {3385, looks(), "heartbeat a"}});
}

// A release may be stalled: its time, from which the server counts the heir's lease, may lie before the peek. Only what
// moved the entry's `seen` bounds it.
TEST(Peek, AnHeirsLeaseDoesNotCountFromIt) {
  const auto later = [](machine& m, ms now) {
    auto r = queued_reply(3);
    r.now += 3385;
    r.next_end = *r.next_end + 3385;
    return m.answered(r, now, true);
  };
  play({}, {kStart,
            kQueued,
            {3385, looks(), "peek a"},
            {3390, later, "wait until 6765"},
            {3500, announced("a", 2000), "acquired, sent at 2000"}});
}

// Over hours a clock that goes a little faster than ours gains more than a lease can bear; over one pause it does not.
TEST(Peek, IsWhatAnHeirsLeaseCountsFromIfTheServersClockIsFast) {
  const auto fast = [](machine& m, ms now) {
    auto r = queued_reply(3);
    r.now += 6000;
    return m.answered(r, now, true);
  };
  play({}, {kStart,
            kQueued,
            {3385, looks(), "peek a"},
            {3390, fast, "wait until 6765"},
            {4600, announced("a", 6500), "acquired, sent at 3885"}});
}

TEST(Peek, AnAnnouncementThatComesMeanwhileStands) {
  play({}, {kStart, kQueued, {3385, looks(), "peek a"}, {3387, announced("a", 3300), "acquired, sent at 3300"}});
  play({.renews = false}, {kStart,
                           kQueued,
                           {3385, looks(), "peek a"},
                           {3387, announced("a", 3300), "goes on"},
                           {3390, queued_and_pushed(3), "heartbeat a"}});
}

}  // namespace
}  // namespace dlock::protocol
