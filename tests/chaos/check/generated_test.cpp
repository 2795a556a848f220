#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "corrupt.hpp"
#include "generate.hpp"
#include "verdict.hpp"

namespace dlock::chaos {
namespace {

/// A quick look by default; DLOCK_CHAOS_HISTORIES=100000 for a long one.
std::uint64_t how_many() {
  const char* said = std::getenv("DLOCK_CHAOS_HISTORIES");
  return said != nullptr ? std::strtoull(said, nullptr, 10) : 2000;
}

std::string all_broken(const verdict& v) {
  std::string out;
  for (const auto& c : v.checks) {
    for (const auto& e : c.examples) out += c.name + ": " + e + "\n";
  }
  return out;
}

TEST(Generated, ValidHistoriesAreAccepted) {
  std::map<std::string, std::int64_t> seen;
  for (std::uint64_t seed = 1; seed <= how_many(); ++seed) {
    const auto v = judge(read(generate(seed)));
    ASSERT_TRUE(v.ok()) << "seed " << seed << "\n" << all_broken(v);
    for (const auto& [name, n] : v.counts) seen[name] += n;
    for (const auto& [name, n] : v.overlaps) seen["overlaps " + name] += n;
    for (const auto& [name, n] : v.injections) seen[name] += n;
  }
  // They are of all kinds, or accepting them says nothing.
  for (const char* name :
       {"acquisitions", "unknowns", "take_overs", "losses", "gaps_judged", "stale_refused", "elections",
        "overlaps operator-edit", "overlaps server-clock", "client-partition", "stepdown"}) {
    EXPECT_GT(seen[name], 0) << name;
    RecordProperty(name, std::to_string(seen[name]));
  }
  EXPECT_EQ(seen["overlaps none"], 0);
}

class Corrupted : public testing::TestWithParam<std::size_t> {};

TEST_P(Corrupted, IsCaughtByItsCheck) {
  const auto& how = corruptions()[GetParam()];
  std::int64_t applied = 0;
  for (std::uint64_t seed = 1; seed <= how_many() && applied < static_cast<std::int64_t>(how_many() / 40); ++seed) {
    const auto broken = how.apply(generate(seed), seed);
    if (!broken) continue;
    ++applied;
    const auto v = judge(read(*broken));
    if (how.caught_by.empty()) {
      ASSERT_TRUE(v.ok()) << how.name << ", seed " << seed << "\n" << all_broken(v);
      continue;
    }
    ASSERT_FALSE(v[how.caught_by].ok()) << how.name << ", seed " << seed << "\nbut:\n" << all_broken(v);
  }
  EXPECT_GE(applied, 5) << "too few histories have a place for it";
}

INSTANTIATE_TEST_SUITE_P(Each, Corrupted, testing::Range<std::size_t>(0, corruptions().size()), [](auto& of) {
  std::string name = corruptions()[of.param].name;
  for (auto& c : name) c = c == ' ' ? '_' : c;
  return name;
});

}  // namespace
}  // namespace dlock::chaos
