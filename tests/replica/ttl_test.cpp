#include "replica/fixture.hpp"

/// On a set whose TTL monitor runs every second; see CMakeLists.txt.
namespace dlock::testing {
namespace {

class TtlIndex : public Replica {};

TEST_F(TtlIndex, RemovesAnIdleDocumentAndNoLockInUseAndTokensGoOnRising) {
  auto o = options("test", 4s);
  o.grace = 1s;
  client locks(o);
  auto kept = mutex(locks, id + "Kept").try_acquire();
  const auto idle_if_not_renewed = kept->valid_until() + o.clock_skew + o.grace;
  std::int64_t token = 0;
  {
    auto got = mutex(locks, id).try_acquire();
    token = got->token();
  }
  EXPECT_TRUE(eventually([&] { return document().empty(); })) << document();
  client fresh(o);  // knows of no earlier token
  EXPECT_GT(mutex(fresh, id).try_acquire()->token(), token);
  // Until its renewals alone have kept it.
  std::this_thread::sleep_for(idle_if_not_renewed - boot_clock::now() + 2s);
  EXPECT_TRUE(kept->held());
  EXPECT_EQ(holders(id + "Kept"), 1u);
}

TEST_F(TtlIndex, NeverRemovesALockOfObservedExpiryNotEvenAnIdleOne) {
  client locks(changed(options("test", 4s), [](auto& o) { o.grace = 1s; }));
  const auto observed = [&](const std::string& name, std::optional<milliseconds> lease = {}) {
    return mutex(locks, {.id = name, .exp_delta = lease, .expiry = expiry::observed});
  };
  auto kept = observed(id + "Kept", 60s).try_acquire();
  std::int64_t token = 0;
  {
    auto got = observed(id).try_acquire();
    token = got->token();
  }
  { auto control = mutex(locks, id + "Control").try_acquire(); }
  EXPECT_TRUE(eventually([&] { return document(id + "Control").empty(); }));
  EXPECT_EQ(holders(id + "Kept"), 1u);
  EXPECT_EQ(document(id + "Kept").find("\"et\""), std::string::npos) << document(id + "Kept");
  EXPECT_FALSE(document().empty());
  EXPECT_TRUE(kept->held());
  EXPECT_GT(observed(id).try_acquire()->token(), token);
}

TEST_F(TtlIndex, SweepsTheStrayLockOfADeadHolder) {
  client locks(changed(options("test", 500ms), [](auto& o) { o.grace = 1s, o.autorefresh = false; }));
  auto got = mutex(locks, id).try_acquire();
  EXPECT_TRUE(eventually([&] { return document().empty(); })) << document();
}

}  // namespace
}  // namespace dlock::testing
