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
    return me.amend(h, {.exclusive = exclusive, .weight = exclusive ? 0 : 1}, value, now);
  }
  /// What became of the last amend.
  amended change() {
    (void)happened();
    return last<ask_ended>().change;
  }
  protocol::holder& holder(const std::string& lock = "lock") { return server.documents[lock]->holders.at(0); }
};

// --- ask ------------------------------------------------------------------------------------------------------------

TEST_F(ClientsAsks, OneAnswerIsEnough) {
  (void)other(op::try_);
  const auto c = ask();
  EXPECT_EQ(me.asks(c), op::peek);
  EXPECT_EQ(serve(), "peek x");
  EXPECT_EQ(happened(), "answered");
  EXPECT_EQ(last<ask_ended>().call, c);
  EXPECT_EQ(last<ask_ended>().told.holders, 1);
  EXPECT_EQ(last<ask_ended>().change, amended::done) << "it is none";
  EXPECT_EQ(last<ask_ended>().failure.why, "");
  EXPECT_EQ(me.size(), 0U);
}

TEST_F(ClientsAsks, WhatIsNoLockIsSaidToBeNone) {
  server.documents["lock"] = protocol::document{.fence = -1};
  (void)ask();
  (void)serve();
  EXPECT_EQ(happened(), "no lock there");
  EXPECT_EQ(last<ask_ended>().told.defect, "fence");
  server.documents["lock"] = protocol::document{.observed = true};
  (void)ask();
  (void)serve();
  EXPECT_EQ(happened(), "answered") << "one of the other expiry is a lock";
  EXPECT_TRUE(last<ask_ended>().told.other_expiry);
}

TEST_F(ClientsAsks, WithoutAnAnswerItIsRepeatedAfterPausesThatDoubleUpToHalfASecond) {
  (void)ask();
  server.what = fault::unreachable;
  EXPECT_EQ(serve(), "peek x");
  for (const ms pause : {50, 100, 200, 400, 500, 500}) {
    EXPECT_EQ(pass(pause - 1), "");
    EXPECT_EQ(pass(1), "peek x") << "after " << pause;
  }
  EXPECT_EQ(happened(), "");
  server.what = fault::none;
  EXPECT_EQ(pass(500), "peek x");
  EXPECT_EQ(happened(), "answered");
}

TEST_F(ClientsAsks, ItFailsWhenItsTimeIsOver) {
  for (const bool sent_for_sure : {false, true}) {
    server.what = sent_for_sure ? fault::lost_answer : fault::unreachable;
    (void)ask();
    (void)pass(9400);
    EXPECT_EQ(happened(), "");
    (void)pass(600);
    EXPECT_EQ(happened(), sent_for_sure ? "failed, in doubt" : "failed");
    EXPECT_EQ(last<ask_ended>().failure.why, "a fault");
  }
}

TEST_F(ClientsAsks, OrAtTheTimeThatWasSaid) {
  server.what = fault::unreachable;
  (void)ask(now + 120);
  EXPECT_EQ(pass(120), "peek x, peek x") << "a third would have come too late";
  EXPECT_EQ(happened(), "failed");
  (void)ask(now + 50);
  EXPECT_EQ(serve(), "peek x");
  EXPECT_EQ(happened(), "failed") << "the second would have no time";
  (void)ask(now + 100);
  EXPECT_EQ(serve(), "peek x");
  now += 100;
  EXPECT_EQ(sent(), "") << "nor has one whose pause was not seen to be over";
}

TEST_F(ClientsAsks, WhatHangsFailsOnTimeAndIsInDoubt) {
  (void)ask();
  EXPECT_EQ(pass_in_silence(9999), "peek x");
  EXPECT_EQ(happened(), "");
  (void)pass_in_silence(1);
  EXPECT_EQ(happened(), "failed, in doubt");
  EXPECT_EQ(last<ask_ended>().failure.why, "still waiting for it");
  answer_all();
  EXPECT_EQ(happened(), "") << "too late";
}

TEST_F(ClientsAsks, WhatWasNeverSentIsNotInDoubt) {
  (void)ask();
  now += 10'000;
  me.look(now);
  EXPECT_EQ(happened(), "failed");
  EXPECT_EQ(sent(), "") << "nor is it sent later";
}

TEST_F(ClientsAsks, WhatIsRefusedFailsAtOnce) {
  server.what = fault::refused;
  (void)ask();
  EXPECT_EQ(serve(), "peek x");
  EXPECT_EQ(happened(), "failed");
  EXPECT_EQ(last<ask_ended>().failure.what, answer::kind::refused);
}

