// An heir that is told of its grant: when it may believe that without asking, and from when its lease counts.
// In these tables the server's clock shows `server_clock` in every answer; `announced(id, since)` counts from there.
#include "client/acquire_script.hpp"

namespace dlock::protocol {
namespace {

TEST(Announcement, TheHeirReturnsWithoutACommandOfItsOwn) {
  play({}, "0 start: enqueue a; 10 pushed 0: wait until 3385; 1000 announced a 900: acquired, sent at 900");
}

TEST(Announcement, TheLeaseCountsFromTheGrantAsItIsSurelyKnown) {
  // Sent at 100, answered "queued" at server time S: the grant at S + 900 was at 1000 or later, by our clock.
  play({}, "100 start: enqueue a; 400 pushed 0: wait until 3775; 1500 announced a 900: acquired, sent at 1000");
  // It counts from the latest poll, not from the first.
  play({},
       "0 start: enqueue a; 10 pushed 0: wait until 3385; 3385 looks: heartbeat a; "
       "3390 pushed 0: wait until 6765; 4000 announced a 500: acquired, sent at 3885");
}

TEST(Announcement, TheLeaseNeverCountsFromLaterThanTheNotice) {
  // The server's clock jumped: the grant seems to be a day after our enqueue.
  play({}, "0 start: enqueue a; 10 pushed 0: wait until 3385; 1000 announced a 86400000: acquired, sent at 1000");
  play({},
       "0 start: enqueue a; 10 pushed 0: wait until 3385; "
       "1500 announced a 86400000 heard 1000: acquired, sent at 1000");
}

TEST(Announcement, AClockThatSteppedBackMakesTheLeaseNoLonger) {
  play({}, "0 start: enqueue a; 10 pushed 0: wait until 3385; 1000 announced a -500: acquired, sent at -500");
}

// Its process was stopped while it was granted and until that ended. A late copy of its enqueue has queued it once
// more, behind somebody who holds the lock now.
TEST(Announcement, OneOfAnEarlierGrantOfTheSameIdIsNotBelieved) {
  reply again = queued_reply(0);
  again.now = server_clock + 6000;
  again.fence = 9500;  // `announced` is of token 9000
  for (const bool observed : {false, true}) {
    const options o{.observed = observed};
    play(o,
         "0 start: enqueue a; 10 pushed 0: wait until 3385; 6000 announced a 100: heartbeat a; "
         "6005 again: wait until 9380",
         "", {{"again", answer(again)}});
    play(o,
         "0 start: enqueue a; 10 pushed 0: wait until 3385; 6000 looks: heartbeat a; 6005 again: wait until 9380; "
         "6010 announced a 100: goes on",
         "", {{"again", answer(again)}});
  }
}

TEST(Announcement, TheFirstLeaseIsTheTermThatTheServerGaveIt) {
  play({.delta = 30'000, .term = 4000},
       "0 start: enqueue a; 10 pushed 0: wait until 3385; "
       "1000 announced a 900: acquired, sent at 900, for 4000");
}

TEST(Announcement, WithoutRenewalTheHeirAsksForItsWholeLease) {
  play({.renews = false},
       "0 start: enqueue a; 10 pushed 0: wait until 3385; 1000 announced a 900: heartbeat a; "
       "1010 granted: acquired, sent at 1000");
}

TEST(Announcement, WithLessThanHalfOfTheTermLeftTheHeirAsksFirst) {
  play({}, "0 start: enqueue a; 10 pushed 0: wait until 3385; 3000 announced a 500: acquired, sent at 500");
  play({}, "0 start: enqueue a; 10 pushed 0: wait until 3385; 3001 announced a 500: heartbeat a");
  // A term of 400 ms is too short to be of use, half of it or not.
  play({.term = 400}, "0 start: enqueue a; 10 pushed 0: wait until 3385; 651 announced a 500: heartbeat a");
}

TEST(Announcement, OneThatComesBeforeTheAnswerToTheEnqueueWaitsForThatAnswer) {
  play({}, "0 start: enqueue a; 5 announced a 3: goes on; 10 queued 0: acquired, sent at 3");
  // The answer may know of the grant itself.
  play({}, "0 start: enqueue a; 5 announced a 3: goes on; 10 granted: acquired, sent at 0");
}

TEST(Announcement, IsNotBelievedWhenTheEnqueueHadToBeRepeated) {
  play({},
       "0 start: enqueue a; 100 lost: wait until 150; 120 announced a 100: goes on; 150 looks: enqueue a; "
       "160 queued 0: wait until 235");  // it was asked after it was announced, and is not so
}

TEST(Announcement, OneThatTheServerDoesNotConfirmIsForgotten) {
  play({.renews = false},
       "0 start: enqueue a; 10 pushed 0: wait until 3385; 20 announced a 15: heartbeat a; "
       "30 pushed 0: heartbeat a; 40 pushed 0: wait until 3415");
}

TEST(Announcement, IsNotBelievedWhileAnEarlierRequestIsInDoubt) {
  play({},
       "0 start: enqueue a; 10 queued 0: wait until 47; 47 looks: heartbeat a; 100 lost: wait until 200; "
       "150 announced a 100: heartbeat a");
}

TEST(Announcement, OneOfAnotherAcquisitionIsIgnored) {
  play({}, "0 start: enqueue a; 10 queued 0: wait until 47; 20 announced z 15: goes on; 47 looks: heartbeat a");
  // Of an older one of ours: it expired in the queue, and a fresh one has taken its place.
  play({},
       "0 start: enqueue a; 10 queued 0: wait until 47; 47 looks: heartbeat a; 50 gone: enqueue b; "
       "55 announced a 40: goes on; 60 queued 0: wait until 97");
}

TEST(Announcement, ARepeatedOneChangesNothing) {
  play({.renews = false},
       "0 start: enqueue a; 10 queued 0: wait until 47; 20 announced a 15: heartbeat a; "
       "21 announced a 15: goes on");
}

TEST(Announcement, OneDuringAHeartbeatCountsToo) {
  play({},
       "0 start: enqueue a; 10 queued 0: wait until 47; 47 looks: heartbeat a; "
       "50 announced a 45: acquired, sent at 45");
  // What must be confirmed waits for that heartbeat's answer, which may have been before the grant.
  play({.renews = false},
       "0 start: enqueue a; 10 queued 0: wait until 47; 47 looks: heartbeat a; 50 announced a 45: goes on; "
       "55 queued 0: heartbeat a; 60 granted: acquired, sent at 55");
}

TEST(Announcement, ACancelThatRacesTheGrantGivesItBack) {
  play({.renews = false},
       "0 start: enqueue a; 10 queued 0: wait until 47; 20 announced a 15: heartbeat a; 21 cancel: cancelled", "a?");
  play({}, "0 start: enqueue a; 10 queued 0: wait until 47; 20 cancel: cancelled", "a");
}

TEST(Announcement, AGrantThatCannotBeConfirmedByTheDeadlineIsGivenBack) {
  play({.deadline = 100, .renews = false},
       "0 start: enqueue a; 10 queued 0: wait until 47; 47 looks: heartbeat a; 60 announced a 45: goes on; "
       "101 queued 0: timed out",
       "a");
}

TEST(Announcement, WaitersThatAreNotifiedPollSeldom) {
  play({.wait_period = 1000},
       "0 start: enqueue a; 10 pushed 5: wait until 685; 685 looks: peek a; 690 pushed 5: wait until 1365");
  // The channel broke: often again.
  play({.wait_period = 1000},
       "0 start: enqueue a; 10 queued 5: wait until 47; 47 looks: peek a; 50 queued 5: wait until 125");
}

TEST(Announcement, AfterAGapOnlyTheFirstInTheQueuePoll) {
  play({}, "0 start: enqueue a; 5 nudged: goes on; 10 pushed 2: wait until 3385; 20 nudged: heartbeat a");
  play({}, "0 start: enqueue a; 10 pushed 3: wait until 3385; 20 nudged: goes on");
}

TEST(Announcement, AReleaseByMongoDlockMakesTheWaitersBehindItPoll) {
  play({}, "0 start: enqueue a; 10 queued 9 foreign 5000: wait until 47; 20 nudged foreign: heartbeat a");
  play({}, "0 start: enqueue a; 10 queued 0: wait until 47; 20 nudged foreign: goes on");
}

}  // namespace
}  // namespace dlock::protocol
