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
  const auto h = calm();
  (void)release(h);
  EXPECT_EQ(sent(), "release id-3");
  EXPECT_TRUE(last_request().early);
  answer_all();
  EXPECT_EQ(happened(), "releasing; released; release: released");
  EXPECT_FALSE(me.is_idle());
  EXPECT_EQ(me.unconfirmed(), 1U);
  EXPECT_EQ(me.size(), 3U + 1U) << "the three holds are not dropped yet";
  EXPECT_EQ(pass(999), "");
  EXPECT_EQ(pass(1), "look");
  EXPECT_TRUE(me.is_idle());
}

TEST_F(ClientsEarlyReleases, OneReadConfirmsThoseOfAllLocks) {
  for (const auto* lock : {"one", "two"}) (void)release(calm(lock));
  (void)serve();
  now += 1000;
  me.look(now);
  ASSERT_EQ(sent(), "look");
  const auto& l = *on_their_way.back().lookup;
  EXPECT_EQ(l.ids, (std::vector<std::string>{"one", "two"}));
  answer_all();
  EXPECT_TRUE(me.is_idle());
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
  EXPECT_TRUE(me.is_idle());
  EXPECT_EQ(happened(), "");
}

TEST_F(ClientsEarlyReleases, TheNextAcquisitionConfirmsThem) {
  (void)released_early();
  (void)hold(early());
  EXPECT_EQ(pass(1500), "") << "nothing is left to ask";
}

TEST_F(ClientsEarlyReleases, AnAnswerThatShowsItAgainReleasesItAtOnce) {
  const auto before = released_early();
  take_back(before);
  (void)me.acquire(early(), false, now);
  EXPECT_EQ(serve(), "enqueue id-4, release id-3");
  EXPECT_EQ(happened(), "acquired") << "the heir is this client's own";
}

TEST_F(ClientsEarlyReleases, WithoutAnAnswerTheyAreAskedForAgain) {
  (void)released_early();
  server.what = fault::lost_request;
  EXPECT_EQ(pass(1000), "look");
  server.what = fault::none;
  EXPECT_EQ(pass(1000), "look");
  EXPECT_TRUE(me.is_idle());
}

TEST_F(ClientsEarlyReleases, AReadThatHangsIsGivenUpAndByThenTheLeaseIsOver) {
  (void)released_early();
  EXPECT_EQ(pass_in_silence(1000), "look");
  EXPECT_EQ(pass_in_silence(10'000), "");
  EXPECT_FALSE(me.is_idle());
  EXPECT_EQ(pass_in_silence(1000), "");
  EXPECT_TRUE(me.is_idle());
  EXPECT_EQ(happened(), "");
}

TEST_F(ClientsEarlyReleases, CloseConfirmsThem) {
  const auto before = released_early();
  take_back(before);
  me.close(now);
  EXPECT_FALSE(me.is_idle());
  EXPECT_EQ(serve(), "look, release id-3");
  EXPECT_TRUE(me.is_idle());
}

TEST_F(ClientsEarlyReleases, AReadThatIsOnItsWayAtCloseGoesOn) {
  const auto before = released_early();
  take_back(before);
  now += 1000;
  me.look(now);
  EXPECT_EQ(sent(), "look");
  me.close(now);
  EXPECT_EQ(happened(), "");
  EXPECT_EQ(sent(), "") << "no second one";
  answer_all();
  EXPECT_EQ(serve(), "release id-3");
  EXPECT_TRUE(me.is_idle());
}

TEST_F(ClientsEarlyReleases, WhatCloseCannotConfirmIsTold) {
  (void)released_early();
  server.what = fault::lost_request;
  me.close(now);
  EXPECT_EQ(serve(), "look, release id-3");
  EXPECT_EQ(happened(), "unconfirmed");
  EXPECT_TRUE(me.is_idle());
}

TEST_F(ClientsEarlyReleases, IfNobodyMayReadThemTheyAreReleasedAgain) {
  (void)released_early();
  now += 1000;
  me.look(now);
  EXPECT_EQ(sent(), "look");
  lookup_answer no;
  no.what = answer::kind::refused;
  me.answered(std::exchange(on_their_way, {}).at(0).ticket, no, now);
  EXPECT_EQ(sent(), "release id-3");
  EXPECT_FALSE(last_request().early) << "this one waits for a majority";
  server.what = fault::lost_request;
  answer_all();
  (void)pass(9999);
  EXPECT_EQ(happened(), "") << "it is repeated for the operation_timeout, at least";
  (void)pass(1000);
  EXPECT_EQ(happened(), "unconfirmed");
  EXPECT_TRUE(me.is_idle());
}

TEST_F(ClientsEarlyReleases, WithoutAThreadTheyAreReleasedAgainLater) {
  const auto before = released_early();
  take_back(before);
  now += 1000;
  me.look(now);
  EXPECT_EQ(sent(), "look");
  answer_all();
  me.cannot_send("no thread for it", now);
  EXPECT_EQ(me.in_the_background(), 1U);
  EXPECT_EQ(pass(1000), "release id-3");
  EXPECT_TRUE(server.documents["lock"]->holders.empty());
  EXPECT_TRUE(me.is_idle());
}

TEST_F(ClientsEarlyReleases, APassIsNoEarlyRelease) {
  const auto h = calm();
  (void)me.acquire(early(), false, now);
  (void)release(h);
  EXPECT_EQ(sent(), "release id-3 + enqueue id-4");
  for (const auto& r : on_their_way.back().all) EXPECT_EQ(r.how, protocol::form::whole);
  answer_all();
  EXPECT_EQ(happened(), "releasing; released; release: released; acquired");
  EXPECT_EQ(pass(1500), "") << "there is nothing to confirm";
}

TEST_F(ClientsEarlyReleases, AfterCloseThereAreNone) {
  const auto h = calm();
  me.close(now);
  (void)release(h);
  EXPECT_EQ(sent(), "release id-3");
  EXPECT_FALSE(last_request().early);
}

TEST_F(ClientsEarlyReleases, AreOnlyForWhoIsAlone) {
  (void)release(hold(early()));
  ASSERT_EQ(sent(), "release id-1");
  EXPECT_NE(last_request().how, protocol::form::express) << "nothing is known of the lock";
  answer_all();
  const auto h = hold(early());
  (void)release(h, 1000);
  (void)sent();
  EXPECT_FALSE(last_request().early) << "what is kept waits for a majority";
  answer_all();
  EXPECT_EQ(me.in_the_background(), 0U);
  EXPECT_EQ(pass(2000), "");
}

TEST_F(ClientsEarlyReleases, WithoutAnAnswerAReleaseWaitsForAMajority) {
  const auto h = calm();
  server.what = fault::lost_answer;
  (void)release(h);
  ASSERT_EQ(sent(), "release id-3");
  answer_all();
  server.what = fault::none;
  EXPECT_EQ(pass(50), "release id-3, cancel id-3");
  EXPECT_EQ(pass(2000), "") << "there is nothing to confirm";
}

}  // namespace
}  // namespace dlock::engine
