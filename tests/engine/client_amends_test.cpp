// A holder asks for less, or publishes something.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "engine/client.hpp"
#include "engine/driven_client.hpp"

namespace dlock::engine {
namespace {

using amended = ask_ended::amended;

struct ClientsAmends : driven_test {
  call_id amend(hold_id h, bool exclusive = true, const std::string& value = "new") {
    return me.amend(h, protocol::claim{.exclusive = exclusive, .weight = exclusive ? 0 : 1}, value, now);
  }
  call_id downgrade(hold_id h) {
    return me.amend(h, protocol::claim{.exclusive = false, .weight = 1}, std::nullopt, now);
  }
  /// What became of the last amend.
  amended change() {
    (void)happened();
    return last<ask_ended>().change;
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
  /// Amends that are on their way, one by one.
  using one = std::vector<client::outgoing>;
  one publish(const std::string& value) { return taken(me.amend(last_hold, std::nullopt, value, now, false)); }
  one sent_downgrade() { return taken(downgrade(last_hold)); }
  one taken(call_id) {
    EXPECT_EQ(sent(), "amend id-1");
    return std::exchange(on_their_way, {});
  }
  void arrives(one r) {
    on_their_way = std::move(r);
    answer_all();
  }
};

TEST_F(ClientsAmends, AnAmendIsDone) {
  play("hold | published");
  const auto c = amend(last_hold);
  EXPECT_EQ(me.asks(c), op::amend);
  EXPECT_EQ(serve(), "amend id-1");
  EXPECT_EQ(change(), amended::done);
  EXPECT_EQ(holder().value, "new");
  EXPECT_EQ(announced(), "locked lock, ") << "so that observers look";
  EXPECT_TRUE(me.find(last_hold)->is_exclusive());
}

TEST_F(ClientsAmends, AfterADowngradeTheHoldIsNotExclusive) {
  play("hold | published");
  (void)amend(last_hold, false);
  EXPECT_FALSE(me.find(last_hold)->is_exclusive()) << "whatever becomes of it";
  (void)serve();
  EXPECT_EQ(change(), amended::done);
  EXPECT_FALSE(holder().what.exclusive);
  EXPECT_EQ(announced(), "");
}

TEST_F(ClientsAmends, AnAmendThatALaterOneOvertookIsDoneToo) {
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

TEST_F(ClientsAmends, OnlyAHoldIsAmended) {
  const auto h = hold();
  (void)amend(12345);
  EXPECT_EQ(change(), amended::not_held);
  (void)me.release(h, 0, 1000, now);
  (void)amend(h);
  EXPECT_EQ(change(), amended::not_held);
  EXPECT_EQ(serve(), "release id-1");
  const auto dropped = hold();
  (void)amend(dropped);
  play("sent -> amend id-2 | drop | answer");
  EXPECT_EQ(change(), amended::not_held);
}

TEST_F(ClientsAmends, ALostHoldIsNotAmended) {
  play("hold | later 4500");
  (void)amend(last_hold);
  EXPECT_EQ(happened(), "lost: not renewed; answered");
  EXPECT_EQ(last<ask_ended>().change, amended::lost);
  EXPECT_EQ(sent(), "");
}

TEST_F(ClientsAmends, AnAmendThatFindsNoHolderReportsALoss) {
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

TEST_F(ClientsAmends, AnAmendAnsweredAfterTheLeaseReportsALoss) {
  const auto h = hold();
  (void)amend(h);
  play("silence 4000 -> amend id-1, renew id-1 | later 500 | answer | happened -> lost: not renewed; answered");
  EXPECT_EQ(last<ask_ended>().change, amended::lost);
}

TEST_F(ClientsAmends, AnEntryThatWasEditedByHandIsNotAmended) {
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

TEST_F(ClientsAmends, WhatAnAmendDoesNotNameStays) {
  const auto h = hold();
  (void)amend(h, true, "a note");
  (void)serve();
  (void)downgrade(h);
  (void)serve();
  EXPECT_EQ(change(), amended::done);
  EXPECT_EQ(holder().value, "a note");
  (void)me.amend(h, std::nullopt, "another", now);
  (void)serve();
  EXPECT_EQ(change(), amended::done);
  EXPECT_FALSE(holder().what.exclusive);
  EXPECT_EQ(holder().value, "another");
}

TEST_F(ClientsAmends, ADowngradeThatFailedIsInDoubtBecauseTheNextAmendCarriesIt) {
  play("hold | fault refused");
  (void)downgrade(last_hold);
  play("serve -> amend id-1 | happened -> failed, in doubt");
  EXPECT_TRUE(holder().what.exclusive);
  server.what = fault::none;
  (void)me.amend(last_hold, std::nullopt, "a note", now);
  (void)serve();
  EXPECT_EQ(change(), amended::done);
  EXPECT_FALSE(holder().what.exclusive);
}

TEST_F(ClientsAmends, AnAmendThatTellsNobodyIsNotAnnounced) {
  play("hold | published");
  (void)me.amend(last_hold, std::nullopt, "a note", now, false);
  (void)serve();
  EXPECT_EQ(change(), amended::done);
  EXPECT_EQ(announced(), "");
}

TEST_F(ClientsAmends, AnAmendOfAnotherProcessIsNotTakenForOurs) {
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

TEST_F(ClientsAmends, ADowngradeKeepsWhatAnotherProcessHasPublished) {
  const auto h = hold();
  (void)amend(h, true, "ours");
  (void)serve();
  (void)amend_from_outside("theirs");
  const auto of_another_lock = hold(plan("another"));
  (void)me.amend(of_another_lock, std::nullopt, "does not matter", now);
  ASSERT_EQ(sent(), "amend id-2");
  const auto under_way = std::exchange(on_their_way, {});
  (void)downgrade(h);
  (void)pass(50);
  EXPECT_EQ(change(), amended::done);
  EXPECT_FALSE(holder().what.exclusive);
  EXPECT_EQ(holder().value, "theirs");
  arrives(under_way);
}

TEST_F(ClientsAmends, ADowngradeThatIsSentAgainDoesNotUndoALaterNote) {
  const auto h = hold();
  (void)downgrade(h);
  ASSERT_EQ(sent(), "amend id-1");
  (void)amend_from_outside("theirs");
  auto first = std::exchange(on_their_way, {});
  (void)me.amend(h, std::nullopt, "ours", now);
  ASSERT_EQ(sent(), "amend id-1");
  auto note = std::exchange(on_their_way, {});
  on_their_way.swap(first);
  answer_all();  // the server has changed nothing
  on_their_way.swap(note);
  play("answer | pass 1000");
  EXPECT_EQ(holder().value, "ours");
  EXPECT_FALSE(holder().what.exclusive);
}

TEST_F(ClientsAmends, AnAmendFailsOnTimeIfAnotherProcessIsAlwaysFaster) {
  const auto h = hold();
  (void)amend(h);
  std::string end;
  const ms begin = now;
  while (!end.ends_with("failed") && now < begin + 20'000) {
    (void)amend_from_outside("theirs");
    (void)pass(10);
    if (const auto* l = me.find(h); l == nullptr || l->now != hold_phase::held) break;
    end = happened();
  }
  EXPECT_TRUE(end.ends_with("failed")) << end;
  EXPECT_LE(now - begin, 10'100);
  EXPECT_EQ(last<ask_ended>().failure.why, "another process changes it all the time");
  EXPECT_EQ(phase(h), hold_phase::held);
}

// Another process publishes something while amends of the holder are under way.

TEST_F(ClientsAmends, AHigherNumberOfTheirsDoesNotMakeOursDone) {
  last_hold = hold();
  auto first = publish("first"), second = publish("second");
  (void)amend_from_outside("theirs");
  (void)amend_from_outside("theirs again");
  arrives(std::move(first));
  EXPECT_EQ(happened(), "") << "neither this one nor the later one is there";
  play("pass 50 -> amend id-1 | happened -> answered");
  EXPECT_EQ(last<ask_ended>().change, amended::done);
  EXPECT_EQ(holder().value, "second") << "the later one goes with it";
  arrives(std::move(second));
  EXPECT_EQ(happened(), "answered");
  EXPECT_EQ(last<ask_ended>().change, amended::done);
}

TEST_F(ClientsAmends, ADowngradeIsNotDoneWhileTheEntryIsExclusive) {
  last_hold = hold();
  auto first = sent_downgrade(), second = publish("second");
  (void)amend_from_outside("theirs");
  (void)amend_from_outside("theirs again");
  arrives(std::move(first));
  EXPECT_EQ(happened(), "");
  EXPECT_TRUE(holder().what.exclusive);
  play("pass 50 -> amend id-1 | happened -> answered");
  EXPECT_FALSE(holder().what.exclusive);
  arrives(std::move(second));
  EXPECT_EQ(happened(), "answered");
  EXPECT_EQ(holder().value, "second");
}

TEST_F(ClientsAmends, ADowngradeDoesNotTakeTheirsForOursThatIsUnderWay) {
  last_hold = hold();
  auto note = publish("ours"), second = sent_downgrade();
  (void)amend_from_outside("theirs");
  (void)amend_from_outside("theirs again");
  arrives(std::move(second));
  play("happened -> nothing | pass 50 -> amend id-1 | happened -> answered");
  EXPECT_EQ(holder().value, "ours");
  arrives(std::move(note));
  EXPECT_EQ(happened(), "answered");
  EXPECT_EQ(holder().value, "ours");
}

TEST_F(ClientsAmends, ALateAnswerToADowngradeDoesNotBringTheirsBack) {
  last_hold = hold();
  auto note = publish("ours"), second = sent_downgrade();
  (void)amend_from_outside("theirs");
  (void)amend_from_outside("theirs again");
  const auto late = server.carry_out(second.front().all.front(), now);
  arrives(std::move(note));
  play("pass 50 -> amend id-1 | happened -> answered");
  EXPECT_EQ(holder().value, "ours");
  on_their_way = std::move(second);
  answer_all(late);
  play("pass 100 -> amend id-1 | happened -> answered");
  EXPECT_EQ(holder().value, "ours");
  EXPECT_FALSE(holder().what.exclusive);
}

}  // namespace
}  // namespace dlock::engine
