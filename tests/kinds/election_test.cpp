#include <mutex>

#include "kinds/harness.hpp"

namespace dlock::testing {
namespace {

using Election = Kinds;

/// What an observer was told: values, "-" for nobody.
class story {
 public:
  leader_callback listener() {
    return [this](const std::optional<leader_info>& who) {
      const std::lock_guard lock(guard_);
      text_ += (text_.empty() ? "" : " ") + (who ? who->value : std::string("-"));
    };
  }
  std::string text() {
    const std::lock_guard lock(guard_);
    return text_;
  }
  bool becomes(const std::string& what, milliseconds within = 30s) {
    const bool so = eventually([&] { return text() == what; }, within);
    if (!so) ADD_FAILURE() << text();
    return so;
  }

 private:
  std::mutex guard_;
  std::string text_;
};

TEST_F(Election, TheLeaderPublishesAValue) {
  election a(mine, "cluster"), b(theirs, "cluster");
  EXPECT_FALSE(b.leader());
  auto leading = a.campaign("10.0.0.7:8080");
  ASSERT_TRUE(leading);
  const auto seen = b.leader();
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->value, "10.0.0.7:8080");
  EXPECT_EQ(seen->who, "somebody");
  EXPECT_EQ(seen->token, leading->token());
  EXPECT_TRUE(a.proclaim("10.0.0.8:8080"));
  EXPECT_EQ(b.leader()->value, "10.0.0.8:8080");
  EXPECT_EQ(b.leader()->token, leading->token());
  EXPECT_FALSE(b.proclaim("mine")) << "it does not lead";
  EXPECT_EQ(a.resign(), release_result::released);
  EXPECT_FALSE(b.leader());
  EXPECT_FALSE(a.proclaim("mine"));
}

TEST_F(Election, AKeptEntryIsNoLeader) {
  auto watching = another(changed(quick(), [](auto& o) { o.wait_lock_period = 100ms; }));
  election a(mine, "cluster"), b(watching, "cluster");
  auto leading = a.campaign("a");
  story told;
  auto observing = b.observe(told.listener());
  ASSERT_TRUE(told.becomes("a"));
  EXPECT_EQ(leading->release_at_least(60s, 30s), release_result::released);
  EXPECT_FALSE(b.leader());
  EXPECT_TRUE(told.becomes("a -"));
  EXPECT_EQ(b.campaign("b", {.timeout = 0ms}).result(), outcome::busy) << "the lock is taken all the same";
}

TEST_F(Election, ValuesHaveTheirLimits) {
  election a(mine, "cluster");
  EXPECT_EQ(error_of([&] { (void)a.campaign(std::string(1025, 'x')); }).code(), errc::invalid_argument);
  EXPECT_EQ(error_of([&] { (void)a.campaign("\xff"); }).code(), errc::invalid_argument);
  EXPECT_EQ(error_of([&] { (void)a.campaign(std::string("a\0b", 3)); }).code(), errc::invalid_argument);
  EXPECT_EQ(error_of([&] { (void)a.observe({}); }).code(), errc::invalid_argument);
  auto got = a.campaign(std::string(1024, 'x'));
  ASSERT_TRUE(got);
  EXPECT_EQ(a.leader()->value.size(), 1024U);
  EXPECT_EQ(error_of([&] { (void)a.proclaim(std::string(1025, 'x')); }).code(), errc::invalid_argument);
}

TEST_F(Election, ObserversHearOfEachChange) {
  auto o = quick();
  o.wait_lock_period = 90s;  // what is not pushed comes too late
  auto watching = another(o);
  election a(mine, "cluster"), b(theirs, "cluster"), w(watching, "cluster");
  story told;
  auto observing = w.observe(told.listener());
  ASSERT_TRUE(told.becomes("-")) << "nobody leads";
  auto ears = watching.subscribe("cluster", [](const lock_event&) {});
  ASSERT_TRUE(ears.wait_until_open(30s));
  auto first = a.campaign("a");
  ASSERT_TRUE(told.becomes("- a"));
  EXPECT_TRUE(a.proclaim("a2"));
  ASSERT_TRUE(told.becomes("- a a2"));
  auto second = later([&] { return b.campaign("b"); });
  ASSERT_TRUE(queued("cluster", 1));
  (void)a.resign();
  ASSERT_TRUE(told.becomes("- a a2 b"));
  auto leading = second.get();
  (void)leading->release();
  ASSERT_TRUE(told.becomes("- a a2 b -"));
  observing.end();
  auto again = a.campaign("c");
  std::this_thread::sleep_for(100ms);
  EXPECT_EQ(told.text(), "- a a2 b -");
}

TEST_F(Election, WithoutNotificationsObserversPoll) {
  auto o = quick();
  o.wait_lock_period = 200ms;
  o.notif_url = "mongodb://127.0.0.1:1/none?serverSelectionTimeoutMS=100";
  auto deaf = another(o);
  election a(mine, "cluster"), w(deaf, "cluster");
  story told;
  auto observing = w.observe(told.listener());
  ASSERT_TRUE(told.becomes("-"));
  auto first = a.campaign("a");
  EXPECT_TRUE(told.becomes("- a"));
}

TEST_F(Election, ALeaderThatDiesIsSeenToBeGoneWhenItsLeaseEnds) {
  auto o = quick();
  o.exp_delta = 3s;
  auto dying = another(o);
  o = quick();
  o.wait_lock_period = 90s;
  auto watching = another(o);
  election a(dying, "cluster"), w(watching, "cluster");
  auto first = a.campaign("a");
  story told;
  auto observing = w.observe(told.listener());
  ASSERT_TRUE(told.becomes("a"));
  dying.close();
  EXPECT_TRUE(told.becomes("a -"));
}

TEST_F(Election, AnObserversCallbackMayThrowBlockAndEndItself) {
  election a(mine, "cluster");
  observation one, two;
  std::atomic<int> calls = 0;
  one = a.observe([&](const auto&) { throw std::runtime_error("no"); });
  std::atomic<bool> ready_to_end = false;
  two = a.observe([&](const auto&) {
    while (!ready_to_end) std::this_thread::sleep_for(1ms);
    ++calls;
    two.end();
  });
  ready_to_end = true;
  EXPECT_TRUE(eventually([&] { return calls == 1; }));
  auto got = a.campaign("a");
  std::this_thread::sleep_for(100ms);
  EXPECT_EQ(calls, 1);
}

TEST_F(Election, AnObserverEndsWithItsClient) {
  std::optional<client> short_lived = another();
  election a(*short_lived, "cluster");
  story told;
  auto observing = a.observe(told.listener());
  ASSERT_TRUE(told.becomes("-"));
  EXPECT_LT(time_of([&] { short_lived.reset(); }), 20s);
  EXPECT_LT(time_of([&] { observing.end(); }), 20s);
}

}  // namespace
}  // namespace dlock::testing
