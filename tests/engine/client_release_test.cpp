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

TEST_F(ClientsReleases, WhatIsReleasedIsFree) {
  const auto h = hold();
  EXPECT_EQ(announced(), "locked lock, ");
  const auto c = release(h);
  EXPECT_EQ(phase(h), hold_phase::releasing);
  EXPECT_EQ(me.asks(c), op::release);
  EXPECT_EQ(happened(), "releasing");
  EXPECT_EQ(sent(), "release id-1");
  EXPECT_TRUE(last_request().brief);
  (void)release(h);
  EXPECT_EQ(happened(), "release: not held") << "another call has it";
  answer_all();
  EXPECT_EQ(happened(), "released, free; release: released");
  EXPECT_EQ(last<release_ended>().call, c);
  EXPECT_EQ(holders(), 0U);
  EXPECT_EQ(announced(), "unlocked lock, ");
  (void)release(h);
  EXPECT_EQ(happened(), "release: not held");
  EXPECT_EQ(sent(), "");
}

TEST_F(ClientsReleases, WhatSomebodyRemovedWasLostBeforeItsRelease) {
  const auto h = hold();
  (void)announced();
  server.documents["lock"] = std::nullopt;
  (void)release(h);
  EXPECT_EQ(serve(), "release id-1, cancel id-1") << "its heirs may be known to nobody";
  EXPECT_EQ(happened(), "releasing; lost: gone; release: lost");
  EXPECT_EQ(announced(), "");
  (void)release(h);
  EXPECT_EQ(serve(), "");
}

TEST_F(ClientsReleases, AReleaseWithoutAnAnswerIsRepeatedInItsTime) {
  const auto h = hold();
  (void)announced();
  server.what = fault::lost_answer;
  (void)release(h);
  EXPECT_EQ(pass(200), "release id-1, release id-1, release id-1");
  server.what = fault::none;
  (void)pass(200);
  EXPECT_EQ(happened(), "releasing; released; release: released") << "the first one has removed it";
  EXPECT_EQ(announced(), "unlocked lock, ");
}

TEST_F(ClientsReleases, AReleaseThatHangsIsInDoubtAtItsTime) {
  const auto h = hold();
  (void)release(h);
  EXPECT_EQ(pass_in_silence(999), "release id-1");
  EXPECT_EQ(happened(), "releasing");
  EXPECT_EQ(pass_in_silence(1), "release id-1") << "in the background";
  EXPECT_EQ(happened(), "in doubt; release: unknown");
  EXPECT_EQ(last<release_ended>().failure.why, "still waiting for it");
}

TEST_F(ClientsReleases, OneThatWasNotSentInTimeIsNotSentTwice) {
  const auto h = hold();
  (void)release(h);
  now += 1000;
  EXPECT_EQ(sent(), "release id-1") << "in the background";
  EXPECT_EQ(happened(), "releasing; in doubt; release: unknown");
}

TEST_F(ClientsReleases, AReleaseInDoubtIsRepeatedInTheBackground) {
  const auto h = in_doubt();
  EXPECT_EQ(phase(h), hold_phase::in_doubt);
  EXPECT_EQ(me.in_the_background(), 1U);
  EXPECT_EQ(announced(), "locked lock, ");
  EXPECT_EQ(pass(50), "release id-1");
  EXPECT_EQ(holders(), 0U);
  EXPECT_EQ(me.in_the_background(), 0U);
  EXPECT_EQ(announced(), "unlocked lock, ");
  EXPECT_EQ(happened(), "") << "nobody waits for it";
  (void)release(h);
  EXPECT_EQ(serve(), "release id-1, cancel id-1");
  EXPECT_EQ(happened(), "releasing; released; release: released") << "that may have been the first one";
}

