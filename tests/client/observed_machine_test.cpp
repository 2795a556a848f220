// Waiting for a lock with observed expiry: which entries a waiter watches, when it polls, and from when an heir's lease
// counts. In these tables `behind N` is an answer that shows the holder h with beat N and a span of 1000 ms, which is
// over 1021 ms after it was first seen; `deep N` is the same far back in the queue.
#include "client/acquire_script.hpp"

namespace dlock::protocol {
namespace {

constexpr ms kSpan = 1000;

event behind(std::int64_t beat, std::int64_t place) {
  auto r = queued_reply(place);
  r.next_end = server_clock - 86'400'000;  // the server's clock means nothing
  r.signs = {{"h", beat, kSpan}};
  return answer(std::move(r), true);
}
const named_events kHolders{
    {"behind 7", behind(7, 0)},
    {"behind 8", behind(8, 0)},
    {"deep 7", behind(7, 3)},
    {"busy behind 7", answer({.found = true, .now = server_clock, .holders = 1, .signs = {{"h", 7, kSpan}}})}};

void observes(const std::string& text) {
  play({.observed = true}, text, "", kHolders);
}

TEST(ObservedMachine, PollsWhenTheHolderMayHaveExpiredAndExpiresIt) {
  observes(
      "0 start: enqueue a; 10 behind 7: wait until 1031; 1031 looks: heartbeat a, expires h/7; "
      "1040 granted: acquired, sent at 1031");
}

TEST(ObservedMachine, CountsFromTheAnswerAndNotFromTheRequest) {
  observes("0 start: enqueue a; 400 behind 7: wait until 1421; 1030 looks: heartbeat a");
}

TEST(ObservedMachine, AHolderWithANewBeatIsWatchedFromTheStartAgain) {
  observes(
      "0 start: enqueue a; 10 behind 7: wait until 1031; 1031 looks: heartbeat a, expires h/7; "
      "1040 behind 8: wait until 2061; 2061 looks: heartbeat a, expires h/8");
}

TEST(ObservedMachine, ALateAnswerCausesNoPollWithoutAPause) {
  // Seen in time, but this answer was long on its way, and the request carried nothing yet.
  observes(
      "0 start: enqueue a; 10 behind 7: wait until 1031; 900 looks: heartbeat a; 1200 behind 7: wait until 1250; "
      "1250 looks: heartbeat a, expires h/7");
}

TEST(ObservedMachine, FarBackInTheQueueItPollsAsUsualAndExpiresToo) {
  observes("0 start: enqueue a; 10 deep 7: wait until 3385; 3385 looks: heartbeat a, expires h/7");
}

TEST(ObservedMachine, AFreshIdKeepsWhatWasSeen) {
  observes(
      "0 start: enqueue a; 10 behind 7: wait until 1031; 1031 looks: heartbeat a, expires h/7; "
      "1035 gone: enqueue b, expires h/7");
}

TEST(ObservedMachine, ATryKnowsWhatWasSeenBefore) {
  observation seen;
  seen.saw({{"h", 7, kSpan}}, 0);
  const options o{.queue = false, .observed = true, .seen = seen};
  play(o, "1020 start: try a; 1021 busy behind 7: busy", "", kHolders);
  play(o, "1021 start: try a, expires h/7; 1030 granted: acquired, sent at 1021");
  // And hands it on.
  auto m = make({.queue = false, .observed = true});
  (void)play_on(m, "0 start: try a; 5 busy behind 7: busy", kHolders);
  EXPECT_EQ(m.seen().over(5 + 1021, ""), (std::vector<pulse>{{"h", 7}}));
}

TEST(ObservedMachine, TheHeirsLeaseCountsFromItsLastRequestWhateverTheServersClock) {
  for (const std::string since : {"900", "86400000", "-86400000"}) {
    observes("100 start: enqueue a; 400 deep 7: wait until 3775; 1500 announced a " + since +
             ": acquired, sent at 100");
  }
}

TEST(ObservedMachine, AnHeirWithTooLittleLeftAsksFirst) {
  observes("0 start: enqueue a; 10 deep 7: wait until 3385; 2501 announced a 2500: heartbeat a, expires h/7");
}

TEST(ObservedMachine, OtherLocksAreNotWatched) {
  auto r = queued_reply(0);
  r.signs = {{"h", 7, 10}};
  play({}, "0 start: enqueue a; 10 signs: wait until 3385; 3385 looks: heartbeat a", "",
       {{"signs", answer(std::move(r), true)}});
}

TEST(ObservedMachine, ALockOfTheOtherExpiryIsAnError) {
  play({.observed = true}, "0 start: enqueue a; 10 other: other expiry", "",
       {{"other", answer({.found = true, .valid = false, .other_expiry = true})}});
}

}  // namespace
}  // namespace dlock::protocol
