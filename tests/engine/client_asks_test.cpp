// Commands of their own of a client; and what it repeats in the background.
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "engine/client.hpp"
#include "engine/driven_client.hpp"

namespace dlock::engine {
namespace {

using amended = ask_ended::amended;

struct ClientsAsks : driven_test {
  /// Something that changes nothing.
  call_id ask(std::optional<ms> until = {}) { return me.ask(others(op::peek, "lock", "x"), until, now); }
  call_id read() { return me.read({.id = "lock"}, now); }
  call_id amend(hold_id h, bool exclusive = true, const std::string& value = "new") {
    return me.amend(h, protocol::claim{.exclusive = exclusive, .weight = exclusive ? 0 : 1}, value, now);
  }
  /// What became of the last amend.
  amended change() {
    (void)happened();
    return last<ask_ended>().change;
  }
  /// The last end of a call, or "".
  std::string change_or_nothing() {
    std::string out;
    for (auto& e : me.take_events()) {
      if (!std::holds_alternative<ask_ended>(e)) continue;
      out = show(e);
      events.push_back(std::move(e));
    }
    return out;
  }
  /// Another process publishes something in the place of the holder, with the number after the last one.
  protocol::reply amend_from_outside(const std::string& value) {
    auto r = others(op::amend, "lock", holder().id);
    r.what = holder().what;
    r.value = value;
    r.delta = holder().delta;
    r.seq = holder().seq + 1;
    return server.carry_out(r, now);
  }
  protocol::holder& holder(const std::string& lock = "lock") { return server.documents[lock]->holders.at(0); }
};

// --- ask ------------------------------------------------------------------------------------------------------------

TEST_F(ClientsAsks, OneAnswerIsEnough) {
  (void)other(op::try_);
  const auto c = ask();
  EXPECT_EQ(me.asks(c), op::peek);
  play("serve -> peek x | happened -> answered");
  EXPECT_EQ(last<ask_ended>().call, c);
  EXPECT_EQ(last<ask_ended>().told.holders, 1);
  EXPECT_EQ(last<ask_ended>().change, amended::done) << "it is none";
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

// --- amend ----------------------------------------------------------------------------------------------------------

TEST_F(ClientsAsks, AnAmendIsDone) {
  play("hold | published");
  const auto c = amend(last_hold);
  EXPECT_EQ(me.asks(c), op::amend);
  EXPECT_EQ(serve(), "amend id-1");
  EXPECT_EQ(change(), amended::done);
  EXPECT_EQ(holder().value, "new");
  EXPECT_EQ(announced(), "locked lock, ") << "so that observers look";
  EXPECT_TRUE(me.find(last_hold)->is_exclusive());
}

TEST_F(ClientsAsks, AfterADowngradeTheHoldIsNotExclusive) {
  play("hold | published");
  (void)amend(last_hold, false);
  EXPECT_FALSE(me.find(last_hold)->is_exclusive()) << "whatever becomes of it";
  (void)serve();
  EXPECT_EQ(change(), amended::done);
  EXPECT_FALSE(holder().what.exclusive);
  EXPECT_EQ(announced(), "");
}

TEST_F(ClientsAsks, AnAmendThatALaterOneOvertookIsDoneToo) {
  const auto h = hold();
  (void)amend(h, true, "first");
  ASSERT_EQ(sent(), "amend id-1");
  auto late = std::exchange(on_their_way, {});
  (void)amend(h, true, "second");
  (void)serve();
  EXPECT_EQ(change(), amended::done);
  on_their_way.swap(late);
  answer_all();
  EXPECT_EQ(change(), amended::done);
  EXPECT_EQ(holder().value, "second");
}

TEST_F(ClientsAsks, OnlyAHoldIsAmended) {
  const auto h = hold();
  (void)amend(12345);
  EXPECT_EQ(change(), amended::not_held);
  (void)me.release(h, 0, 1000, now);
  (void)amend(h);
  EXPECT_EQ(change(), amended::not_held);
  EXPECT_EQ(serve(), "release id-1");
  const auto dropped = hold();
  (void)amend(dropped);
  ASSERT_EQ(sent(), "amend id-2");
  me.drop(dropped, now);
  answer_all();
  EXPECT_EQ(change(), amended::not_held);
}

TEST_F(ClientsAsks, ALostHoldIsNotAmended) {
  play("hold | later 4500");
  (void)amend(last_hold);
  EXPECT_EQ(happened(), "lost: not renewed; answered");
  EXPECT_EQ(last<ask_ended>().change, amended::lost);
  EXPECT_EQ(sent(), "");
}

TEST_F(ClientsAsks, AnAmendThatFindsNoHolderReportsALoss) {
  for (const bool there : {false, true}) {
    const auto h = hold();
    if (there) {
      holder().revoked = true;
    } else {
      server.documents["lock"] = std::nullopt;
    }
    (void)amend(h);
    play("serve | happened -> lost: gone; answered");
    EXPECT_EQ(last<ask_ended>().change, amended::lost);
    EXPECT_EQ(phase(h), hold_phase::lost);
  }
}

TEST_F(ClientsAsks, AnAmendAnsweredAfterTheLeaseReportsALoss) {
  const auto h = hold();
  (void)amend(h);
  play("silence 4000 -> amend id-1, renew id-1 | later 500 | answer | happened -> lost: not renewed; answered");
  EXPECT_EQ(last<ask_ended>().change, amended::lost);
}

TEST_F(ClientsAsks, AnEntryThatWasEditedByHandIsNotAmended) {
  for (const std::int64_t seq : {protocol::token_limit, std::int64_t{-5}}) {
    last_hold = hold();
    (void)amend(last_hold);
    ASSERT_EQ(sent(), "amend id-" + std::to_string(ids));
    auto told = server.carry_out(last_request(), now);
    told.mine->seq += seq;
    answer_all(told);
    EXPECT_EQ(change(), amended::edited);
    play("held -> yes | release | serve");
  }
}

TEST_F(ClientsAsks, WhatAnAmendDoesNotNameStays) {
  const auto h = hold();
  (void)amend(h, true, "a note");
  (void)serve();
  (void)me.amend(h, protocol::claim{.exclusive = false, .weight = 1}, std::nullopt, now);
  (void)serve();
  EXPECT_EQ(change(), amended::done);
  EXPECT_EQ(holder().value, "a note");
  (void)me.amend(h, std::nullopt, "another", now);
  (void)serve();
  EXPECT_EQ(change(), amended::done);
  EXPECT_FALSE(holder().what.exclusive);
  EXPECT_EQ(holder().value, "another");
}

TEST_F(ClientsAsks, ADowngradeThatFailedIsInDoubtBecauseTheNextAmendCarriesIt) {
  last_hold = hold();
  server.what = fault::refused;
  (void)me.amend(last_hold, protocol::claim{.exclusive = false, .weight = 1}, std::nullopt, now);
  play("serve -> amend id-1 | happened -> failed, in doubt");
  EXPECT_TRUE(holder().what.exclusive);
  server.what = fault::none;
  (void)me.amend(last_hold, std::nullopt, "a note", now);
  (void)serve();
  EXPECT_EQ(change(), amended::done);
  EXPECT_FALSE(holder().what.exclusive);
}

TEST_F(ClientsAsks, AnAmendThatTellsNobodyIsNotAnnounced) {
  play("hold | published");
  (void)me.amend(last_hold, std::nullopt, "a note", now, false);
  (void)serve();
  EXPECT_EQ(change(), amended::done);
  EXPECT_EQ(announced(), "");
}

TEST_F(ClientsAsks, AnAmendOfAnotherProcessIsNotTakenForOurs) {
  last_hold = hold();
  (void)amend_from_outside("theirs");
  (void)amend(last_hold, true, "ours");
  play("serve -> amend id-1 | happened -> nothing (the server has changed nothing) | pass 49 -> nothing");
  EXPECT_EQ(holder().value, "theirs");
  play("pass 1 -> amend id-1");
  EXPECT_EQ(change(), amended::done);
  EXPECT_EQ(holder().value, "ours");
  EXPECT_EQ(holder().seq, 2);
  (void)amend_from_outside("theirs again");
  (void)amend(last_hold, true, "ours again");
  play("pass 50 -> amend id-1, amend id-1");
  EXPECT_EQ(change(), amended::done);
  EXPECT_EQ(holder().value, "ours again");
}

TEST_F(ClientsAsks, ADowngradeKeepsWhatAnotherProcessHasPublished) {
  const auto h = hold();
  (void)amend(h, true, "ours");
  (void)serve();
  (void)amend_from_outside("theirs");
  (void)me.amend(h, protocol::claim{.exclusive = false, .weight = 1}, std::nullopt, now);
  (void)pass(50);
  EXPECT_EQ(change(), amended::done);
  EXPECT_FALSE(holder().what.exclusive);
  EXPECT_EQ(holder().value, "theirs");
}

TEST_F(ClientsAsks, ADowngradeThatIsSentAgainDoesNotUndoALaterNote) {
  const auto h = hold();
  (void)me.amend(h, protocol::claim{.exclusive = false, .weight = 1}, std::nullopt, now);
  ASSERT_EQ(sent(), "amend id-1");
  (void)amend_from_outside("theirs");
  auto downgrade = std::exchange(on_their_way, {});
  (void)me.amend(h, std::nullopt, "ours", now);
  ASSERT_EQ(sent(), "amend id-1");
  auto note = std::exchange(on_their_way, {});
  on_their_way.swap(downgrade);
  answer_all();  // the server has changed nothing
  on_their_way.swap(note);
  answer_all();
  (void)pass(1000);
  EXPECT_EQ(holder().value, "ours");
  EXPECT_FALSE(holder().what.exclusive);
}

TEST_F(ClientsAsks, AnAmendFailsOnTimeIfAnotherProcessIsAlwaysFaster) {
  const auto h = hold();
  (void)amend(h);
  std::string end;
  const ms begin = now;
  while (end.empty() && now < begin + 20'000) {
    (void)amend_from_outside("theirs");
    (void)pass(10);
    if (const auto* l = me.find(h); l == nullptr || l->now != hold_phase::held) break;
    end = change_or_nothing();
  }
  EXPECT_EQ(end, "failed");
  EXPECT_LE(now - begin, 10'100);
  EXPECT_EQ(last<ask_ended>().failure.why, "another process changes it all the time");
  EXPECT_EQ(phase(h), hold_phase::held);
}

// --- revoke ---------------------------------------------------------------------------------------------------------

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
