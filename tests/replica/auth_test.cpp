#include <fstream>
#include <sstream>
#include <stdexcept>

#include "replica/fixture.hpp"

/// On a set with passwords. DLOCK_TEST_URL is root's; see CMakeLists.txt.
namespace dlock::testing {
namespace {

const std::string password = "s3cret%2Fpass";  // as in a URL
const std::string password_itself = "s3cret/pass";

/// The createRole command in docs/security.md.
std::string documented_role(const std::string& name) {
  std::stringstream text;
  text << std::ifstream(DLOCK_SECURITY_MD).rdbuf();
  const auto all = text.str();
  const auto at = all.find(R"("createRole": ")" + name + '"');
  if (at == std::string::npos) throw std::runtime_error("docs/security.md has no role " + name);
  const auto begin = all.rfind('{', at);
  return all.substr(begin, all.find("\n})", at) + 2 - begin);
}

class Auth : public Replica {
 protected:
  journal log;

  void SetUp() override {
    if (test_url().find('@') == std::string::npos) GTEST_SKIP() << "this test needs a set with passwords";
    make_role("dlock");
    make_user("owner", R"({"role": "dlock", "db": "admin"})");
    make_user("nobody", "");
  }
  void TearDown() override {
    for (const std::string user : {"owner", "nobody"}) admin(R"({"dropUser": ")" + user + R"("})");
    admin(R"({"dropRole": "dlock"})");
  }
  connection::outcome admin(const std::string& command) { return server.run("admin", from_json(command).get()); }
  /// As docs/security.md has it, for this test's database.
  void make_role(const std::string& name) {
    auto role = documented_role(name);
    const std::string meant = R"("db": "dlocks")";
    for (auto at = role.find(meant); at != std::string::npos; at = role.find(meant, at + 1)) {
      role.replace(at, meant.size(), R"("db": ")" + db + '"');
    }
    const auto done = admin(role);
    ASSERT_TRUE(done.ok) << done.error;
  }
  void make_user(const std::string& name, const std::string& role) {
    const auto done =
        admin(R"({"createUser": ")" + name + R"(", "pwd": ")" + password_itself + R"(", "roles": [)" + role + "]}");
    ASSERT_TRUE(done.ok) << done.error;
  }
  client_options as(const std::string& user, const std::string& pass = password) {
    auto o = options();
    const auto at = o.url.find('@');
    o.url = "mongodb://" + user + ":" + pass + o.url.substr(at);
    o.connect_timeout = o.operation_timeout = 60s;  // a login alone has kept a busy machine for seconds
    o.log = log.callback();
    return o;
  }
  void expect_no_secret(const std::string& text) {
    EXPECT_EQ(text.find(password), std::string::npos) << text;
    EXPECT_EQ(text.find(password_itself), std::string::npos) << text;
  }
};

TEST_F(Auth, AWrongPasswordIsSaidAtOnceAndNotRepeated) {
  const auto took = time_of([&] {
    const auto o = as("owner", "wr0ng-s3cret");
    const auto e = error_of([&] { client locks(o); });
    EXPECT_EQ(e.code(), errc::authentication) << e.what();
    EXPECT_FALSE(e.retryable());
    EXPECT_EQ(std::string(e.what()).find("wr0ng-s3cret"), std::string::npos) << e.what();
  });
  EXPECT_LT(took, 20s);
  EXPECT_EQ(log.text().find("wr0ng-s3cret"), std::string::npos) << log.text();
}

TEST_F(Auth, NoCredentialsAtAllAreNotAuthorized) {
  auto o = options();
  const auto begin = o.url.find("://") + 3;
  o.url.erase(begin, o.url.find('@') + 1 - begin);
  EXPECT_EQ(error_of([&] { client locks(o); }).code(), errc::not_authorized);
}

TEST_F(Auth, MissingRightsAreSaidAtOnceAndNamed) {
  const auto e = error_of([&] { client locks(as("nobody")); });
  EXPECT_EQ(e.code(), errc::not_authorized) << e.what();
  EXPECT_NE(std::string(e.what()).find("grant find, insert, update, createIndex and listIndexes"), std::string::npos)
      << e.what();
  expect_no_secret(e.what());
}

TEST_F(Auth, RightsThatAreTakenAwayLaterAreAnErrorOfTheCall) {
  client locks(as("owner"));
  ASSERT_TRUE(admin(R"({"revokeRolesFromUser": "owner", "roles": ["dlock"]})").ok);
  const auto e = error_of([&] { (void)mutex(locks, id).try_acquire().result(); });
  EXPECT_EQ(e.code(), errc::not_authorized) << e.what();
  expect_no_secret(e.what());
}

TEST_F(Auth, AnIndexThatAnAdministratorMadeSuffices) {
  ASSERT_TRUE(
      run(R"({"createIndexes": "dlocks", "indexes": [{"key": {"et": 1}, "name": "et_1", "expireAfterSeconds": 60}]})")
          .ok);
  const std::string locks_only = R"({"db": ")" + db + R"(", "collection": "dlocks"})";
  ASSERT_TRUE(admin(R"({"revokePrivilegesFromRole": "dlock", "privileges": [{"resource": )" + locks_only +
                    R"(, "actions": ["createIndex"]}]})")
                  .ok);
  client locks(as("owner"));
  EXPECT_TRUE(mutex(locks, id).acquire());
}

TEST_F(Auth, ATemporaryFaultDuringTheLoginIsNoWrongPassword) {
  auto o = as("owner");
  o.url =
      with_option(o.url, "heartbeatFrequencyMS=500");  // the server has no news of a fault that did not really happen
  for (const std::string fault : {R"("closeConnection": true)", R"("errorCode": 11600)"}) {
    const fail_command fail("test", fault, 1, R"("saslContinue", "saslStart")");
    client another(o);  // retries
    EXPECT_TRUE(mutex(another, id).try_acquire()) << fault;
  }
}

TEST_F(Auth, ErrorsOfTheNetworkDoNotNameThePassword) {
  auto o = as("owner");
  o.connect_timeout = 300ms;
  o.url = "mongodb://owner:" + password + "@127.0.0.1:1/";
  expect_no_secret(error_of([&] { client locks(o); }).what());
  expect_no_secret(log.text());
}

}  // namespace
}  // namespace dlock::testing
