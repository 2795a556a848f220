#include "engine/release_machine.hpp"

#include <gtest/gtest.h>

#include <variant>

namespace dlock::engine {
namespace {

using protocol::operation;
using protocol::reply;
using protocol::request;
using releasing = release_machine;
using result = releasing::result;

request release() {
  request r;
  r.op = operation::release;
  r.lock = "lock";
  r.id = "me";
  r.how = protocol::form::brief;
  return r;
}
reply found(std::int64_t holders = 0, std::int64_t queue = 0) {
  reply r;
  r.found = r.valid = true;
  r.holders = holders;
  r.queue = queue;
  return r;
}
reply not_found() {
  reply r;
  r.found = false;
  return r;
}
releasing::done end(const releasing::action& a) {
  return std::get<releasing::done>(a);
}

TEST(ReleaseMachine, OneAnswerIsEnough) {
  releasing m(release(), 10'000, false, false);
  const auto first = std::get<releasing::send>(m.start());
  EXPECT_EQ(first.r.op, operation::release);
  EXPECT_EQ(first.r.how, protocol::form::brief);
  const auto d = end(m.answered(found()));
  EXPECT_EQ(d.what, result::released);
  EXPECT_FALSE(d.cancel);
}

TEST(ReleaseMachine, AReleaseThatFindsNothingIsALossUnlessItWasInDoubt) {
  for (const bool in_doubt : {false, true}) {
    releasing m(release(), 10'000, false, false);
    (void)m.start();
    const auto pause = std::get<releasing::wait>(m.unanswered(in_doubt, 100));
    EXPECT_EQ(pause.until, 150);
    const auto again = std::get<releasing::send>(m.look());
    EXPECT_EQ(again.r.how, protocol::form::whole) << "the short form was for the first try";
    const auto d = end(m.answered(not_found()));
    EXPECT_EQ(d.what, in_doubt ? result::released : result::lost);
    EXPECT_TRUE(d.cancel) << "its heirs are known to nobody";
  }
  releasing before(release(), 10'000, true, false);
  (void)before.start();
  EXPECT_EQ(end(before.answered(not_found())).what, result::released) << "an earlier call was in doubt";
}

TEST(ReleaseMachine, IfTheDocumentIsNoLockAnyMoreTheLeaseIsLost) {
  releasing m(release(), 10'000, true, false);
  (void)m.start();
  reply r;
  r.found = true;
  r.valid = false;
  const auto d = end(m.answered(r));
  EXPECT_EQ(d.what, result::lost);
  EXPECT_TRUE(d.cancel);
}

TEST(ReleaseMachine, ADoubtfulAcquisitionIsCancelledToo) {
  releasing m(release(), 10'000, false, true);
  (void)m.start();
  const auto d = end(m.answered(found()));
  EXPECT_EQ(d.what, result::released);
  EXPECT_TRUE(d.cancel);
}

TEST(ReleaseMachine, PausesDoubleUpToHalfASecond) {
  releasing m(release(), 100'000, false, false);
  (void)m.start();
  ms now = 0;
  for (const ms pause : {50, 100, 200, 400, 500, 500}) {
    const auto w = std::get<releasing::wait>(m.unanswered(true, now));
    EXPECT_EQ(w.until - now, pause);
    now = w.until;
    (void)m.look();
  }
}

TEST(ReleaseMachine, AtItsTimeTheResultIsUnknown) {
  releasing late(release(), 1000, false, false);
  (void)late.start();
  EXPECT_TRUE(std::holds_alternative<releasing::wait>(late.unanswered(false, 949)));
  (void)late.look();
  EXPECT_EQ(end(late.unanswered(false, 950)).what, result::unknown) << "not at its end, with no time for an answer";
  releasing hangs(release(), 1000, false, false);
  (void)hangs.start();
  EXPECT_EQ(end(hangs.give_up()).what, result::unknown);
  EXPECT_EQ(hangs.ask().how, protocol::form::whole);
}

}  // namespace
}  // namespace dlock::engine
