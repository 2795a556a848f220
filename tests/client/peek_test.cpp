// Far back in a queue a poll is a peek, which only reads. In these tables an entry lives for 30 s, and the longest
// pause is 4.5 s.
#include "client/acquire_script.hpp"

namespace dlock::protocol {
namespace {

const std::string kQueued = "0 start: enqueue a; 10 pushed 3: wait until 3385; ";

/// Queued at place 3, it peeks at 3385; then this.
void peeks(const std::string& then, const named_events& more = {}, const options& o = {}) {
  play(o, kQueued + "3385 looks: peek a; " + then, "", more);
}
reply with(reply r, const std::function<void(reply&)>& change) {
  change(r);
  return r;
}
/// An answer to a peek that sees it at place 3, otherwise changed so.
event seen(const std::function<void(reply&)>& change) {
  return answer(with(queued_reply(3), change), true);
}
/// ... and that does not see it wait.
event not_queued(const std::function<void(reply&)>& change) {
  return answer(with(queued_reply(-1), change));
}

TEST(Peek, OnlyFarBackInTheQueue) {
  peeks("3390 pushed 3: wait until 6765");
  for (const char* place : {"0", "1", "2"})
    play({}, std::string("0 start: enqueue a; 10 pushed ") + place + ": wait until 3385; 3385 looks: heartbeat a");
}

TEST(Peek, AWaiterThatComesToTheHeadSendsAHeartbeat) {
  peeks("3390 pushed 2: wait until 6765; 5000 looks: heartbeat a");
}

TEST(Peek, AHeartbeatIsSentInTimeForTheEntryToSurviveAnElection) {
  // At the next poll it would have less than 15 s to live, so this one has to be a heartbeat.
  play({}, kQueued + "10500 looks: peek a");
  play({}, kQueued + "10501 looks: heartbeat a");
  // Peeks do not count, heartbeats do.
  play({}, kQueued +
               "10000 looks: peek a; 10010 pushed 3: wait until 13385; 13385 looks: heartbeat a; "
               "13390 pushed 3: wait until 16765; 23885 looks: peek a");
  play({.life = 15'000}, kQueued + "3385 looks: heartbeat a");
  play({.delta = 60'000, .wait_period = 60'000},
       "0 start: enqueue a; 10 pushed 3: wait until 40510; 50 looks: heartbeat a");
}

TEST(Peek, AGrantThatAPeekSeesIsConfirmedByAHeartbeat) {
  const auto held = not_queued([](reply& r) { r.mine = holder{.id = "a", .fence = 7000}; });
  peeks("3390 held: heartbeat a; 3400 granted: acquired, sent at 3390", {{"held", held}});
}

TEST(Peek, AnyOtherAnswerIsFollowedByAHeartbeat) {
  for (const std::string what : {"gone", "no lock", "busy", "dead", "queued 3 foreign 5000", "revoked", "free"}) {
    peeks("3390 " + what + ": heartbeat a",
          {{"revoked", not_queued([](reply& r) { r.mine = holder{.id = "a", .revoked = true}; })},
           {"free", answer(with(queued_reply(3), [](reply& r) { r.next_end.reset(); }))}});
  }
}

// The first three of the queue see to what has ended; if they do not in time, they are dead, too.
TEST(Peek, AfterAnExpiryAWaiterPollsAgainAtItsTurn) {
  peeks("3390 queued 100 ends -499: wait until 6765");
  // Not later because it ended long ago: an outage ends for all at once.
  for (const std::string ended : {"queued 100 ends -500", "queued 100 head ends -500", "queued 100 ends -60000"}) {
    peeks("3390 " + ended + ": wait until 3890; 3700 looks: peek a; 3710 " + ended +
          ": wait until 3890; 3890 looks: peek a; 3895 " + ended + ": heartbeat a");
  }
  // Somebody saw to it.
  peeks(
      "3390 queued 100 ends -500: wait until 3890; 3890 looks: peek a; 3895 pushed 99: wait until 7270; "
      "7270 looks: peek a; 7280 queued 99 ends -500: wait until 7775");
}

// The store had no peek to offer: this is the answer to a heartbeat, and another one would tell nothing new.
TEST(Peek, AfterAnAnswerToAHeartbeatThereIsNoPeekAgain) {
  const auto instead = seen([](reply& r) {
    r.head_until.reset();
    r.instead = true;
  });
  peeks(
      "3390 instead: wait until 6765; 6765 looks: heartbeat a; 6770 pushed 3: wait until 10145; "
      "10145 looks: heartbeat a",
      {{"instead", instead}});
  const auto held = not_queued([](reply& r) {
    r.mine = holder{.id = "a", .fence = 7000};
    r.instead = true;
  });
  peeks("3390 held: acquired, sent at 3385", {{"held", held}});
  peeks("3390 not there: enqueue b", {{"not there", not_queued([](reply& r) { r.instead = true; })}});
}

// It moved the entry: so the server's clock is compared with ours since then only.
TEST(Peek, AnHeirsLeaseCountsFromAPeekThatBecameAHeartbeat) {
  const auto slow = seen([](reply& r) {
    r.now += 1000;
    r.instead = true;
  });
  peeks("3390 slow: wait until 6765; 3950 announced a 1500: acquired, sent at 3885", {{"slow", slow}});
}

TEST(Peek, OneThatIsNotAnsweredIsRepeated) {
  peeks("3400 unreachable: wait until 3900; 3900 looks: peek a");
}

TEST(Peek, FarBackInTheQueueItIsRepeatedLater) {
  play({}, "0 start: enqueue a; 10 queued 300: wait until 1135; 1135 looks: peek a; 1140 unreachable: wait until 1890");
  play({}, "0 start: enqueue a; 10 queued 900: wait until 3385; 3385 looks: peek a; 3390 unreachable: wait until 4390");
}

TEST(Peek, OneThatHangsLeavesNothingInDoubt) {
  play({}, kQueued + "3385 looks: peek a; 3400 cancel: cancelled", "a");
  play({}, kQueued + "10501 looks: heartbeat a; 10600 cancel: cancelled", "a?");
  play({.deadline = 3500}, kQueued + "3385 looks: peek a; 3580 gives up: timed out", "a");
}

TEST(Peek, AGrantNoticeThatIsNotEnoughIsConfirmedByAHeartbeat) {
  play({.renews = false}, kQueued +
                              "3000 announced a 2900: heartbeat a; 3010 unreachable: wait until 3510; "
                              "3510 looks: heartbeat a");
}

TEST(Peek, AWaiterDoesNotPollBeforeItsTurn) {
  play({}, "0 start: enqueue a; 10 queued 10: wait until 47");
  play({}, "0 start: enqueue a; 10 queued 100: wait until 385");
  play({},
       "0 start: enqueue a; 10 queued 1000: wait until 3385; 3385 looks: peek a; "
       "3390 queued 1000 ends -4999: wait until 6765");
}

TEST(Peek, ThePollAtTheDeadlineIsAHeartbeat) {
  play({.deadline = 3385}, kQueued + "3385 looks: heartbeat a");
}

TEST(Peek, NeverWithObservedExpiry) {
  play({.observed = true}, kQueued + "3385 looks: heartbeat a");
}

// A release may be stalled: its time, from which the server counts the heir's lease, may lie before the peek. Only what
// moved the entry's `seen` bounds it.
TEST(Peek, AnHeirsLeaseDoesNotCountFromAPeek) {
  const auto later = seen([](reply& r) {
    r.now += 3385;
    r.next_end = *r.next_end + 3385;
  });
  peeks("3390 later: wait until 6765; 3500 announced a 2000: acquired, sent at 2000", {{"later", later}});
}

// Over hours a clock that goes a little faster than ours gains more than a lease can bear; over one pause it does not.
TEST(Peek, AnHeirsLeaseCountsFromAPeekIfTheServersClockIsFast) {
  peeks("3390 fast: wait until 6765; 4600 announced a 6500: acquired, sent at 3885",
        {{"fast", seen([](reply& r) { r.now += 6000; })}});
}

TEST(Peek, AGrantNoticeDuringAPeekCounts) {
  peeks("3387 announced a 3300: acquired, sent at 3300");
  peeks("3387 announced a 3300: goes on; 3390 pushed 3: heartbeat a", {}, {.renews = false});
}

}  // namespace
}  // namespace dlock::protocol
