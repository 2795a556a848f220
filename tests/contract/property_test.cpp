#include <gtest/gtest.h>

#include "contract/comparison.hpp"
#include "protocol/express.hpp"
#include "protocol/short_form.hpp"

namespace dlock::testing {
namespace {

void expect_agreement(comparison& compare, const rc::Gen<scenario>& scenarios, int cases) {
  const auto s = seed();
  const auto result = search(compare, scenarios, cases, s);
  std::printf("%d cases, DLOCK_TEST_SEED=%llu\n", result.cases, static_cast<unsigned long long>(s));
  if (!result.where) return;
  FAIL() << "after " << result.cases << " cases (DLOCK_TEST_SEED=" << s << "), made smaller:\n"
         << shrink(compare, *result.where);
}

TEST(Property, ModelAndServerAgreeOnEveryFieldOfDocumentAndReply) {
  comparison compare;
  expect_agreement(compare, any_scenario(), 6000);
}

TEST(Property, ModelAndServerAgreeOnLocksWithObservedExpiry) {
  comparison compare;
  expect_agreement(compare, observed_scenario(), 5000);
}

TEST(Property, TheShortFormDoesWhatTheModelDoesOrNothing) {
  comparison compare({.command = protocol::short_command, .how = mode::short_form});
  expect_agreement(compare, short_scenario(), 6000);
  EXPECT_GT(compare.carried_out(), 1200);
}

TEST(Property, TheExpressFormDoesWhatTheModelDoesOrNothing) {
  comparison compare({.command = protocol::express_command, .how = mode::express});
  expect_agreement(compare, express_scenario(), 8000);
  EXPECT_GT(compare.carried_out(), 2000);
}

TEST(Property, ManyTogetherDoWhatTheModelDoes) {
  comparison compare({.how = mode::together});
  expect_agreement(compare, batch_scenario(), 4000);
}

TEST(Property, ManyRenewalsDoWhatTheModelDoes) {
  comparison compare({.how = mode::renewals});
  expect_agreement(compare, renewals_scenario(), 3000);
}

// The reply is a projection, made after the update. One that failed would make "refused" a lie.
TEST(Property, WhatIsRefusedChangedNothing) {
  comparison compare({.how = mode::all_or_nothing});
  expect_agreement(compare, damaged_scenario(), 1500);
}

}  // namespace
}  // namespace dlock::testing