TEST_F(ClientsAsks, CloseEndsThemInDoubtOnlyIfTheyWereSent) {
  (void)ask();
  ASSERT_EQ(sent(), "peek x");
  (void)ask();
  me.close(now);
  EXPECT_EQ(happened(), "closed, in doubt; closed");
  EXPECT_EQ(sent(), "");
}

TEST_F(ClientsAsks, CloseEndsAPauseInDoubtOnlyIfTheLastOneWas) {
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
  EXPECT_EQ(me.ready(), 1U);
  EXPECT_EQ(serve(), "look");
  EXPECT_EQ(happened(), "answered");
  EXPECT_EQ(last<ask_ended>().call, c);
  ASSERT_EQ(last<ask_ended>().seen.size(), 1U);
  EXPECT_EQ(last<ask_ended>().seen.at(0).what.holders.at(0).id, "other");
  EXPECT_EQ(me.size(), 0U);
}

TEST_F(ClientsAsks, AReadIsRepeatedUntilItIsAnswered) {
  server.what = fault::lost_request;
  (void)read();
  EXPECT_EQ(pass(149), "look, look");
  server.what = fault::none;
  EXPECT_EQ(pass(1), "look");
  EXPECT_EQ(happened(), "answered");
}

TEST_F(ClientsAsks, AfterCloseItIsClosedAtOnce) {
  me.close(now);
  (void)me.read({.id = "lock"}, now);
  EXPECT_EQ(happened(), "closed");
  EXPECT_EQ(sent(), "");
}

TEST_F(ClientsAsks, AReadThatIsClosedIsNotInDoubt) {
  (void)me.read({.id = "lock"}, now);
  ASSERT_EQ(sent(), "look");
  me.close(now);
  EXPECT_EQ(happened(), "closed");
}

