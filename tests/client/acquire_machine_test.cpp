#include "client/acquire_script.hpp"

/// The whole of an acquisition, as tables.
namespace dlock::protocol {
namespace {

TEST(Acquire, FreeLockTakesOneRequest) {
  play({}, "100 start: enqueue a; 103 granted: acquired, sent at 100");
  play({.queue = false}, "100 start: try a; 103 granted: acquired, sent at 100");
}

// Somebody edited the entry: it is given back, and nobody is told that token.
TEST(Acquire, AGrantWithATokenThatNoServerGrantsIsNone) {
  for (const std::int64_t fence : {std::int64_t{-1}, std::int64_t{0}, token_limit, end_of_tokens(server_clock)}) {
    const event strange = [=](machine& m, ms now) {
      reply r{.found = true, .now = server_clock, .rev = 1, .fence = 7000, .holders = 1};
      r.mine = holder{.id = m.id(), .fence = fence};
      return m.answered(r, now);
    };
    play({}, "100 start: enqueue a; 103 strange: not a lock", "a", {{"strange", strange}});
    play({}, "100 start: enqueue a; 103 lost: wait until 153; 153 looks: enqueue a; 155 strange: not a lock", "a?",
         {{"strange", strange}});
  }
}

TEST(Acquire, TryOfABusyLockEndsAtOnceAndLeavesNothing) {
  play({.queue = false, .deadline = 10'000}, "0 start: try a; 3 busy: busy");
}

TEST(Acquire, PausesBetweenPollsBeginAt50MsAndDouble) {
  play({.jitter = 1 - 1e-9},
       "0 start: enqueue a; 10 queued 5: wait until 59; 60 looks: peek a; 60 queued 5: wait until 159; "
       "160 looks: peek a; 160 queued 5: wait until 359; 360 looks: peek a; 363 granted: heartbeat a; "
       "365 granted: acquired, sent at 363");
}

TEST(Acquire, JitterShortensAPauseByAQuarterAtMost) {
  play({.jitter = 0}, "0 start: enqueue a; 1000 queued 5: wait until 1037");
  play({.jitter = 0.5}, "0 start: enqueue a; 1000 queued 5: wait until 1043");
  play({.jitter = 1 - 1e-9}, "0 start: enqueue a; 1000 queued 5: wait until 1049");
}

/// Queues, then polls again and again. The longest time between two polls.
ms longest_pause(const options& o) {
  auto m = make(o);
  ms now = 0, longest = 0;
  auto next = m.start(now);
  for (int i = 0; i < 40; ++i) {
    next = m.answered(queued_reply(9), now);
    const ms until = std::get<machine::wait>(next).until;
    longest = std::max(longest, until - now);
    now = until;
    next = m.look(now);
  }
  return longest;
}

TEST(Acquire, PausesGrowUpToTheWaitPeriodAndStayBelowTheFirstTermOfAnHeir) {
  EXPECT_GT(longest_pause({.delta = 60'000, .wait_period = 5000, .jitter = 0.999}), 4000);
  for (const ms delta : {ms{200}, ms{1000}, ms{5000}, ms{60'000}}) {
    for (const ms wait_period : {ms{100}, ms{1000}, ms{5000}, ms{60'000}}) {
      const auto pause = longest_pause({.delta = delta, .wait_period = wait_period, .jitter = 0.999});
      EXPECT_LE(pause, std::min(delta, wait_period) * 9 / 10)
          << "an heir that is admitted right after its poll would be purged before its next poll";
    }
  }
}

TEST(Acquire, TheFirstInTheQueuePollWhenTheHolderExpires) {
  // The holder's lease ends 20 ms from the answer on, for others `skew` later.
  play({.skew = 0}, "0 start: enqueue a; 1000 queued 0 ends 20: wait until 1021");
  play({.skew = 10}, "0 start: enqueue a; 1000 queued 2 ends 20: wait until 1031");
  play({.skew = 10}, "0 start: enqueue a; 1000 queued 3 ends 20: wait until 1037");  // too far back to poll
}

TEST(Acquire, TheFirstInTheQueuePollWhenMongoDlocksLockExpires) {
  play({.skew = 10}, "0 start: enqueue a; 1000 queued 0 foreign 20: wait until 1031");
}

TEST(Acquire, AfterAnExpiryInThePastThePollIsInTheFuture) {
  play({.skew = 0}, "0 start: enqueue a; 1000 queued 0 ends -500: wait until 1001");
}

TEST(Acquire, TheLastPollIsAtTheDeadlineAndItsGrantCounts) {
  play({.deadline = 1000},
       "0 start: enqueue a; 990 queued 0: wait until 1000; 1000 looks: heartbeat a; "
       "1030 granted: acquired, sent at 1000");
}

TEST(Acquire, StillQueuedAtTheDeadlineTimesOutAndLeavesTheQueue) {
  play({.deadline = 1000},
       "0 start: enqueue a; 990 queued 0: wait until 1000; 1000 looks: heartbeat a; 1010 queued 0: timed out", "a");
}

TEST(Acquire, TheAnswerToTheLastPollMayComeALittleLate) {
  auto m = make({.deadline = 1000});
  (void)m.start(0);
  ASSERT_TRUE(m.give_up_at());
  EXPECT_GT(*m.give_up_at(), 1000);
  EXPECT_LE(*m.give_up_at(), 1100) << "calls return at most 100 ms late";
}

TEST(Acquire, NoAnswerIsRetriedWithTheSameId) {
  play({},
       "0 start: enqueue a; 10 lost: wait until 60; 60 looks: enqueue a; 70 lost: wait until 170; "
       "170 looks: enqueue a; 175 granted: acquired, sent at 170");
  play({.queue = false}, "0 start: try a; 10 lost: wait until 60; 60 looks: try a; 63 granted: acquired, sent at 60");
}

TEST(Acquire, RetriesComeAtMostASecondApart) {
  auto m = make({.deadline = 1'000'000, .jitter = 0.999});
  (void)m.start(0);
  ms now = 0;
  for (int i = 0; i < 20; ++i) {
    const auto until = std::get<machine::wait>(m.unanswered(true, now)).until;
    EXPECT_LE(until - now, 1000);
    EXPECT_GE(until - now, 25);
    now = until;
    (void)m.look(now);
  }
}

TEST(Acquire, FirstContactHasPatienceForSoLong) {
  play({.patience = 200},
       "0 start: enqueue a; 10 unreachable: wait until 60; 60 looks: enqueue a; "
       "61 unreachable: wait until 150; 150 looks: enqueue a; 151 unreachable: no answer",
       "a");
}

TEST(Acquire, AnOutageAfterTheFirstAnswerIsWaitedOut) {
  play({.patience = 200},
       "0 start: enqueue a; 10 queued 0: wait until 47; 47 looks: heartbeat a; 5000 lost: wait until 5100; "
       "5100 looks: heartbeat a; 95000 lost: wait until 95200; 95200 looks: heartbeat a; "
       "95205 granted: acquired, sent at 95200");
}

TEST(Acquire, AnOutageUpToTheDeadlineIsAnErrorAndNoTimeout) {
  // "others hold it" was said long ago: it is not the last answer.
  play({.deadline = 3000},
       "0 start: enqueue a; 10 queued 0: wait until 47; 47 looks: heartbeat a; 2900 lost: wait until 3000; "
       "3000 looks: heartbeat a; 3040 lost: no answer",
       "a?");
}

TEST(Acquire, AnAnswerOverdueAtTheDeadlineByALittleChangesNothing) {
  play({.deadline = 3000},
       "0 start: enqueue a; 2990 queued 0: wait until 3000; 3000 looks: heartbeat a; "
       "3080 gives up: timed out",
       "a?");
}

TEST(Acquire, AnAnswerOverdueByMuchMeansNoContact) {
  play({.deadline = 3000},
       "0 start: enqueue a; 10 queued 0: wait until 47; 47 looks: heartbeat a; 3080 gives up: no answer", "a?");
}

TEST(Acquire, GivingUpWithARequestOnItsWayLeavesATombstone) {
  play({.deadline = 500}, "0 start: enqueue a; 580 gives up: no answer", "a?");
}

TEST(Acquire, NoEntryAnyMoreStartsAgainWithAFreshId) {
  play({},
       "0 start: enqueue a; 10 queued 2: wait until 47; 47 looks: heartbeat a; 50 busy: enqueue b; "
       "55 granted: acquired, sent at 50");
}

TEST(Acquire, NoDocumentAnyMoreStartsAgainWithAFreshId) {
  play({},
       "0 start: enqueue a; 10 queued 2: wait until 47; 47 looks: heartbeat a; 50 gone: enqueue b; "
       "55 granted: acquired, sent at 50");
}

TEST(Acquire, AFreshIdLeavesATombstoneForTheOldOneIfThatIsInDoubt) {
  play({},
       "0 start: enqueue a; 10 lost: wait until 60; 60 looks: enqueue a; 70 queued 2: wait until 145; "
       "145 looks: heartbeat a; 150 gone: enqueue b; 155 granted: acquired, sent at 150",
       "a?");
}

TEST(Acquire, ATombstoneOfMineStartsAgain) {
  play({}, "0 start: enqueue a; 10 dead: enqueue b; 15 granted: acquired, sent at 10");
}

TEST(Acquire, ASlowGrantIsRenewedBeforeItIsBelieved) {
  play({.delta = 1000}, "0 start: enqueue a; 501 granted: heartbeat a; 510 granted: acquired, sent at 501, for 1000");
  play({.delta = 1000}, "0 start: enqueue a; 500 granted: acquired, sent at 0, for 1000");
}

TEST(Acquire, ASlowGrantIsRenewedTwiceAtMost) {
  play({.delta = 1000},
       "0 start: enqueue a; 600 granted: heartbeat a; 1200 granted: heartbeat a; "
       "1800 granted: acquired, sent at 1200, for 1000");
  // nothing worth having is left of it
  play({.delta = 1000},
       "0 start: enqueue a; 600 granted: heartbeat a; 1200 granted: heartbeat a; 2000 granted: no answer", "a?");
}

// Frozen before it could read its grant: others had the lock meanwhile, and may have left it free.
TEST(Acquire, AGrantThatEndedBeforeItWasReadBeginsAgain) {
  for (const std::string gone : {"busy", "idle", "gone"}) {
    const auto begun = "6000 granted: heartbeat a; 6003 " + gone;
    play({}, "0 start: enqueue a; " + begun + ": enqueue b; 6005 queued 0: wait until 6042");
    play({}, "0 start: enqueue a; " + begun + ": enqueue b; 6005 granted: acquired, sent at 6003");
    const options tries{.queue = false, .deadline = 10'000};
    play(tries, "0 start: try a; " + begun + ": try b; 6005 granted: acquired, sent at 6003");
    play(tries, "0 start: try a; " + begun + ": try b; 6005 busy: busy");
  }
}

TEST(Acquire, AGrantOfAnEarlierIdSaysNothingOfTheNextId) {
  play({}, "0 start: enqueue a; 6000 granted: heartbeat a; 6003 idle: enqueue b; 6005 busy of 4: other capacity");
}

// It may be gone by now: the request that made it must not make another one of the same id.
TEST(Acquire, AGrantIsAskedForOnceAndConfirmedFromThenOn) {
  play({},
       "0 start: enqueue a; 3000 granted: heartbeat a; 3100 unreachable: wait until 3150; "
       "3150 looks: heartbeat a; 3160 granted: acquired, sent at 3150");
  play({.queue = false, .deadline = 10'000},
       "0 start: try a; 3000 granted: heartbeat a; 3100 unreachable: wait until 3150; "
       "3150 looks: heartbeat a; 3160 idle: try b; 3170 granted: acquired, sent at 3160");
}

/// How it ended, in the words of the error. It is in doubt.
std::string plays_to(const options& o, const std::string& text) {
  auto m = make(o);
  const auto last = play_on(m, text);
  EXPECT_TRUE(m.in_doubt());
  return std::get<machine::done>(*last).why;
}

TEST(Acquire, AGrantThatIsNotConfirmedByTheDeadlineIsAnErrorInDoubt) {
  const std::string why = "it was granted, but the server has not confirmed that it still is";
  for (const bool queue : {false, true}) {
    const std::string begun =
        (queue ? "0 start: enqueue a" : "0 start: try a") + std::string("; 2600 granted: heartbeat a; ");
    const options o{.queue = queue, .deadline = 3000};
    EXPECT_EQ(plays_to(o, begun + "3080 gives up: no answer"), why);
    EXPECT_EQ(plays_to(o, begun + "3040 lost: no answer"), why);
  }
}

TEST(Acquire, OnlyAnAcquisitionThatWasAnsweredInTheQueueTimesOut) {
  play({.deadline = 3000},
       "0 start: enqueue a; 10 queued 0: wait until 47; 2900 looks: heartbeat a; 2910 gone: enqueue b; "
       "3080 gives up: no answer",
       "b?");
  play({.queue = false, .deadline = 3000}, "0 start: try a; 2900 dead: try b; 3080 gives up: no answer", "b?");
}

TEST(Acquire, TheErrorSaysWhyThereIsNoAnswer) {
  EXPECT_EQ(plays_to({.deadline = 500}, "0 start: enqueue a; 580 gives up: no answer"),
            "still waiting for its first answer");
  EXPECT_EQ(plays_to({.deadline = 3000},
                     "0 start: enqueue a; 10 queued 0: wait until 47; 47 looks: heartbeat a; 3080 gives up: no answer"),
            "the last request was not answered");
  EXPECT_EQ(plays_to({.delta = 1000},
                     "0 start: enqueue a; 600 granted: heartbeat a; 1200 granted: heartbeat a; "
                     "2000 granted: no answer"),
            "it was granted, but the answer came when most of the lease had passed");
}

TEST(Acquire, TheLeaseCountsFromTheRequestThatSetItNotFromTheFirst) {
  play({},
       "0 start: enqueue a; 10 lost: wait until 60; 1060 looks: enqueue a; "
       "1063 granted: acquired, sent at 1060");
}

TEST(Acquire, ALockInUseWithAnotherCapacityIsAnErrorAtOnce) {
  const claim one{.exclusive = false, .weight = 1};
  play({.cap = 3, .what = one}, "0 start: enqueue a; 5 busy of 4: other capacity");
  play({.queue = false}, "0 start: try a; 5 busy of 4: other capacity");
}

TEST(Acquire, AWeightAboveTheCapacityIsAnErrorAtOnce) {
  play({.cap = 3, .what = {.exclusive = false, .weight = 4}}, "0 start: enqueue a; 5 idle of 3: other capacity");
}

TEST(Acquire, ADocumentThatIsNoLockIsLeftAlone) {
  play({}, "0 start: enqueue a; 5 no lock: not a lock");
  play({.queue = false}, "0 start: try a; 5 no lock: not a lock");
}

TEST(Acquire, CancelLeavesTheQueue) {
  play({}, "0 start: enqueue a; 5 queued 0: wait until 42; 20 cancel: cancelled", "a");
}

TEST(Acquire, CancelWithARequestOnItsWayLeavesATombstone) {
  play({}, "0 start: enqueue a; 20 cancel: cancelled", "a?");
  play({}, "0 start: enqueue a; 5 lost: wait until 55; 20 cancel: cancelled", "a?");
}

TEST(Acquire, RequestsCarryThePlan) {
  acquire_plan plan;
  plan.ask.lock = "the lock";
  plan.ask.delta = 777;
  plan.ask.floor = 42;
  machine m(
      plan, [] { return "me"; }, [] { return 0.0; });
  const auto next = m.start(0);
  const auto& r = std::get<machine::send>(next).r;
  EXPECT_EQ(r.lock, "the lock");
  EXPECT_EQ(r.id, "me");
  EXPECT_EQ(r.delta, 777);
  EXPECT_EQ(r.floor, 42);
}

}  // namespace
}  // namespace dlock::protocol
