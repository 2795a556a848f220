// What every store does with requests that come at the same time, or in one command.
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include "contract/store_fixture.hpp"

namespace dlock::testing {
namespace {

TEST_F(Store, OfManyFirstRequestsOneHoldsAndTheOthersQueue) {
  constexpr int kClients = 16;
  for (int round = 0; round < 5; ++round) {
    const auto lock = "new " + std::to_string(round);
    std::vector<answer> answers(kClients);
    {
      std::vector<std::jthread> clients;
      for (std::size_t i = 0; i < kClients; ++i) {
        clients.emplace_back(
            [&, i] { answers[i] = harness_->locks().apply(ask(operation::enqueue, std::to_string(i), lock)); });
      }
    }
    int holders = 0;
    std::vector<bool> places(kClients - 1);
    for (const auto& a : answers) {
      ASSERT_EQ(a.what, answer::kind::replied) << a.why;
      if (a.reply.mine) {
        ++holders;
      } else {
        ASSERT_GE(a.reply.place, 0);
        places.at(static_cast<std::size_t>(a.reply.place)) = true;
      }
    }
    EXPECT_EQ(holders, 1);
    EXPECT_EQ(places, std::vector<bool>(kClients - 1, true)) << "a place for each";
  }
}

TEST_F(Store, SeveralAtOnceDoWhatTheyWouldDoOneByOne) {
  const auto all = [&](const batch& requests) {
    const auto answers = harness_->locks().apply_all(requests);
    EXPECT_EQ(answers.size(), requests.size());
    std::vector<reply> out;
    for (const auto& a : answers) {
      EXPECT_EQ(a.what, answer::kind::replied) << a.why;
      out.push_back(a.reply);
    }
    return out;
  };
  const auto come = [&](const std::string& id) { return ask("enqueue " + id + " w=1 of=2"); };
  const auto leave = [&](const std::string& id) { return ask("release " + id + " w=1 of=2"); };
  auto told = all({come("a"), come("b"), come("c")});
  ASSERT_TRUE(told[0].mine && told[1].mine);
  EXPECT_GT(told[1].mine->fence, told[0].mine->fence);
  EXPECT_FALSE(told[2].mine);
  EXPECT_EQ(told[2].place, 0);
  EXPECT_EQ(told[2].holders, 2);
  told = all({leave("a"), come("d"), leave("nobody"), come("c")});
  EXPECT_TRUE(told[0].found);
  EXPECT_FALSE(told[0].mine);
  EXPECT_EQ(told[1].place, 0);
  EXPECT_FALSE(told[2].found);
  ASSERT_TRUE(told[3].mine) << "it asked again, and was admitted by this very command";
  told = all({leave("b"), leave("c")});
  EXPECT_TRUE(told[0].found && told[1].found);
  ASSERT_EQ(told[1].heirs.size(), 1U);
  EXPECT_EQ(told[1].heirs[0].id, "d");
  EXPECT_FALSE(all({leave("b"), leave("c")})[0].found);
}

TEST_F(Store, ManyRenewalsAtOnceHaveTheirOwnAnswers) {
  const auto renew = [&](const std::string& id) { return ask("renew " + id + " w=1 of=3"); };
  for (const char* id : {"a", "b", "c"}) {
    ASSERT_TRUE(harness_->locks().apply(ask("enqueue " + std::string(id) + " w=1 of=3")).reply.mine);
  }
  ASSERT_TRUE(harness_->locks().apply(ask("revoke b w=1 of=3")).reply.found);
  const auto before = harness_->locks().apply(ask("peek a w=1 of=3")).reply.mine;
  ASSERT_TRUE(before);
  const auto told = harness_->locks().apply_all({renew("a"), renew("nobody"), renew("b"), renew("c")}, lane::renewal);
  ASSERT_EQ(told.size(), 4U);
  for (const auto& a : told) EXPECT_EQ(a.what, answer::kind::replied) << a.why;
  ASSERT_TRUE(told[0].reply.mine && told[3].reply.mine);
  EXPECT_EQ(told[0].reply.mine->id, "a");
  EXPECT_EQ(told[3].reply.mine->id, "c");
  EXPECT_GE(told[0].reply.mine->until, before->until);
  EXPECT_EQ(told[0].reply.holders, 3);
  EXPECT_FALSE(told[1].reply.found);
  EXPECT_FALSE(told[2].reply.found);
  EXPECT_FALSE(harness_->locks().apply_all({renew("b"), renew("nobody")}, lane::renewal)[0].reply.found);
}

}  // namespace
}  // namespace dlock::testing
