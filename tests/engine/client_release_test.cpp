// What a client held, and gives back.
#include <gtest/gtest.h>

#include <string>

#include "engine/client.hpp"
#include "engine/driven_client.hpp"

namespace dlock::engine {
namespace {

struct ClientsReleases : driven_test {
  /// A hold that somebody has removed, which its client knows.
  hold_id lost() {
    const auto h = hold();
    server.documents["lock"] = std::nullopt;
    me.clock_was_set(now);
    EXPECT_EQ(serve(), "renew id-1");
    EXPECT_EQ(happened(), "lost: gone");
    return h;
  }
  /// A hold of which it is not known whether it was released. It was not.
  hold_id in_doubt(ms keep = 0) {
    const auto h = hold();
    server.what = fault::lost_request;
    (void)release(h, keep, 10);
    EXPECT_EQ(serve(), "release id-1, release id-1") << "once more in the background";
    EXPECT_EQ(happened(), "releasing; in doubt; release: unknown");
    EXPECT_EQ(last<release_ended>().failure.why, "a fault");
    server.what = fault::none;
    return h;
  }
};

// --- released -------------------------------------------------------------------------------------------------------

TEST_F(ClientsReleases, AReleaseFreesTheLock) {
  play("hold | published -> locked lock");
  const auto c = release(last_hold);
  EXPECT_EQ(phase(last_hold), hold_phase::releasing);
  EXPECT_EQ(me.asks(c), op::release);
  play("happened -> releasing | sent -> release id-1");
  EXPECT_EQ(last_request().how, protocol::form::brief);
  play(
      "release | happened -> release: not held (another call has it) | answer | "
      "happened -> released; release: released");
  EXPECT_EQ(last<release_ended>().call, c);
  play("holders -> 0 | published -> unlocked lock | release | happened -> release: not held | sent -> nothing");
}

TEST_F(ClientsReleases, AReleaseOfADeletedLockReportsALoss) {
  play(
      "hold | published | gone | release | "
      "serve -> release id-1, cancel id-1 (its heirs may be known to nobody) | "
      "happened -> releasing; lost: gone; release: lost | published -> nothing | release | serve -> nothing");
}

TEST_F(ClientsReleases, AReleaseWithoutAnAnswerIsRepeatedInItsTime) {
  play(
      "hold | published | fault lost answer | release | pass 200 -> release id-1, release id-1, release id-1 | "
      "fault none | pass 200 | "
      "happened -> releasing; released; release: released (the first one has removed it) | "
      "published -> unlocked lock");
}

TEST_F(ClientsReleases, AReleaseThatHangsIsInDoubtAtItsTime) {
  play(
      "hold | release | silence 999 -> release id-1 | happened -> releasing | "
      "silence 1 -> release id-1 (in the background) | happened -> in doubt; release: unknown");
  EXPECT_EQ(last<release_ended>().failure.why, "still waiting for the answer");
}

TEST_F(ClientsReleases, AReleaseThatWasNotSentInTimeIsNotSentTwice) {
  play(
      "hold | release | later 1000 | sent -> release id-1 (in the background) | "
      "happened -> releasing; in doubt; release: unknown");
}

TEST_F(ClientsReleases, AReleaseInDoubtIsRepeatedInTheBackground) {
  last_hold = in_doubt();
  play(
      "phase -> in doubt | background -> 1 | published -> locked lock | pass 50 -> release id-1 | holders -> 0 | "
      "background -> 0 | published -> unlocked lock | happened -> nothing (nobody waits for it) | release | "
      "serve -> release id-1, cancel id-1 | "
      "happened -> releasing; released; release: released (that may have been the first one)");
}

TEST_F(ClientsReleases, ARetryThatFindsNothingHasReleasedBefore) {
  play(
      "hold | fault lost answer | release in=10 | serve -> release id-1, release id-1 | fault none | "
      "pass 50 -> release id-1, cancel id-1 | published -> locked lock, unlocked lock");
}

TEST_F(ClientsReleases, ASecondReleaseWorksBeforeTheRetryInTheBackground) {
  last_hold = in_doubt();
  play("release | sent -> release id-1 (the one in the background has its pause)");
  EXPECT_EQ(last_request().how, protocol::form::whole);
  play(
      "answer | happened -> releasing; released; release: released | "
      "published -> locked lock, unlocked lock | pass 50 -> release id-1, cancel id-1 (it goes on) | "
      "published -> nothing (once)");
}

TEST_F(ClientsReleases, AKeptLockIsNotAnnouncedAsFree) {
  play(
      "hold | published | release keep=10000 | serve -> release id-1 | "
      "happened -> releasing; released; release: released | holders -> 1 | published -> nothing (it is not free)");
}

TEST_F(ClientsReleases, AReleaseKeepsForAsLongAsTheLongestThatIsInDoubt) {
  last_hold = in_doubt(10'000);
  play("release keep=5000 | sent -> release id-1");
  EXPECT_EQ(last_request().keep, 10'000);
}

TEST_F(ClientsReleases, WithObservedExpiryKeepCountsFromTheRelease) {
  play("hold observed | later 400 | release keep=1000 | sent -> release id-1");
  EXPECT_EQ(last_request().keep, 600);
}

TEST_F(ClientsReleases, AnAcquisitionInDoubtLeavesATombstoneAfterItsRelease) {
  play("fault lost answer | acquire | serve | fault none | pass 100 | happened -> no answer yet; acquired");
  (void)release(last<acquire_ended>().got);
  play("serve -> release id-1, cancel id-1 for good | happened -> releasing; released; release: released");
}

// --- lost -----------------------------------------------------------------------------------------------------------

TEST_F(ClientsReleases, ALostHoldIsReleasedOnce) {
  const auto h = lost();
  for (const auto* what : {"release id-1, cancel id-1", ""}) {
    (void)release(h);
    EXPECT_EQ(serve(), what);
    EXPECT_EQ(happened(), "release: lost");
  }
}

TEST_F(ClientsReleases, AnExpiredHoldIsAnnouncedAsFreeIfItWasStillThere) {
  play("hold | published");
  now = 1000 + 4500;
  play("release | serve -> release id-1 | holders -> 0 | published -> unlocked lock");
}

TEST_F(ClientsReleases, ALostHoldThatIsGoneIsNotAnnounced) {
  play("hold | published");
  now = 1000 + 4500;
  play("gone | release | serve -> release id-1, cancel id-1 | published -> nothing");
}

TEST_F(ClientsReleases, ARevokedHoldIsAnnouncedAsFreeAfterItsRelease) {
  play("hold | published");
  (void)other(op::revoke, "lock", "id-1");
  play(
      "revoked id-1 | serve | happened -> lost: revoked by an operator | holders -> 1 (until it lets go) | release | "
      "serve -> release id-1 | holders -> 0 | published -> unlocked lock");
}

// --- dropped --------------------------------------------------------------------------------------------------------

TEST_F(ClientsReleases, ADroppedHoldIsReleased) {
  play(
      "hold | drop | there -> no | serve -> release id-1 | holders -> 0 | happened -> releasing | size -> 0 | "
      "drop | sent -> nothing | release | happened -> release: not held");
}

TEST_F(ClientsReleases, AHoldDroppedDuringItsReleaseStaysUntilTheAnswer) {
  play(
      "hold | release | sent -> release id-1 | drop | there -> yes | answer | "
      "happened -> releasing; released; release: released | there -> no | sent -> nothing | size -> 0");
}

TEST_F(ClientsReleases, AHoldDroppedDuringAReleaseInDoubtIsRetried) {
  play(
      "hold | release in=10 | sent -> release id-1 | drop | silence 10 | "
      "happened -> releasing; in doubt; release: unknown | there -> no | background -> 1 | answer | "
      "serve -> cancel id-1 | size -> 0");
}

TEST_F(ClientsReleases, AHoldDroppedInDoubtIsReleasedInTheBackground) {
  last_hold = in_doubt();
  play("drop | there -> no | pass 50 -> release id-1 | holders -> 0 | size -> 0");
}

TEST_F(ClientsReleases, ALostHoldThatIsDroppedIsReleasedOnce) {
  me.drop(lost(), now);
  play("serve -> release id-1, cancel id-1 | size -> 0");
}

TEST_F(ClientsReleases, AReleasedHoldIsNotReleasedAgainWhenItIsDropped) {
  last_hold = lost();
  play("release | serve | drop | serve -> nothing | size -> 0");
}

TEST_F(ClientsReleases, AReleasedHoldIsNotRenewed) {
  for (const bool dropped : {false, true}) {
    play("hold | look 1666");
    ASSERT_EQ(me.ready_renewals(), 1U);
    if (dropped) {
      me.drop(last_hold, now);
    } else {
      (void)release(last_hold);
    }
    EXPECT_EQ(serve(), "release id-" + std::to_string(ids));
  }
}

// --- the end --------------------------------------------------------------------------------------------------------

TEST_F(ClientsReleases, AHoldCanBeReleasedAfterClose) {
  play(
      "hold | close | idle -> yes | release | idle -> no | serve -> release id-1 | idle -> yes | "
      "happened -> releasing; released; release: released");
}

TEST_F(ClientsReleases, AfterCloseAReleaseInDoubtIsSentOnceMore) {
  (void)in_doubt();
  play("fault lost request | close | pass 60000 -> release id-1 | idle -> yes");
}

}  // namespace
}  // namespace dlock::engine
