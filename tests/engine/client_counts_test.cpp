// What a client's events say for those who count: how long calls waited, how long locks were held, and what became of
// renewals.
#include <gtest/gtest.h>

#include <string>

#include "engine/client_turns.hpp"

namespace dlock::engine {
namespace {

struct ClientsCounts : ClientsTurns {
  static protocol::acquire_plan turns() {
    auto p = plan();
    p.local_turns = 3;
    return p;
  }
  static protocol::acquire_plan linger() {
    auto p = plan();
    p.linger = 2500;
    return p;
  }
  static protocol::acquire_plan in_row(int row, protocol::acquire_plan p = plan()) {
    p.row = row;
    return p;
  }

  /// What has happened since the last time, of the kind E, one by one.
  template <typename E, typename Show>
  std::string all(Show show) {
    (void)happened();
    std::string out;
    for (auto i = seen_; i < events.size(); ++i) {
      if (const auto* e = std::get_if<E>(&events[i])) out += show(*e);
    }
    seen_ = events.size();
    return out;
  }
  /// The uses of locks that have ended: "300 lost, ".
  std::string uses() {
    return all<hold_changed>([](const hold_changed& e) {
      if (e.after_use) return std::string("found lost, ");
      if (!e.used) return std::string();
      return std::to_string(*e.used) + (e.now == hold_phase::lost ? " lost, " : ", ");
    });
  }
  std::string renewals() {
    return all<renewal_ended>([](const renewal_ended& e) {
      static constexpr const char* names[] = {"renewed", "no answer", "late", "lost"};
      return names[static_cast<std::size_t>(e.what)] + (" " + std::to_string(e.left)) + ", ";
    });
  }
  static std::string show_event(const protocol::announcement& a) {
    std::string out = a.locked ? "locked" : "unlocked";
    if (a.waited) out += " waited " + std::to_string(*a.waited);
    if (a.held) out += " held " + std::to_string(*a.held);
    return out + (a.lost ? " lost, " : ", ");
  }
  /// What everybody is told.
  std::string told_all() {
    now += 100;
    std::string out;
    while (const auto batch = me.next_publication(now)) {
      for (const auto& a : *batch) out += show_event(*a);
      me.published(true, false, now);
    }
    return out;
  }
  std::string told_here() {
    return all<subscriber_event>([](const subscriber_event& e) { return show_event(*e.what); });
  }