TEST_F(ClientsAsks, AReadIsNeverInDoubt) {
  server.what = fault::lost_request;
  (void)read();
  (void)pass(10'000);
  EXPECT_EQ(happened(), "failed");
  (void)read();
  EXPECT_EQ(pass_in_silence(10'000), "look");
  EXPECT_EQ(happened(), "failed");
  answer_all();
  EXPECT_EQ(happened(), "") << "too late";
  (void)read();
  now += 10'000;
  me.look(now);
  EXPECT_EQ(happened(), "failed");
  EXPECT_EQ(sent(), "") << "it was never sent";
}

// --- amend ----------------------------------------------------------------------------------------------------------

TEST_F(ClientsAsks, AnAmendIsDone) {
  const auto h = hold();
  (void)announced();
  const auto c = amend(h);
  EXPECT_EQ(me.asks(c), op::amend);
  EXPECT_EQ(serve(), "amend id-1");
  EXPECT_EQ(change(), amended::done);
  EXPECT_EQ(holder().value, "new");
  EXPECT_EQ(announced(), "locked lock, ") << "so that observers look";
  EXPECT_TRUE(me.find(h)->is_exclusive());
}

TEST_F(ClientsAsks, WhoAsksForLessMayBeSharingIt) {
  const auto h = hold();
  (void)announced();
  (void)amend(h, false);
  EXPECT_FALSE(me.find(h)->is_exclusive()) << "whatever becomes of it";
  (void)serve();
  EXPECT_EQ(change(), amended::done);
  EXPECT_FALSE(holder().what.exclusive);
  EXPECT_EQ(announced(), "");
}

TEST_F(ClientsAsks, OneThatALaterOneHasPassedIsDoneToo) {
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

TEST_F(ClientsAsks, WhatIsNotHeldIsNotAmended) {
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

TEST_F(ClientsAsks, WhatIsLostIsNotAmended) {
  const auto h = hold();
  now += 4500;
  (void)amend(h);
  EXPECT_EQ(happened(), "lost: not renewed; answered");
  EXPECT_EQ(last<ask_ended>().change, amended::lost);
  EXPECT_EQ(sent(), "");
}

TEST_F(ClientsAsks, AnAmendThatFindsNothingHasLostIt) {
  for (const bool there : {false, true}) {
    const auto h = hold();
    if (there) {
      holder().revoked = true;
    } else {
      server.documents["lock"] = std::nullopt;
    }
    (void)amend(h);
    (void)serve();
    EXPECT_EQ(happened(), "lost: gone; answered");
    EXPECT_EQ(last<ask_ended>().change, amended::lost);
    EXPECT_EQ(phase(h), hold_phase::lost);
  }
}

TEST_F(ClientsAsks, AnAmendThatIsAnsweredAfterTheEndHasLostIt) {
  const auto h = hold();
  (void)amend(h);
  ASSERT_EQ(pass_in_silence(4000), "amend id-1, renew id-1");
  now += 500;
  answer_all();
  EXPECT_EQ(happened(), "lost: not renewed; answered");
  EXPECT_EQ(last<ask_ended>().change, amended::lost);
}

TEST_F(ClientsAsks, AnEntryThatWasEditedByHandIsNotAmended) {
  for (const std::int64_t seq : {5, -5}) {
    const auto h = hold();
    (void)amend(h);
    ASSERT_EQ(sent(), "amend id-" + std::to_string(ids));
    auto told = server.carry_out(last_request(), now);
    told.mine->seq += seq;
    answer_all(told);
    EXPECT_EQ(change(), amended::edited);
    EXPECT_TRUE(me.find(h)->held(now));
    (void)me.release(h, 0, 1000, now);
    (void)serve();
  }
}

// --- revoke ---------------------------------------------------------------------------------------------------------

TEST_F(ClientsAsks, ARevocationIsToldToWhomItConcerns) {
  (void)other(op::try_);
  const auto c = me.revoke("lock", holder(), false, false, now);
  EXPECT_EQ(me.asks(c), op::revoke);
  EXPECT_EQ(serve(), "revoke other");
  EXPECT_EQ(happened(), "answered");
  EXPECT_TRUE(last<ask_ended>().told.found);
  EXPECT_EQ(told(), "other client: other, ");
  EXPECT_TRUE(holder().revoked);
  EXPECT_EQ(announced(), "") << "it holds it until it lets go";
}

TEST_F(ClientsAsks, WhoHasLetGoIsNotTold) {
  (void)other(op::try_);
  const auto h = holder();
  (void)other(op::release);
  (void)me.revoke("lock", h, false, true, now);
  EXPECT_EQ(serve(), "revoke other");
  EXPECT_EQ(happened(), "answered");
  EXPECT_FALSE(last<ask_ended>().told.found);
  EXPECT_EQ(told(), "");
}

TEST_F(ClientsAsks, AtOnceSendsTwoCommands) {
  (void)other(op::try_);
  (void)me.revoke("lock", holder(), false, true, now);
  EXPECT_EQ(sent(), "revoke other");
  answer_all();
  EXPECT_EQ(happened(), "");
  EXPECT_EQ(told(), "other client: other, ");
  EXPECT_EQ(sent(), "cancel other for good") << "its own requests must not bring it back";
  answer_all();
  EXPECT_EQ(happened().substr(0, 8), "answered");
  EXPECT_TRUE(last<ask_ended>().told.found);
  EXPECT_EQ(holders(), 0U);
  EXPECT_EQ(announced(), "unlocked lock, ");
}

TEST_F(ClientsAsks, WhatWasKeptIsTakenOffWithoutATombstone) {
  (void)other(op::try_);
  auto r = others(op::release);
  r.keep = 60'000;
  (void)server.carry_out(r, now);
  (void)me.revoke("lock", holder(), false, false, now);
  EXPECT_EQ(sent(), "revoke other/kept");
  answer_all();
  server.documents["lock"] = std::nullopt;  // somebody was faster
  EXPECT_EQ(serve(), "cancel other/kept");
  EXPECT_EQ(happened().substr(0, 8), "answered");
  EXPECT_TRUE(last<ask_ended>().told.found) << "it was there";
}

TEST_F(ClientsAsks, AfterItsFirstCommandItIsInDoubt) {
  (void)other(op::try_);
  (void)me.revoke("lock", holder(), false, true, now);
  ASSERT_EQ(sent(), "revoke other");
  answer_all();
  me.close(now);
  EXPECT_EQ(happened(), "closed, in doubt");
  EXPECT_EQ(sent(), "") << "but this was not sent";
}

TEST_F(ClientsAsks, WhatIsItsOwnIsLookedAtAtOnce) {
  for (const bool at_once : {false, true}) {
    const auto h = hold();
    const auto id = "id-" + std::to_string(ids);
    (void)me.revoke("lock", holder(), false, at_once, now);
    EXPECT_EQ(sent(), "revoke " + id);
    answer_all();
    EXPECT_EQ(serve(), (at_once ? "cancel " + id + " for good, " : "") + "renew " + id);
    (void)happened();
    EXPECT_EQ(phase(h), hold_phase::lost);
    EXPECT_EQ(last<hold_changed>().by, "somebody");
    EXPECT_EQ(told(), "");
    (void)me.release(h, 0, 1000, now);
    (void)serve();
  }
}

}  // namespace
}  // namespace dlock::engine