TEST_F(ClientsReleases, WhatTheBackgroundDoesNotFindWasReleasedBefore) {
  const auto h = hold();
  server.what = fault::lost_answer;
  (void)release(h, 0, 10);
  EXPECT_EQ(serve(), "release id-1, release id-1");
  server.what = fault::none;
  EXPECT_EQ(pass(50), "release id-1, cancel id-1");
  EXPECT_EQ(announced(), "locked lock, unlocked lock, ");
}

TEST_F(ClientsReleases, ASecondReleaseWorksBeforeTheBackgroundsDoes) {
  const auto h = in_doubt();
  (void)release(h);
  EXPECT_EQ(sent(), "release id-1") << "the one in the background has its pause";
  EXPECT_FALSE(last_request().brief);
  answer_all();
  EXPECT_EQ(happened(), "releasing; released, free; release: released");
  EXPECT_EQ(announced(), "locked lock, unlocked lock, ");
  EXPECT_EQ(pass(50), "release id-1, cancel id-1") << "it goes on";
  EXPECT_EQ(announced(), "") << "once";
}

TEST_F(ClientsReleases, WhatIsKeptIsNobodys) {
  const auto h = hold();
  (void)announced();
  (void)release(h, 10'000);
  EXPECT_EQ(serve(), "release id-1");
  EXPECT_EQ(happened(), "releasing; released; release: released");
  EXPECT_EQ(holders(), 1U);
  EXPECT_EQ(announced(), "") << "it is not free";
}

TEST_F(ClientsReleases, AReleaseKeepsForAsLongAsOneInDoubtHasAsked) {
  const auto h = in_doubt(10'000);
  (void)release(h, 5000);
  EXPECT_EQ(sent(), "release id-1");
  EXPECT_EQ(last_request().keep, 10'000);
}

TEST_F(ClientsReleases, WithObservedExpiryItIsKeptFromNow) {
  auto p = plan();
  p.ask.observed = true;
  const auto h = hold(p);
  now += 400;
  (void)release(h, 1000);
  EXPECT_EQ(sent(), "release id-1");
  EXPECT_EQ(last_request().keep, 600);
}

TEST_F(ClientsReleases, WhoseAcquisitionMayStillArriveIsCancelledAfterItsRelease) {
  server.what = fault::lost_answer;
  (void)acquire();
  (void)serve();
  server.what = fault::none;
  (void)pass(100);
  EXPECT_EQ(happened(), "no answer yet; acquired");
  (void)release(last<acquire_ended>().got);
  EXPECT_EQ(serve(), "release id-1, cancel id-1 for good");
  EXPECT_EQ(happened(), "releasing; released, free; release: released");
}

// --- lost -----------------------------------------------------------------------------------------------------------

TEST_F(ClientsReleases, ALostOneIsGivenBackOnce) {
  const auto h = lost();
  for (const auto* what : {"release id-1, cancel id-1", ""}) {
    (void)release(h);
    EXPECT_EQ(serve(), what);
    EXPECT_EQ(happened(), "release: lost");
  }
}

TEST_F(ClientsReleases, WhatWasLostByTimeIsGivenBackInSilence) {
  const auto h = hold();
  (void)announced();
  now = 1000 + 4500;
  (void)release(h);
  EXPECT_EQ(serve(), "release id-1");
  EXPECT_EQ(holders(), 0U);
  EXPECT_EQ(announced(), "") << "whose it was then, nobody knows";
}

TEST_F(ClientsReleases, ARevokedOneIsFreeWhenItIsGivenBack) {
  const auto h = hold();
  (void)announced();
  (void)other(op::revoke, "lock", "id-1");
  me.heard(protocol::revocation{"lock", "id-1", "an operator"}, now);
  (void)serve();
  ASSERT_EQ(happened(), "lost: revoked by an operator");
  EXPECT_EQ(holders(), 1U) << "until it lets go";
  (void)release(h);
  EXPECT_EQ(serve(), "release id-1");
  EXPECT_EQ(holders(), 0U);
  EXPECT_EQ(announced(), "unlocked lock, ");
}

// --- dropped --------------------------------------------------------------------------------------------------------

TEST_F(ClientsReleases, WhatIsDroppedIsReleased) {
  const auto h = hold();
  me.drop(h, now);
  EXPECT_EQ(me.find(h), nullptr);
  EXPECT_EQ(serve(), "release id-1");
  EXPECT_EQ(holders(), 0U);
  EXPECT_EQ(happened(), "");
  EXPECT_EQ(me.size(), 0U);
  me.drop(h, now);
  EXPECT_EQ(sent(), "");
  (void)release(h);
  EXPECT_EQ(happened(), "release: not held");
}

TEST_F(ClientsReleases, WhatIsDroppedDuringItsReleaseStaysUntilThatIsOver) {
  const auto h = hold();
  (void)release(h);
  EXPECT_EQ(sent(), "release id-1");
  me.drop(h, now);
  EXPECT_NE(me.find(h), nullptr);
  answer_all();
  EXPECT_EQ(happened(), "releasing; released, free; release: released");
  EXPECT_EQ(me.find(h), nullptr);
  EXPECT_EQ(sent(), "");
  EXPECT_EQ(me.size(), 0U);
}

TEST_F(ClientsReleases, AlsoIfThatIsInDoubt) {
  const auto h = hold();
  (void)release(h, 0, 10);
  EXPECT_EQ(sent(), "release id-1");
  me.drop(h, now);
  (void)pass_in_silence(10);
  EXPECT_EQ(happened(), "releasing; in doubt; release: unknown");
  EXPECT_EQ(me.find(h), nullptr);
  EXPECT_EQ(me.in_the_background(), 1U);
  answer_all();
  EXPECT_EQ(serve(), "cancel id-1");
  EXPECT_EQ(me.size(), 0U);
}

TEST_F(ClientsReleases, WhatIsDroppedInDoubtIsReleasedByTheBackground) {
  const auto h = in_doubt();
  me.drop(h, now);
  EXPECT_EQ(me.find(h), nullptr);
  EXPECT_EQ(pass(50), "release id-1");
  EXPECT_EQ(holders(), 0U);
  EXPECT_EQ(me.size(), 0U);
}

TEST_F(ClientsReleases, ALostOneThatIsDroppedIsGivenBackOnce) {
  me.drop(lost(), now);
  EXPECT_EQ(serve(), "release id-1, cancel id-1");
  EXPECT_EQ(me.size(), 0U);
}

TEST_F(ClientsReleases, WhatWasGivenBackIsNotGivenBackAgainWhenItIsDropped) {
  const auto h = lost();
  (void)release(h);
  (void)serve();
  me.drop(h, now);
  EXPECT_EQ(serve(), "");
  EXPECT_EQ(me.size(), 0U);
}

TEST_F(ClientsReleases, ARenewalOfWhatIsGivenBackIsNotSent) {
  for (const bool dropped : {false, true}) {
    const auto h = hold();
    now += 1666;
    me.look(now);
    ASSERT_EQ(me.ready_renewals(), 1U);
    if (dropped) {
      me.drop(h, now);
    } else {
      (void)release(h);
    }
    EXPECT_EQ(serve(), "release id-" + std::to_string(ids));
  }
}

// --- the end --------------------------------------------------------------------------------------------------------

TEST_F(ClientsReleases, AfterCloseItCanBeReleased) {
  const auto h = hold();
  me.close(now);
  EXPECT_TRUE(me.is_idle());
  (void)release(h);
  EXPECT_FALSE(me.is_idle());
  EXPECT_EQ(serve(), "release id-1");
  EXPECT_TRUE(me.is_idle());
  EXPECT_EQ(happened(), "releasing; released, free; release: released");
}

TEST_F(ClientsReleases, AfterCloseWhatIsInDoubtIsSentOnceMore) {
  (void)in_doubt();
  server.what = fault::lost_request;
  me.close(now);
  EXPECT_EQ(pass(60'000), "release id-1");
  EXPECT_TRUE(me.is_idle());
}

}  // namespace
}  // namespace dlock::engine
