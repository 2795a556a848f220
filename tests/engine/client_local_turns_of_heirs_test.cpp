// A lease passes on from one call of a client to the next one: an heir in its first term.
#include <gtest/gtest.h>

#include "engine/client_turns.hpp"

namespace dlock::engine {
namespace {

TEST_F(LocalTurns, AnHeirRenewsAtOnceIfAnotherCallWaits) {
  const auto [h, two] = heir_and_next();
  play("serve -> renew id-1 | happened -> held | release | happened -> released; release: released; acquired");
  EXPECT_EQ(last<acquire_ended>().call, two);
}

TEST_F(LocalTurns, TheNextCallWaitsForTheAnswer) {
  const auto [h, two] = heir_and_next();
  EXPECT_EQ(sent(), "renew id-1");
  (void)release(h);
  EXPECT_EQ(happened(), "released; release: released") << "nothing says yet that the notice was true";
  EXPECT_TRUE(me.is_served(two, now));
  play("answer | happened -> held; acquired");
  EXPECT_EQ(token(got()), token(h) + 1);
}

TEST_F(LocalTurns, AnHeirThatNobodyWaitedForRenewsWhenItIsReleased) {
  (void)first_waits(turns());
  play("grant | happened");
  const auto h = got();
  play("acquire turns=3 | sent -> nothing");
  (void)release(h);
  play("serve -> renew id-1 | happened -> released; release: released; held; acquired");
}

TEST_F(LocalTurns, TheNextCallWaitsForTheAnswerFor100MsAtMost) {
  const auto [h, two] = heir_and_next();
  play("sent -> renew id-1 | later 99");
  (void)release(h);
  play("happened -> released; release: released | silence 99 -> nothing | silence 1 -> release id-1 + enqueue id-2");
  EXPECT_TRUE(me.is_served(two, now));
}

TEST_F(LocalTurns, WithoutAnAnswerFor100MsAnHeirPasses) {
  (void)heir_and_next();
  play("sent -> renew id-1 | later 100 | release | sent -> release id-1 + enqueue id-2");
}

TEST_F(LocalTurns, IfTheAnswerSaysThatItIsGoneTheNextIsAskedForAtOnce) {
  const auto [h, two] = heir_and_next();
  play(
      "release | happened | gone | serve -> renew id-1, enqueue id-2, release id-1, cancel id-1 | "
      "happened -> lost: gone; acquired");
  EXPECT_EQ(last<acquire_ended>().call, two);
}

TEST_F(LocalTurns, IfThereIsNoAnswerItPasses) {
  const auto [h, two] = heir_and_next();
  EXPECT_EQ(sent(), "renew id-1");
  (void)release(h);
  play("fault lost answer | answer | fault none | serve -> release id-1 + enqueue id-2 | happened");
  EXPECT_EQ(last<acquire_ended>().call, two);
}

TEST_F(LocalTurns, ALeaseThatNobodyUsesIsReleasedWhenItIsRevoked) {
  const auto [h, two] = heir_and_next();
  play("sent -> renew id-1 | release | revoked id-1 | sent -> release id-1 + enqueue id-2");
  EXPECT_TRUE(me.is_served(two, now));
}

TEST_F(LocalTurns, ALeaseThatNobodyUsesIsReleasedWhenNobodyWaits) {
  const auto [h, two] = heir_and_next();
  play("sent -> renew id-1 | release");
  me.cancel(two, now);
  play("answer | serve -> release id-1 | published -> locked lock, unlocked lock");
}

TEST_F(LocalTurns, ALeaseThatNobodyUsesIsReleasedByClose) {
  (void)heir_and_next();
  play("sent -> renew id-1 | release | close | sent -> release id-1");
}

}  // namespace
}  // namespace dlock::engine
