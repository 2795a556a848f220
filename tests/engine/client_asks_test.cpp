// Commands of their own of a client: a request, a lookup, a revocation.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "engine/client.hpp"
#include "engine/driven_client.hpp"

namespace dlock::engine {
namespace {

struct ClientsAsks : driven_test {
  /// Something that changes nothing.
  call_id ask(std::optional<ms> until = {}) { return me.ask(others(op::peek, "lock", "x"), until, now); }
  call_id read() { return me.read({.id = "lock"}, now); }
};

// --- ask ------------------------------------------------------------------------------------------------------------

TEST_F(ClientsAsks, OneAnswerIsEnough) {
  (void)other(op::try_);
  const auto c = ask();
  EXPECT_EQ(me.asks(c), op::peek);
  play("serve -> peek x | happened -> answered");
  EXPECT_EQ(last<ask_ended>().call, c);
  EXPECT_EQ(last<ask_ended>().told.holders, 1);
  EXPECT_EQ(last<ask_ended>().change, ask_ended::amended::done) << "it is none";
  EXPECT_EQ(last<ask_ended>().failure.why, "");
  EXPECT_EQ(me.size(), 0U);
}

TEST_F(ClientsAsks, ADocumentThatIsNoLockIsReported) {
  server.documents["lock"] = protocol::document{.fence = -1};
  play("peek | serve | happened -> no lock there");
  EXPECT_EQ(last<ask_ended>().told.defect, "fence");
  server.documents["lock"] = protocol::document{.observed = true};
  play("peek | serve | happened -> answered (one of the other expiry is a lock)");
  EXPECT_TRUE(last<ask_ended>().told.other_expiry);
}

TEST_F(ClientsAsks, AnUnansweredCommandIsRetriedAfterPausesUpToHalfASecond) {
  play("peek | fault unreachable | serve -> peek x");
  for (const ms pause : {50, 100, 200, 400, 500, 500}) {
    EXPECT_EQ(pass(pause - 1), "");
    EXPECT_EQ(pass(1), "peek x") << "after " << pause;
  }
  play("happened -> nothing | fault none | pass 500 -> peek x | happened -> answered");
}

TEST_F(ClientsAsks, ACommandFailsAtTheOperationTimeout) {
  for (const bool sent_for_sure : {false, true}) {
    server.what = sent_for_sure ? fault::lost_answer : fault::unreachable;
    play("peek | pass 9400 | happened -> nothing | pass 600");
    EXPECT_EQ(happened(), sent_for_sure ? "failed, in doubt" : "failed");
    EXPECT_EQ(last<ask_ended>().failure.why, "a fault");
  }
}

TEST_F(ClientsAsks, ACommandFailsAtItsDeadline) {
  server.what = fault::unreachable;
  (void)ask(now + 120);
  play("pass 120 -> peek x, peek x (a third would have come too late) | happened -> failed");
  (void)ask(now + 50);
  play("serve -> peek x | happened -> failed (the second would have no time)");
  (void)ask(now + 100);
  play(
      "serve -> peek x | later 100 | sent -> nothing (nor has one whose pause was not seen to be over) | "
      "happened -> failed (and not in doubt: nothing is on its way)");
}

TEST_F(ClientsAsks, AReadFailsAtItsDeadline) {
  (void)me.read({.id = "lock"}, now, now + 120);
  play("silence 119 -> look | happened -> nothing | silence 1 | happened -> failed");
}

TEST_F(ClientsAsks, ACommandThatHangsFailsOnTimeAndIsInDoubt) {
  play("peek | silence 9999 -> peek x | happened -> nothing | silence 1 | happened -> failed, in doubt");
  EXPECT_EQ(last<ask_ended>().failure.why, "still waiting for the answer");
  play("answer | happened -> nothing (too late)");
}

TEST_F(ClientsAsks, ACommandThatWasNeverSentIsNotInDoubt) {
  play("peek | look 10000 | happened -> failed | sent -> nothing (nor is it sent later)");
}

TEST_F(ClientsAsks, ARefusedCommandFailsAtOnce) {
  play("fault refused | peek | serve -> peek x | happened -> failed");
  EXPECT_EQ(last<ask_ended>().failure.what, answer::kind::refused);
}

TEST_F(ClientsAsks, CloseLeavesADoubtOnlyIfTheCommandWasSent) {
  play("peek | sent -> peek x | peek | close | happened -> closed, in doubt; closed | sent -> nothing");
}

TEST_F(ClientsAsks, CloseDuringAPauseLeavesTheDoubtOfTheLastTry) {
  for (const auto what : {fault::lost_request, fault::unreachable}) {
    driven d;
    d.server.what = what;
    (void)d.me.ask(others(op::peek), {}, d.now);
    EXPECT_EQ(d.serve(), "peek other");
    d.me.close(d.now);
    EXPECT_EQ(d.happened(), what == fault::lost_request ? "closed, in doubt" : "closed");
    d.end();
  }
}

// --- read -----------------------------------------------------------------------------------------------------------

TEST_F(ClientsAsks, AReadShowsWhatIsThere) {
  (void)other(op::try_);
  const auto c = read();
  play("ready -> 1 | serve -> look | happened -> answered");
  EXPECT_EQ(last<ask_ended>().call, c);
  ASSERT_EQ(last<ask_ended>().seen.size(), 1U);
  EXPECT_EQ(last<ask_ended>().seen.at(0).what.holders.at(0).id, "other");
  EXPECT_EQ(me.size(), 0U);
}

TEST_F(ClientsAsks, AReadIsRepeatedUntilItIsAnswered) {
  play("fault lost request | read | pass 149 -> look, look | fault none | pass 1 -> look | happened -> answered");
}

TEST_F(ClientsAsks, AReadAfterCloseFailsAtOnce) {
  play("close | read | happened -> closed | sent -> nothing");
}

TEST_F(ClientsAsks, AReadThatIsClosedIsNotInDoubt) {
  play("read | sent -> look | close | happened -> closed");
}

TEST_F(ClientsAsks, AReadIsNeverInDoubt) {
  play(
      "fault lost request | read | pass 10000 | happened -> failed | read | silence 10000 -> look | "
      "happened -> failed | answer | happened -> nothing (too late) | read | look 10000 | happened -> failed | "
      "sent -> nothing (it was never sent)");
}

// --- revoke ---------------------------------------------------------------------------------------------------------

TEST_F(ClientsAsks, ARevocationUsesTheLargerClockSkew) {
  (void)other(op::try_);
  for (const ms skew : {0, 499, 501}) {
    (void)me.revoke("lock", holder(), false, false, now, skew);
    ASSERT_EQ(sent(), "revoke other");
    EXPECT_EQ(last_request().skew, std::max<ms>(skew, 500));
    play("answer | happened -> answered");
  }
}

TEST_F(ClientsAsks, ARevocationNotifiesTheHolder) {
  (void)other(op::try_);
  const auto c = me.revoke("lock", holder(), false, false, now);
  EXPECT_EQ(me.asks(c), op::revoke);
  play("serve -> revoke other | happened -> answered");
  EXPECT_TRUE(last<ask_ended>().told.found);
  EXPECT_EQ(told(), "other client: other, ");
  EXPECT_TRUE(holder().revoked);
  EXPECT_EQ(announced(), "") << "it holds it until it lets go";
}

TEST_F(ClientsAsks, AHolderThatHasReleasedIsNotNotified) {
  (void)other(op::try_);
  const auto h = holder();
  (void)other(op::release);
  (void)me.revoke("lock", h, false, true, now);
  play("serve -> revoke other | happened -> answered");
  EXPECT_FALSE(last<ask_ended>().told.found);
  EXPECT_EQ(told(), "");
}

TEST_F(ClientsAsks, ARevocationAtOnceSendsTwoCommands) {
  (void)other(op::try_);
  (void)me.revoke("lock", holder(), false, true, now);
  play(
      "sent -> revoke other | answer | happened -> nothing | told -> other client: other | "
      "sent -> cancel other for good (its own requests must not bring it back) | answer");
  EXPECT_EQ(happened().substr(0, 8), "answered");
  EXPECT_TRUE(last<ask_ended>().told.found);
  play("holders -> 0 | published -> unlocked lock");
}

TEST_F(ClientsAsks, AKeptLockIsRevokedWithoutATombstone) {
  (void)other(op::try_);
  auto r = others(op::release);
  r.keep = 60'000;
  (void)server.carry_out(r, now);
  (void)me.revoke("lock", holder(), false, false, now);
  play("sent -> revoke other/kept | answer");
  server.documents["lock"] = std::nullopt;  // somebody was faster
  EXPECT_EQ(serve(), "cancel other/kept");
  EXPECT_EQ(happened().substr(0, 8), "answered");
  EXPECT_TRUE(last<ask_ended>().told.found) << "it was there";
}

TEST_F(ClientsAsks, ARevocationIsInDoubtAfterItsFirstCommand) {
  (void)other(op::try_);
  (void)me.revoke("lock", holder(), false, true, now);
  play(
      "sent -> revoke other | answer | close | happened -> closed, in doubt | "
      "sent -> nothing (but this was not sent)");
}

TEST_F(ClientsAsks, ARevocationOfAnOwnHoldIsNoticedAtOnce) {
  for (const bool at_once : {false, true}) {
    last_hold = hold();
    const auto id = "id-" + std::to_string(ids);
    (void)me.revoke("lock", holder(), false, at_once, now);
    EXPECT_EQ(sent(), "revoke " + id);
    answer_all();
    EXPECT_EQ(serve(), (at_once ? "cancel " + id + " for good, " : "") + "renew " + id);
    play("happened | phase -> lost");
    EXPECT_EQ(last<hold_changed>().by, "somebody");
    play("told -> nothing | release | serve");
  }
}

}  // namespace
}  // namespace dlock::engine
