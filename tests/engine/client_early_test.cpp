// Releases that only the primary has acknowledged (docs/adr/0030-early-release.md).
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "engine/client.hpp"
#include "engine/driven_client.hpp"

namespace dlock::engine {
namespace {

struct ClientsEarlyReleases : driven_test {
  static protocol::acquire_plan early(const std::string& lock = "lock") {
    auto p = plan(lock);
    p.ask.early = true;
    return p;
  }
  /// Used twice, so that the client knows that nobody else uses it.
  hold_id calm(const std::string& lock = "lock") {
    for (int i = 0; i < 2; ++i) {
      (void)release(hold(early(lock)));
      (void)serve();
      (void)happened();
    }
    return hold(early(lock));
  }
  /// It is released early, and nothing is confirmed yet. The document as it was before.
  protocol::document released_early() {
    const auto h = calm();
    auto before = *server.documents["lock"];
    (void)release(h);
    (void)serve();
    (void)happened();
    return before;
  }
  /// An election takes the release back.
  void take_back(const protocol::document& before, const std::string& lock = "lock") {
    server.documents[lock] = before;
  }
};

TEST_F(ClientsEarlyReleases, AreConfirmedASecondLater) {
  (void)calm();
  play("release | sent -> release id-3");
  EXPECT_TRUE(last_request().early);
  play("answer | happened -> releasing; released; release: released | idle -> no | unconfirmed -> 1");
  EXPECT_EQ(me.size(), 3U + 1U) << "the three holds are not dropped yet";
  play("pass 999 -> nothing | pass 1 -> look | idle -> yes");
}

TEST_F(ClientsEarlyReleases, OneReadConfirmsThoseOfAllLocks) {
  for (const auto* lock : {"one", "two"}) (void)release(calm(lock));
  play("serve | look 1000 | sent -> look");
  const auto& l = *on_their_way.back().lookup;
  EXPECT_EQ(l.ids, (std::vector<std::string>{"one", "two"}));
  play("answer | idle -> yes");
}

TEST_F(ClientsEarlyReleases, TheReadThatConfirmsHasANumberOfItsOwn) {
  (void)released_early();
  const auto other = hold(plan("other"));
  EXPECT_EQ(pass(1000), "look");
  EXPECT_GT(acquire("third"), other);
}

TEST_F(ClientsEarlyReleases, WhatWasTakenBackIsReleasedAgain) {
  const auto before = released_early();
  take_back(before);
  EXPECT_EQ(pass(1000), "look, release id-3");
  EXPECT_TRUE(server.documents["lock"]->holders.empty());
  play("idle -> yes | happened -> nothing");
}

TEST_F(ClientsEarlyReleases, TheNextAcquisitionConfirmsThem) {
  (void)released_early();
  play("hold early | pass 1500 -> nothing (nothing is left to ask)");
}

TEST_F(ClientsEarlyReleases, AnAnswerThatShowsItAgainReleasesItAtOnce) {
  const auto before = released_early();
  take_back(before);
  play("acquire early | serve -> enqueue id-4, release id-3 | happened -> acquired (the heir is this client's own)");
}

TEST_F(ClientsEarlyReleases, WithoutAnAnswerTheyAreAskedForAgain) {
  (void)released_early();
  play("fault lost request | pass 1000 -> look | fault none | pass 1000 -> look | idle -> yes");
}

TEST_F(ClientsEarlyReleases, AReadThatHangsIsGivenUpAndByThenTheLeaseIsOver) {
  (void)released_early();
  play(
      "silence 1000 -> look | silence 10000 -> nothing | idle -> no | silence 1000 -> nothing | idle -> yes | "
      "happened -> nothing");
}

TEST_F(ClientsEarlyReleases, CloseConfirmsThem) {
  const auto before = released_early();
  take_back(before);
  play("close | idle -> no | serve -> look, release id-3 | idle -> yes");
}

TEST_F(ClientsEarlyReleases, AReadThatIsOnItsWayAtCloseGoesOn) {
  const auto before = released_early();
  take_back(before);
  play(
      "look 1000 | sent -> look | close | happened -> nothing | sent -> nothing (no second one) | answer | "
      "serve -> release id-3 | idle -> yes");
}

TEST_F(ClientsEarlyReleases, WhatCloseCannotConfirmIsTold) {
  (void)released_early();
  play("fault lost request | close | serve -> look, release id-3 | happened -> unconfirmed | idle -> yes");
}

TEST_F(ClientsEarlyReleases, IfNobodyMayReadThemTheyAreReleasedAgain) {
  (void)released_early();
  play("look 1000 | sent -> look");
  lookup_answer no;
  no.what = answer::kind::refused;
  me.answered(std::exchange(on_their_way, {}).at(0).ticket, no, now);
  EXPECT_EQ(sent(), "release id-3");
  EXPECT_FALSE(last_request().early) << "this one waits for a majority";
  play(
      "fault lost request | answer | pass 9999 | "
      "happened -> nothing (it is repeated for the operation_timeout, at least) | pass 1000 | "
      "happened -> unconfirmed | idle -> yes");
}

TEST_F(ClientsEarlyReleases, WithoutAThreadTheyAreReleasedAgainLater) {
  const auto before = released_early();
  take_back(before);
  play("look 1000 | sent -> look | answer | no thread | background -> 1 | pass 1000 -> release id-3");
  EXPECT_TRUE(server.documents["lock"]->holders.empty());
  EXPECT_TRUE(me.is_idle());
}

TEST_F(ClientsEarlyReleases, APassIsNoEarlyRelease) {
  (void)calm();
  play("acquire early | release | sent -> release id-3 + enqueue id-4");
  for (const auto& r : on_their_way.back().all) EXPECT_EQ(r.how, protocol::form::whole);
  answer_all();
  EXPECT_EQ(happened(), "releasing; released; release: released; acquired");
  EXPECT_EQ(pass(1500), "") << "there is nothing to confirm";
}

TEST_F(ClientsEarlyReleases, AfterCloseThereAreNone) {
  (void)calm();
  play("close | release | sent -> release id-3");
  EXPECT_FALSE(last_request().early);
}

TEST_F(ClientsEarlyReleases, AreOnlyForWhoIsAlone) {
  (void)release(hold(early()));
  ASSERT_EQ(sent(), "release id-1");
  EXPECT_NE(last_request().how, protocol::form::express) << "nothing is known of the lock";
  play("answer | hold early | release keep=1000 | sent");
  EXPECT_FALSE(last_request().early) << "what is kept waits for a majority";
  play("answer | background -> 0 | pass 2000 -> nothing");
}

TEST_F(ClientsEarlyReleases, WithoutAnAnswerAReleaseWaitsForAMajority) {
  (void)calm();
  play(
      "fault lost answer | release | sent -> release id-3 | answer | fault none | "
      "pass 50 -> release id-3, cancel id-3 | pass 2000 -> nothing (there is nothing to confirm)");
}

}  // namespace
}  // namespace dlock::engine
