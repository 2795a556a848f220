#include <algorithm>

#include <dlock/doctor.hpp>

#include "replica/fixture.hpp"
#include "replica/servers.hpp"

/// client::members(), and examine() of a server that is too old.
namespace dlock::testing {
namespace {

class Members : public Replica {};
using MembersOfThree = ThreeMembers;

using in_ms = std::chrono::duration<double, std::milli>;

TEST_F(Members, EachIsAskedForItself) {
  client locks(options());
  const auto all = locks.members();
  ASSERT_EQ(all.size(), members().size());
  int primaries = 0;
  for (const auto& m : all) {
    EXPECT_TRUE(m.reachable) << m.host << ": " << m.problem;
    EXPECT_EQ(m.problem, "");
    primaries += m.state == member_state::primary ? 1 : 0;
    EXPECT_TRUE(m.state == member_state::primary || m.state == member_state::secondary) << to_string(m.state);
    EXPECT_NE(m.version.find('.'), std::string::npos) << m.version;
    EXPECT_GT(m.round_trip.count(), 0);
    EXPECT_GE(m.clock_precision, m.round_trip / 2 + 500us);
    // They run on this machine.
    EXPECT_LE(std::chrono::abs(m.clock_offset), m.clock_precision) << in_ms(m.clock_offset).count() << " ms";
  }
  EXPECT_EQ(primaries, 1);
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.host < b.host; }));
}

TEST_F(Members, ADirectConnectionHasOne) {
  auto o = options();
  o.url = url_of(primary(), "directConnection=true", test_url());
  const auto all = client(o).members();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all.front().state, member_state::primary);
}

TEST_F(Members, AClosedClientHasNone) {
  client locks(options());
  locks.close();
  EXPECT_EQ(error_of([&] { (void)locks.members(); }).code(), errc::closed);
}

TEST_F(Members, TheDoctorSaysThatAServerIsTooOld) {
  old_server mongo42(8);
  auto o = options();
  o.url = "mongodb://" + mongo42.address();
  std::string findings;
  for (const auto& d : examine(o).diagnoses) {
    if (d.level == severity::finding) findings += d.check + ": " + d.what + "\n";
  }
  EXPECT_NE(findings.find("versions: " + mongo42.address() + " has MongoDB 4.2\n"), std::string::npos) << findings;
}

TEST_F(MembersOfThree, AFrozenMemberIsNotWaitedForLong) {
  const auto first = primary();
  auto all = members();
  std::erase_if(all, [&](const auto& m) { return m.address == first.address; });
  const frozen one(all.front());
  client locks(options());  // which has never seen it
  std::vector<member_info> seen;
  EXPECT_LT(time_of([&] { seen = locks.members(); }), 2100ms);
  ASSERT_EQ(seen.size(), 3u);
  for (const auto& m : seen) {
    EXPECT_EQ(m.reachable, m.host != all.front().address) << m.host;
    EXPECT_EQ(m.problem.empty(), m.reachable) << m.problem;
    EXPECT_EQ(m.state == member_state::unknown, !m.reachable);
  }
}

}  // namespace
}  // namespace dlock::testing
