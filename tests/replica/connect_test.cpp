#include <filesystem>

#include "replica/fixture.hpp"
#include "replica/servers.hpp"
#include "support/threads.hpp"

/// What a URL leads to, and what it cannot change.
namespace dlock::testing {
namespace {

std::size_t sockets() {
  std::size_t n = 0;
  for (const auto& fd : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    n += std::filesystem::read_symlink(fd.path(), gone).string().starts_with("socket:") ? 1U : 0U;
  }
  return n;
}

class Connect : public Replica {};
using ConnectToThree = ThreeMembers;

TEST_F(ConnectToThree, AUrlThatNamesOneMemberFindsItsSet) {
  const auto first = primary();
  for (const auto& m : members()) {  // the primary, and secondaries
    auto o = options();
    o.url = "mongodb://" + user_in(test_url()) + m.address;
    client locks(o);
    EXPECT_TRUE(mutex(locks, id).try_acquire()) << m.address << (m.address == first.address ? " (primary)" : "");
  }
}

TEST_F(ConnectToThree, ADirectConnectionStaysWhereItIs) {
  const auto first = primary();
  for (const auto& m : members()) {
    auto o = options();
    if (m.address != first.address) o.connect_timeout = 1s;
    o.url = url_of(m, "directConnection=true", test_url());
    if (m.address == first.address) {
      client locks(o);
      EXPECT_TRUE(mutex(locks, id).try_acquire());
    } else {
      EXPECT_EQ(error_of([&] { client locks(o); }).code(), errc::unavailable) << "a secondary cannot lock";
    }
  }
}

/// docs/operations.md, "Connections".
TEST_F(Connect, AnIdleClientHasFewThreadsAndConnections) {
  auto before = threads();  // of clients of before, which may take a while to go
  const auto connected = sockets();
  const std::size_t of_driver = 2 * members().size();
  client locks(options());
  auto now = threads();
  EXPECT_TRUE(eventually([] { return threads()["dlock-watch"] >= 1; })) << "a thread names itself";
  EXPECT_LE(now["dlock-watch"], 1 + before["dlock-watch"]);
  EXPECT_LE(now["dlock-io"], 1 + of_driver + before["dlock-io"])
      << "the driver's have the name of the thread that made them";
  EXPECT_LE(sockets(), connected + 1 + of_driver);
  auto held = mutex(locks, id).try_acquire();
  ASSERT_TRUE(held);
  EXPECT_TRUE(eventually([] { return threads()["dlock-follow"] == 1; }));
  EXPECT_EQ(held->release(), release_result::released);
  now = threads();
  std::size_t all = 0, all_before = 0;
  for (const auto& [_, n] : now) all += n;
  for (const auto& [_, n] : before) all_before += n;
  EXPECT_LE(all, 5 + of_driver + all_before);
  EXPECT_LE(sockets(), connected + 3 + of_driver);
}

TEST_F(Connect, AnotherNameOfTheSetIsARefusalAtOnce) {
  auto o = options();
  o.connect_timeout = 60s;
  const auto at = o.url.find("replicaSet=");
  ASSERT_NE(at, std::string::npos) << o.url;
  const auto end = std::min(o.url.find('&', at), o.url.size());
  o.url.replace(at, end - at, "replicaSet=another");
  const std::string one = "mongodb://" + user_in(test_url()) + primary().address + "/?replicaSet=another";
  for (const auto& url : {o.url, one, one + "&directConnection=true"}) {
    o.url = url;
    const auto took = time_of([&] {
      const auto e = error_of([&] { client locks(o); });
      EXPECT_EQ(e.code(), errc::invalid_argument) << e.what();
      EXPECT_FALSE(e.retryable());
      EXPECT_NE(std::string(e.what()).find("another"), std::string::npos) << e.what();
      EXPECT_NE(std::string(e.what()).find("write replicaSet in the URL"), std::string::npos) << e.what();
    });
    EXPECT_LT(took, 20s) << "waiting does not help";
  }
}

TEST_F(Connect, TheReasonOfTheWaitIsLoggedOnce) {
  journal log;
  auto o = options();
  o.connect_timeout = 3s;
  o.log = log.callback();
  o.url = "mongodb://127.0.0.1:1,127.0.0.1:2/?replicaSet=x";
  const auto e = error_of([&] { client locks(o); });
  EXPECT_EQ(e.code(), errc::unavailable);
  const std::string both = "127.0.0.1:1 (Failed to connect to target host: 127.0.0.1:1), 127.0.0.1:2 (";
  EXPECT_NE(std::string(e.what()).find(both), std::string::npos) << e.what();
  EXPECT_TRUE(log.says("no contact with 127.0.0.1:1,127.0.0.1:2 yet, trying again: no primary: " + both)) << log.text();
  EXPECT_LE(log.count("no contact with") - log.count("trying again: no answer"), 2)
      << "one may come when only one has failed yet, and one when nothing was heard for a second\n"
      << log.text();
}

TEST_F(Connect, OneCommandAcquiresAndOneReleases) {
  client locks(options());
  ASSERT_TRUE(run(R"({"profile": 2})").ok);
  { ASSERT_TRUE(mutex(locks, id).try_acquire()); }
  run(R"({"profile": 0})");
  EXPECT_EQ(server.find_all(db, "system.profile", from_json(R"({"ns": ")" + db + R"(.dlocks"})").get()).size(), 2u);
}

TEST_F(Connect, ATtlIndexIsMadeWithTheGrace) {
  client locks(changed(options(), [](auto& o) { o.grace = 77s; }));
  const auto indexes = to_json(run(R"({"listIndexes": "dlocks"})").reply.get());
  EXPECT_NE(indexes.find(R"("expireAfterSeconds" : 77)"), std::string::npos) << indexes;
}

TEST_F(Connect, ATtlIndexWithAnotherGraceIsAdoptedWithOneWarningAndAHint) {
  auto o = options();
  { client first(o); }
  journal log;
  o.grace = 600s;
  o.log = log.callback();
  client second(o);
  EXPECT_TRUE(mutex(second, id).try_acquire());
  EXPECT_TRUE(log.says("has a grace of 60 s, not 600 s")) << log.text();
  EXPECT_EQ(log.count("TTL index"), 1) << log.text();
  ASSERT_TRUE(log.says("db.runCommand({collMod: \"dlocks\"")) << log.text();
  // the hint works as it is
  EXPECT_TRUE(run(R"({"collMod": "dlocks", "index": {"keyPattern": {"et": 1}, "expireAfterSeconds": 600}})").ok);
  journal quiet;
  o.log = quiet.callback();
  client third(o);
  EXPECT_EQ(quiet.count("TTL index"), 0) << quiet.text();
}

TEST_F(Connect, ATtlIndexByAnotherNameIsAdoptedToo) {
  ASSERT_TRUE(
      run(R"({"createIndexes": "dlocks", "indexes": [{"key": {"et": 1}, "name": "mine", "expireAfterSeconds": 60}]})")
          .ok);
  journal log;
  auto o = options();
  o.log = log.callback();
  client locks(o);
  EXPECT_TRUE(mutex(locks, id).try_acquire());
  EXPECT_EQ(log.count("TTL index"), 0) << log.text();
}

TEST_F(Connect, AServerOlderThan44IsRefusedClearly) {
  old_server mongo42(8);
  for (const std::string option : {"", "/?directConnection=true"}) {
    auto o = options();
    o.url = "mongodb://" + mongo42.address() + option;
    o.connect_timeout = 60s;
    const auto took = time_of([&] {
      const auto e = error_of([&] { client locks(o); });
      EXPECT_EQ(e.code(), errc::unsupported_server) << e.what();
      EXPECT_FALSE(e.retryable());
      EXPECT_NE(std::string(e.what()).find("4.4"), std::string::npos) << e.what();
    });
    EXPECT_LT(took, 20s) << "at once, not at the end of its time";
  }
}

TEST_F(Connect, TheLibraryPrintsNothing) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  {
    auto o = options();
    o.connect_timeout = 300ms;
    o.url = "mongodb://127.0.0.1:1/?nonsense=1&w=x&appname=a&appName=b";
    EXPECT_THROW(client locks(o), error);
    client locks(options());
    EXPECT_TRUE(mutex(locks, id).try_acquire());
  }
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST_F(Connect, AnAppNameOfTheUrlsStaysAndIsNoError) {
  journal log;
  auto o = options("mine");
  o.log = log.callback();
  client locks(o);
  EXPECT_TRUE(mutex(locks, id).try_acquire());
  EXPECT_EQ(log.text().find("app"), std::string::npos) << log.text();  // an election is none of its business
}

}  // namespace
}  // namespace dlock::testing
