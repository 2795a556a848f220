// Waiting for a lock with observed expiry: whom a waiter watches, when it looks, and from when an heir's lease counts.
#include "client/acquire_script.hpp"

namespace dlock::protocol {
namespace {

constexpr ms kSpan = 1000;
constexpr ms kOver = kSpan + kSpan / 50 + 1;

/// Queued at `place`; the holder h shows this beat.
event behind(std::int64_t beat, std::int64_t place = 0, bool pushed = true) {
  return [=](machine& m, ms now) {
    auto r = queued_reply(place);
    r.next_end = server_clock - 86'400'000;  // the server's clock means nothing
    r.signs = {{"h", beat, kSpan}};
    return m.answered(r, now, pushed);
  };
}
event busy_behind(std::int64_t beat) {
  return answer({.found = true, .now = server_clock, .holders = 1, .signs = {{"h", beat, kSpan}}});
}

TEST(ObservedMachine, LooksWhenTheHolderMayBeOverAndExpiresIt) {
  play({.observed = true}, {{0, start(), "enqueue a"},
                            {10, behind(7), "wait until " + std::to_string(10 + kOver)},
                            {10 + kOver, looks(), "heartbeat a, expires h/7"},
                            {1040, granted(), "acquired, sent at 1031"}});
}

TEST(ObservedMachine, CountsFromTheAnswerAndNotFromTheRequest) {
  play({.observed = true}, {{0, start(), "enqueue a"},
                            {400, behind(7), "wait until " + std::to_string(400 + kOver)},
                            {1030, looks(), "heartbeat a"}});
}

TEST(ObservedMachine, AHolderThatWasHeardOfIsWatchedAnew) {
  play({.observed = true}, {{0, start(), "enqueue a"},
                            {10, behind(7), "wait until 1031"},
                            {1031, looks(), "heartbeat a, expires h/7"},
                            {1040, behind(8), "wait until " + std::to_string(1040 + kOver)},
                            {1040 + kOver, looks(), "heartbeat a, expires h/8"}});
}

TEST(ObservedMachine, AnAnswerThatCameLateDoesNotMakeItLookWithoutAPause) {
  // Seen in time, but this answer was long on its way, and the request carried nothing yet.
  play({.observed = true}, {{0, start(), "enqueue a"},
                            {10, behind(7), "wait until 1031"},
                            {900, looks(), "heartbeat a"},
                            {1200, behind(7), "wait until 1250"},
                            {1250, looks(), "heartbeat a, expires h/7"}});
}

TEST(ObservedMachine, FarBackInTheQueueItLooksAsUsualAndExpiresAllTheSame) {
  play({.observed = true},
       {{0, start(), "enqueue a"}, {10, behind(7, 3), "wait until 3385"}, {3385, looks(), "heartbeat a, expires h/7"}});
}

TEST(ObservedMachine, AskingAgainWithAFreshIdForgetsNothing) {
  play({.observed = true}, {{0, start(), "enqueue a"},
                            {10, behind(7), "wait until 1031"},
                            {1031, looks(), "heartbeat a, expires h/7"},
                            {1035, no_document(), "enqueue b, expires h/7"}});
}

TEST(ObservedMachine, ATryKnowsWhatWasSeenBefore) {
  observation seen;
  seen.saw({{"h", 7, kSpan}}, 0);
  play({.queue = false, .observed = true, .seen = seen},
       {{kOver - 1, start(), "try a"}, {kOver, busy_behind(7), "busy"}});
  play({.queue = false, .observed = true, .seen = seen},
       {{kOver, start(), "try a, expires h/7"}, {1030, granted(), "acquired, sent at 1021"}});
  // And hands it on.
  auto m = make({.queue = false, .observed = true});
  (void)m.start(0);
  (void)busy_behind(7)(m, 5);
  EXPECT_EQ(m.seen().over(5 + kOver, ""), (std::vector<pulse>{{"h", 7}}));
}

TEST(ObservedMachine, TheHeirsLeaseCountsFromItsLastRequestWhateverTheServersClock) {
  for (const ms since : {ms{900}, ms{86'400'000}, ms{-86'400'000}}) {
    play({.observed = true}, {{100, start(), "enqueue a"},
                              {400, behind(7, 3), "wait until 3775"},
                              {1500, announced("a", since), "acquired, sent at 100"}});
  }
}

TEST(ObservedMachine, AnHeirWithTooLittleLeftAsksFirst) {
  play({.observed = true}, {{0, start(), "enqueue a"},
                            {10, behind(7, 3), "wait until 3385"},
                            {2501, announced("a", 2500), "heartbeat a, expires h/7"}});
}

TEST(ObservedMachine, OtherLocksAreNotWatched) {
  play({}, {{0, start(), "enqueue a"},
            {10,
             [](machine& m, ms now) {
               auto r = queued_reply(0);
               r.signs = {{"h", 7, 10}};
               return m.answered(r, now, true);
             },
             "wait until 3385"},
            {3385, looks(), "heartbeat a"}});
}

TEST(ObservedMachine, ALockOfTheOtherExpiryIsAnError) {
  play({.observed = true}, {{0, start(), "enqueue a"},
                            {10, answer({.found = true, .valid = false, .other_expiry = true}), "other expiry"}});
}

}  // namespace
}  // namespace dlock::protocol
