// Holds of one lock that are renewed in one command.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "engine/client.hpp"
#include "engine/driven_client.hpp"

namespace dlock::engine {
namespace {

struct ClientsRenewals : driven_test {
  static protocol::acquire_plan share(const std::string& lock = "lock", ms delta = 5000) {
    auto p = plan(lock);
    p.ask.what = {.exclusive = false, .weight = 1};
    p.ask.delta = delta;
    return p;
  }
  std::vector<hold_id> readers(int n) {
    std::vector<hold_id> out;
    for (int i = 0; i < n; ++i) out.push_back(hold(share()));
    return out;
  }
  ms until(hold_id h) { return me.find(h)->machine.valid_until(); }
};

TEST_F(ClientsRenewals, HoldsOfOneLockGoTogether) {
  const auto all = readers(3);
  play("pass 1665 -> nothing | pass 1 -> renew id-1 + renew id-2 + renew id-3 | happened -> held; held; held");
  for (const auto h : all) EXPECT_EQ(until(h), now + 4500);
  EXPECT_EQ(pass(1666), "renew id-1 + renew id-2 + renew id-3");
}

TEST_F(ClientsRenewals, OneThatIsDueSoonGoesWithOneThatIsDueAndFromThenOnTheyAreDueTogether) {
  (void)hold(share());
  play("pass 833");  // half the time between two renewals
  (void)hold(share());
  play(
      "pass 832 -> nothing | pass 1 -> renew id-1 + renew id-2 | pass 1665 -> nothing | "
      "pass 1 -> renew id-1 + renew id-2");
}

TEST_F(ClientsRenewals, OneThatIsNotDueSoonIsRenewedLaterAndThenTheOtherGoesWithIt) {
  (void)hold(share());
  play("pass 834");
  (void)hold(share());
  play("pass 832 -> renew id-1 | pass 833 -> nothing | pass 1 -> renew id-2 + renew id-1");
}

TEST_F(ClientsRenewals, OtherLocksAndOtherLeasesGoByThemselves) {
  (void)hold(share());
  (void)hold(share("another"));
  (void)hold(share("lock", 5001));
  (void)hold(share());
  play("clock set | sent -> renew id-1 + renew id-4, renew id-2, renew id-3 | answer");
}

TEST_F(ClientsRenewals, ObservedExpiryIsRenewedOneByOne) {
  for (int i = 0; i < 2; ++i) {
    auto p = share();
    p.ask.observed = true;
    (void)hold(p);
  }
  EXPECT_EQ(pass(1667), "renew id-1, renew id-2");
}

TEST_F(ClientsRenewals, TheLeaseCountsFromTheTimeAtWhichTheCommandWasSent) {
  const auto all = readers(2);
  const ms granted = now;
  play("look 1666 | sent -> renew id-1 + renew id-2 | later 300 | answer | happened -> held; held");
  for (const auto h : all) EXPECT_EQ(until(h), granted + 1666 + 4500);
}

TEST_F(ClientsRenewals, EachGetsItsOwnAnswer) {
  const auto all = readers(4);
  (void)other(op::revoke, "lock", "id-2");
  play(
      "other release lock id-3 | pass 1666 -> renew id-1 + renew id-2 + renew id-3 + renew id-4 | "
      "happened -> held; lost: gone; lost: gone; held");
  EXPECT_EQ(phase(all[0]), hold_phase::held);
  EXPECT_EQ(phase(all[1]), hold_phase::lost);
  EXPECT_EQ(phase(all[2]), hold_phase::lost);
  EXPECT_EQ(phase(all[3]), hold_phase::held);
  EXPECT_EQ(pass(1666), "renew id-1 + renew id-4");
}

TEST_F(ClientsRenewals, OneWithANoticeOfARevocationSaysWhoRevokedItAndTheOthersStay) {
  const auto all = readers(2);
  play("pass 1000");
  (void)other(op::revoke, "lock", "id-1");
  play("revoked id-1 | serve -> renew id-1 + renew id-2 | happened -> lost: revoked by an operator; held");
}

TEST_F(ClientsRenewals, WithoutAnAnswerAllAskAgainSoonTogether) {
  (void)readers(2);
  play(
      "fault lost request | pass 1666 -> renew id-1 + renew id-2 | happened -> no renewal yet; no renewal yet | "
      "fault none | pass 249 -> nothing | pass 1 -> renew id-1 + renew id-2 | happened -> held; held");
}

TEST_F(ClientsRenewals, EachIsLostAtItsOwnTimeWhileTheCommandHangs) {
  (void)hold(share());
  play("pass 500");
  (void)hold(share());
  play(
      "silence 3999 -> renew id-1 + renew id-2 | happened -> nothing | silence 1 | happened -> lost: not renewed | "
      "silence 499 | happened -> nothing | silence 1 | happened -> lost: not renewed");
}

TEST_F(ClientsRenewals, OneOnItsWayIsNotSentAgainWithAnother) {
  (void)hold(share());
  play("pass 100");
  (void)hold(share());
  play("pass 1000");
  (void)hold(share());
  play("look 566 | sent -> renew id-1 + renew id-2 | look 1100 | sent -> renew id-3 | answer");
}

TEST_F(ClientsRenewals, WhoIsReleasedBeforeTheCommandIsSentDoesNotGoWithIt) {
  const auto all = readers(3);
  play("look 1666 | renewals -> 1 (one command)");
  (void)release(all[0]);
  me.drop(all[1], now);
  play("sent -> release id-1 + release id-2, renew id-3 | answer");
}

TEST_F(ClientsRenewals, WithoutAHoldThatIsDueNothingIsSent) {
  const auto first = hold(share());
  play("pass 1000");
  (void)hold(share());
  play("look 666 | renewals -> 1");
  me.drop(first, now);
  play("serve -> release id-1 | renewals -> 0 | pass 999 -> nothing | pass 1 -> renew id-2");
}

TEST_F(ClientsRenewals, ALeaseThatIsNotRenewedDoesNotGoWithTheOthers) {
  (void)hold(share());
  auto p = share();
  p.renews = false;
  const auto h = hold(p);
  play("pass 1666 -> renew id-1 | revoked id-2 | clock set | sent -> renew id-1, peek id-2 | answer");
  EXPECT_EQ(until(h), 1000 + 4500);
}

TEST_F(ClientsRenewals, WhatCannotBeSentIsRetriedSoon) {
  (void)readers(2);
  play("look 1666");
  me.cannot_renew(now);
  play("renewals -> 0 | happened -> nothing | pass 249 -> nothing | pass 1 -> renew id-1 + renew id-2");
}

TEST_F(ClientsRenewals, ThoseThatAreDueComeBeforeThoseThatAreDueSoon) {
  for (std::size_t i = 0; i < protocol::most_renewals; ++i) (void)me.acquire(share(), false, now);
  play("serve | happened | pass 800");
  (void)readers(2);
  play("look 866");
  std::map<std::string, int> times;
  const auto take = [&] {
    const auto out = me.next_renewal(now);
    if (!out) return std::size_t{0};
    for (const auto& r : out->all) ++times[r.id];
    on_their_way.push_back(*out);
    return out->all.size();
  };
  EXPECT_EQ(take(), protocol::most_renewals);
  EXPECT_EQ(take(), 0U) << "the last two are not due yet";
  EXPECT_EQ(times.size(), protocol::most_renewals);
  answer_all();
  (void)readers(1);
  me.clock_was_set(now);
  EXPECT_EQ(take(), protocol::most_renewals);
  EXPECT_EQ(take(), 3U) << "what had no room goes at once";
  EXPECT_EQ(take(), 0U);
  answer_all();
}

}  // namespace
}  // namespace dlock::engine
