// A lease passes on inside a process (docs/adr/0031-local-turns.md).
#include "kinds/harness.hpp"

namespace dlock::testing {
namespace {

struct LocalTurns : Kinds {
  static lock_options turns(int most) { return {.id = "job", .local_turns = most}; }
};

TEST_F(LocalTurns, TheEntryStaysAndEachTurnHasAToken) {
  dlock::mutex one(mine, turns(3)), two(mine, turns(3));
  bool passed_on = false;
  for (int i = 0; i < 50 && !passed_on; ++i) {  // a machine that is too slow passes
    auto first = one.acquire();
    ASSERT_TRUE(first);
    std::promise<void> told;
    auto waits = later([&] {
      return two.acquire({.timeout = 60s, .on_wait = [&, once = false](const auto&) mutable {
                            if (!std::exchange(once, true)) told.set_value();
                          }});
    });
    told.get_future().wait();
    EXPECT_EQ(first->release(), release_result::released);
    auto second = waits.get();
    ASSERT_TRUE(second);
    EXPECT_GT(second->token(), first->token());
    passed_on = second->token() == first->token() + 1;
    if (passed_on) {
      EXPECT_EQ(second->owner(), first->owner() + "+1");
      EXPECT_EQ(mine.inspect("job")->holders.at(0).token, first->token()) << "on the server it is the same grant";
      EXPECT_EQ(theirs.revoke("job", second->token()).size(), 1U) << "the token of a turn names it";
    }
    (void)second->release();
  }
  EXPECT_TRUE(passed_on);
}

TEST_F(LocalTurns, TheNumberOfThemIsChecked) {
  for (const int wrong : {-1, 0, 1000}) {
    EXPECT_EQ(error_of([&] { dlock::mutex(mine, turns(wrong)); }).code(), errc::invalid_argument);
  }
  dlock::mutex(mine, turns(999));
}

}  // namespace
}  // namespace dlock::testing
