// The property test has to notice what it is there for. Each mutation breaks one side on purpose; the same search must
// find a difference. killers.txt has a case that found it, which is tried first: the search is long.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>

#include "contract/mutations.hpp"
#include "protocol/express.hpp"
#include "protocol/short_form.hpp"

namespace dlock::testing {
namespace {

constexpr int kCases = 12000;

/// The case that finds a mutation, by the name of both; DLOCK_RECORD=FILE adds those that were missing to that file.
std::map<std::string, std::uint64_t> killers() {
  std::map<std::string, std::uint64_t> out;
  std::ifstream in(DLOCK_KILLERS);
  std::uint64_t seed = 0;
  for (std::string name; in >> seed >> std::ws && std::getline(in, name);) out[name] = seed;
  return out;
}

class Mutation : public ::testing::TestWithParam<mutation> {
 protected:
  static std::string name() {
    const std::string suite = ::testing::UnitTest::GetInstance()->current_test_info()->test_suite_name();
    return suite.substr(0, suite.find('/')) + ": " + GetParam().name;
  }
};

TEST_P(Mutation, IsNoticed) {
  // A mutation that the server refuses would prove nothing.
  auto mutated = GetParam().mutated;
  mutated.refusal_counts = false;
  comparison compare(mutated);
  const auto scenarios = mutated.how == mode::full         ? any_scenario()
                         : mutated.how == mode::observed   ? observed_scenario()
                         : mutated.how == mode::short_form ? short_scenario()
                         : mutated.how == mode::express    ? express_scenario()
                         : mutated.how == mode::together   ? batch_scenario()
                         : mutated.how == mode::renewals   ? renewals_scenario()
                                                           : damaged_scenario();
  static const auto known = killers();
  if (const auto killer = known.find(name()); killer != known.end()) {
    sides right{.refusal_counts = false, .how = mutated.how};
    if (mutated.how == mode::short_form) right.command = protocol::short_command;
    if (mutated.how == mode::express) right.command = protocol::express_command;
    comparison unmutated(right);
    ASSERT_FALSE(search(unmutated, scenarios, 1, killer->second).where) << "model and server differ by themselves";
    if (search(compare, scenarios, 1, killer->second).where) return;
  }
  const auto s = seed();
  const auto result = search(compare, scenarios, kCases, s);
  std::printf("%-55s %5d cases (DLOCK_TEST_SEED=%llu)\n", GetParam().name, result.cases,
              static_cast<unsigned long long>(s));
  EXPECT_TRUE(result.where) << "not noticed in " << result.cases << " cases: " << GetParam().name;
  const char* const record = std::getenv("DLOCK_RECORD");
  if (record != nullptr && result.where) std::ofstream(record, std::ios::app) << result.seed << ' ' << name() << '\n';
}

INSTANTIATE_TEST_SUITE_P(OfThePipeline, Mutation, ::testing::ValuesIn(of_the_pipeline()));
INSTANTIATE_TEST_SUITE_P(OfTheLaterOperations, Mutation, ::testing::ValuesIn(of_the_later_operations()));
INSTANTIATE_TEST_SUITE_P(OfTheShortForm, Mutation, ::testing::ValuesIn(of_the_short_form()));
INSTANTIATE_TEST_SUITE_P(OfTheExpressForm, Mutation, ::testing::ValuesIn(of_the_express_form()));
INSTANTIATE_TEST_SUITE_P(OfObservedExpiry, Mutation, ::testing::ValuesIn(of_observed_expiry()));
INSTANTIATE_TEST_SUITE_P(OfManyTogether, Mutation, ::testing::ValuesIn(of_many_together()));
INSTANTIATE_TEST_SUITE_P(OfManyRenewals, Mutation, ::testing::ValuesIn(of_many_renewals()));
INSTANTIATE_TEST_SUITE_P(OfTheProjection, Mutation, ::testing::ValuesIn(of_the_projection()));
INSTANTIATE_TEST_SUITE_P(OfTheModel, Mutation, ::testing::ValuesIn(of_the_model()));

}  // namespace
}  // namespace dlock::testing