 private:
  std::size_t seen_ = 0;
};

// --- calls ----------------------------------------------------------------------------------------------------------

TEST_F(ClientsCounts, ACallThatGetsTheLockHasWaitedSinceItsBeginning) {
  (void)first_waits(in_row(2));
  (void)told_all();
  play("later 600 | other release");
  me.opened(part::inbox, now);  // notices may have been missed: it asks
  play("serve | happened -> acquired");
  EXPECT_EQ(last<acquire_ended>().waited, 700);
  EXPECT_EQ(last<acquire_ended>().row, 2);
  EXPECT_EQ(told_all(), "locked waited 700, ");
}

TEST_F(ClientsCounts, ACallWithoutAGrantIsMeasuredToo) {
  play("other try | acquire try row=1 | serve | happened -> busy");
  EXPECT_EQ(last<acquire_ended>().row, 1);
  EXPECT_EQ(last<acquire_ended>().waited, 0);
  const auto one = ask(in_row(2, within(1000)));
  now += 100;
  (void)ask(in_row(3, within(300)));  // it waits locally
  play("pass 300 | happened -> timed out");
  EXPECT_EQ(last<acquire_ended>().row, 3);
  EXPECT_EQ(last<acquire_ended>().waited, 300);
  me.cancel(one, now);
  play("serve | happened -> cancelled");
  EXPECT_EQ(last<acquire_ended>().row, 2);
  EXPECT_EQ(last<acquire_ended>().waited, 400);
  play("fault refused | acquire row=4 | serve | happened -> refused");
  EXPECT_EQ(last<acquire_ended>().row, 4);
}

TEST_F(ClientsCounts, ACallThatInheritsAPlaceHasItsOwnWait) {
  const auto one = first_waits(in_row(1));
  play("later 100 | acquire row=2 | later 50");
  me.cancel(one, now);
  ASSERT_EQ(happened(), "cancelled");
  EXPECT_EQ(last<acquire_ended>().row, 1);
  EXPECT_EQ(last<acquire_ended>().waited, 150);
  play("other release | inbox opened | serve | happened -> acquired");
  EXPECT_EQ(last<acquire_ended>().row, 2);
  EXPECT_EQ(last<acquire_ended>().waited, 50);
}

// --- uses -----------------------------------------------------------------------------------------------------------

TEST_F(ClientsCounts, AUseEndsWhenItsReleaseBegins) {
  play("hold row=7 | later 300 | fault lost answer | release in=100 | serve");
  EXPECT_EQ(uses(), "300, ") << "whatever the answer";
  EXPECT_EQ(last<hold_changed>().row, 7);
  play("fault none | release | serve");
  EXPECT_EQ(uses(), "") << "once";
}

TEST_F(ClientsCounts, AUseEndsWithTheLossOfItsLease) {
  play("hold | silence 4500 | answer");
  EXPECT_EQ(uses(), "4500 lost, ");
  play("release | serve");
  EXPECT_EQ(uses(), "") << "once";
}

TEST_F(ClientsCounts, AUseEndsWhenItsHoldIsDropped) {
  play("hold | later 200 | drop | serve");
  EXPECT_EQ(uses(), "200, ");
}

TEST_F(ClientsCounts, AReleaseThatFindsItLostSaysSo) {
  play("hold | gone | later 100 | release | serve");
  EXPECT_EQ(uses(), "100, found lost, ");
}

TEST_F(ClientsCounts, AUseBeginsWhenTheClientKnowsOfItsGrant) {
  play("acquire | sent -> enqueue id-1 | later 300 | answer | happened -> acquired | later 100 | release | serve");
  EXPECT_EQ(uses(), "100, ");
  EXPECT_EQ(told_all(), "locked waited 300, unlocked held 100, ");
  play("acquire | sent -> enqueue id-2 | later 300 | answer | happened -> acquired | silence 4200");
  EXPECT_EQ(uses(), "4200 lost, ") << "the lease counts from the request";
}

TEST_F(ClientsCounts, EachTurnIsAUse) {
  me.subscribed(1);
  const auto h = hold(turns());
  play("acquire turns=3 row=5 | later 40 | release");
  EXPECT_EQ(uses(), "40, ");
  EXPECT_EQ(last<acquire_ended>().row, 5);
  EXPECT_EQ(me.find(got())->row, 5);
  me.heard(protocol::announcement{"lock", true, me.find(h)->token, "somebody", tiny_server::epoch}, now);
  EXPECT_EQ(told_here(), "locked, unlocked held 40, locked waited 40, ");
  play("later 30 | release | serve");
  EXPECT_EQ(uses(), "30, ");
  EXPECT_EQ(told_all(), "locked waited 0, unlocked held 70, ") << "others hear of all turns together";
  me.subscribed(-1);
}

TEST_F(ClientsCounts, WhileALeaseLingersNobodyUsesIt) {
  me.subscribed(1);
  const auto h = hold(linger());
  const auto begin = now;
  (void)told_all();
  (void)release(h);
  EXPECT_EQ(uses(), "100, ");
  play("later 500 | acquire linger=2500 row=6 | happened -> acquired");
  EXPECT_EQ(last<acquire_ended>().row, 6);
  EXPECT_EQ(last<acquire_ended>().waited, 0);
  me.heard(protocol::announcement{"lock", true, me.find(h)->token, "somebody", tiny_server::epoch}, now);
  EXPECT_EQ(told_here(), "locked, unlocked held 100, locked waited 0, ") << "the time between is nobody's";
  play("later 20 | release");
  EXPECT_EQ(uses(), "20, ");
  (void)pass(begin + 2499 - now);
  play("look 1 | serve");
  EXPECT_EQ(uses(), "");
  EXPECT_EQ(told_all(), "unlocked held 2500, ");
  me.subscribed(-1);
}

TEST_F(ClientsCounts, ALeaseThatIsLostWhileNobodyUsesItIsNoLoss) {
  play("hold linger=2500 | silence 1666 -> renew id-1/linger | gone | release");
  EXPECT_EQ(uses(), "1666, ");
  play("answer | happened -> lost: gone");
  EXPECT_EQ(uses(), "");
}

// --- events ---------------------------------------------------------------------------------------------------------

TEST_F(ClientsCounts, ALostHoldIsAnnouncedAsLost) {
  play("hold");
  (void)told_all();
  (void)other(op::revoke, "lock", "id-1");
  play("revoked id-1 | serve | later 200 | release | serve");
  EXPECT_EQ(told_all(), "unlocked held 300 lost, ");
}

TEST_F(ClientsCounts, WhoTakesALockOffItsHolderAnnouncesItAsLost) {
  play("other try | later 500");
  (void)me.revoke("lock", holder(), false, true, now);
  (void)serve();
  EXPECT_EQ(told_all(), "unlocked held 500 lost, ");
  (void)me.take_events();
  while (me.next_notice()) me.notice_done();
}

TEST_F(ClientsCounts, AnotherValueIsNoNewGrant) {
  play("hold");
  (void)told_all();
  play("amend | serve");
  EXPECT_EQ(told_all(), "locked, ");
}

// --- renewals -------------------------------------------------------------------------------------------------------

TEST_F(ClientsCounts, ARenewalSaysHowCloseItWas) {
  play("hold | pass 1666");
  EXPECT_EQ(renewals(), "renewed 2834, ");
  play("silence 1766 | answer");
  EXPECT_EQ(renewals(), "renewed 2734, ") << "when it was answered";
}

TEST_F(ClientsCounts, ARenewalWithoutAnAnswerSaysWhatIsLeft) {
  play("hold | fault lost request | pass 1666");
  EXPECT_EQ(renewals(), "no answer 2834, ");
  EXPECT_EQ(last<trouble>().hold, last_hold);
  EXPECT_EQ(last<trouble>().left, 2834);
  play("pass 250");
  EXPECT_EQ(renewals(), "no answer 2584, ");
}

TEST_F(ClientsCounts, ARenewalMayBeTooLateOrFindNothing) {
  play("hold | silence 4499");
  now += 1;  // and nobody has looked
  answer_all();
  EXPECT_EQ(renewals(), "late 0, ");
  last_hold = hold(plan("another"));
  server.documents["another"] = std::nullopt;
  (void)pass(1666);
  EXPECT_EQ(renewals(), "lost 2834, ");
}

TEST_F(ClientsCounts, APeekIsNoRenewal) {
  play("hold unrenewed | clock set | serve -> peek id-1");
  EXPECT_EQ(renewals(), "");
}

}  // namespace
}  // namespace dlock::engine
