// A lease passes on from one call of a client to the next one: an heir in its first term.
#include <gtest/gtest.h>

#include "engine/client_turns.hpp"

namespace dlock::engine {
namespace {

TEST_F(LocalTurns, AnHeirRenewsAtOnceIfAnotherCallWaits) {
  const auto [h, two] = heir_and_next();
  EXPECT_EQ(serve(), "renew id-1");
  EXPECT_EQ(happened(), "held");
  (void)release(h);
  EXPECT_EQ(happened(), goes_on);
  EXPECT_EQ(last<acquire_ended>().call, two);
}

TEST_F(LocalTurns, TheNextCallWaitsForTheAnswer) {
  const auto [h, two] = heir_and_next();
  EXPECT_EQ(sent(), "renew id-1");
  (void)release(h);
  EXPECT_EQ(happened(), "released; release: released") << "nothing says yet that the notice was true";
  EXPECT_TRUE(me.is_served(two, now));
  answer_all();
  EXPECT_EQ(happened(), "held; acquired");
  EXPECT_EQ(token(got()), token(h) + 1);
}

TEST_F(LocalTurns, AnHeirThatNobodyWaitedForRenewsWhenItIsReleased) {
  (void)first_waits(turns());
  hear_of_grant();
  (void)happened();
  const auto h = got();
  (void)ask(turns());
  EXPECT_EQ(sent(), "");
  (void)release(h);
  EXPECT_EQ(serve(), "renew id-1");
  EXPECT_EQ(happened(), "released; release: released; held; acquired");
}

TEST_F(LocalTurns, TheNextCallWaitsForTheAnswerFor100MsAtMost) {
  const auto [h, two] = heir_and_next();
  EXPECT_EQ(sent(), "renew id-1");
  now += 99;
  (void)release(h);
  EXPECT_EQ(happened(), "released; release: released");
  EXPECT_EQ(pass_in_silence(99), "");
  EXPECT_EQ(pass_in_silence(1), passes);
  EXPECT_TRUE(me.is_served(two, now));
}

TEST_F(LocalTurns, WithoutAnAnswerFor100MsAnHeirPasses) {
  const auto [h, two] = heir_and_next();
  EXPECT_EQ(sent(), "renew id-1");
  now += 100;
  (void)release(h);
  EXPECT_EQ(sent(), passes);
}

TEST_F(LocalTurns, IfTheAnswerSaysThatItIsGoneTheNextIsAskedForAtOnce) {
  const auto [h, two] = heir_and_next();
  (void)release(h);
  (void)happened();
  server.documents["lock"] = std::nullopt;
  EXPECT_EQ(serve(), "renew id-1, enqueue id-2, release id-1, cancel id-1");
  EXPECT_EQ(happened(), "lost: gone; acquired");
  EXPECT_EQ(last<acquire_ended>().call, two);
}

TEST_F(LocalTurns, IfThereIsNoAnswerItPasses) {
  const auto [h, two] = heir_and_next();
  EXPECT_EQ(sent(), "renew id-1");
  (void)release(h);
  server.what = fault::lost_answer;
  answer_all();
  server.what = fault::none;
  EXPECT_EQ(serve(), passes);
  (void)happened();
  EXPECT_EQ(last<acquire_ended>().call, two);
}

TEST_F(LocalTurns, ALeaseThatNobodyUsesIsReleasedWhenItIsRevoked) {
  const auto [h, two] = heir_and_next();
  EXPECT_EQ(sent(), "renew id-1");
  (void)release(h);
  me.heard(protocol::revocation{"lock", "id-1", "an operator"}, now);
  EXPECT_EQ(sent(), passes);
  EXPECT_TRUE(me.is_served(two, now));
}

TEST_F(LocalTurns, ALeaseThatNobodyUsesIsReleasedWhenNobodyWaits) {
  const auto [h, two] = heir_and_next();
  EXPECT_EQ(sent(), "renew id-1");
  (void)release(h);
  me.cancel(two, now);
  answer_all();
  EXPECT_EQ(serve(), "release id-1");
  EXPECT_EQ(announced(), "locked lock, unlocked lock, ");
}

TEST_F(LocalTurns, ALeaseThatNobodyUsesIsReleasedByClose) {
  const auto [h, two] = heir_and_next();
  EXPECT_EQ(sent(), "renew id-1");
  (void)release(h);
  me.close(now);
  EXPECT_EQ(sent(), "release id-1");
}

}  // namespace
}  // namespace dlock::engine
