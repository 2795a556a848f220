#include <gtest/gtest.h>

#include "contract/comparison.hpp"

namespace dlock::testing {
namespace {

constexpr int kCases = 12000;

void expect_agreement(const rc::Gen<scenario>& scenarios) {
  comparison compare;
  const auto s = seed();
  const auto result = search(compare, scenarios, kCases, s);
  std::printf("%d cases, DLOCK_TEST_SEED=%llu\n", result.cases, static_cast<unsigned long long>(s));
  if (!result.where) return;
  FAIL() << "after " << result.cases << " cases (DLOCK_TEST_SEED=" << s << "), made smaller:\n"
         << shrink(compare, *result.where);
}

TEST(Property, ModelAndServerAgreeOnEveryFieldOfDocumentAndReply) { expect_agreement(any_scenario()); }

}  // namespace
}  // namespace dlock::testing
