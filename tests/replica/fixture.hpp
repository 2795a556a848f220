#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <dlock/dlock.hpp>

#include "support/json.hpp"
#include "support/mongo.hpp"
#include "support/waiting.hpp"

namespace dlock::testing {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

[[nodiscard]] std::int64_t wall_clock_ms();

/// `url` with one more option.
[[nodiscard]] std::string with_option(const std::string& url, const std::string& option);

struct member {
  std::string address;
  int pid = 0;  // 0: not known, the set is not ours
};

/// The members of the set under test.
[[nodiscard]] std::vector<member> members();
/// "user:password@", or nothing.
[[nodiscard]] std::string user_in(const std::string& url);
/// By default for what tests do besides; `as`: whose URL has the user.
[[nodiscard]] std::string url_of(const member& m, const std::string& options = "directConnection=true",
                                 const std::string& as = admin_url());
/// The current primary; waits for one.
[[nodiscard]] member primary();

/// For a test that does something to the set itself: throws if ctest has others use the set at the same time.
void needs_whole_set();

/// Stops a member (SIGSTOP) as long as it lives.
class frozen {
 public:
  explicit frozen(member m);
  ~frozen() { thaw(); }
  frozen(const frozen&) = delete;
  frozen& operator=(const frozen&) = delete;
  void thaw();

 private:
  int pid_;
};

/// A failCommand on the primary, for the clients whose URL says appName=`app`, as long as it lives.
class fail_command {
 public:
  /// `data`: what goes wrong, for instance `"errorCode": 11602`; `times`: 0 = always.
  fail_command(const std::string& app, const std::string& data, int times = 0,
               const std::string& commands = R"("findAndModify")");
  /// Where it is to be set, with a connection that is there: so that it takes no longer than one command.
  using place = std::shared_ptr<connection>;
  [[nodiscard]] static place on(const member& m);
  fail_command(place where, const std::string& app, const std::string& data, int times = 0,
               const std::string& commands = R"("findAndModify")");
  ~fail_command();
  fail_command(const fail_command&) = delete;
  fail_command& operator=(const fail_command&) = delete;

 private:
  place where_;
};

/// What clients logged. If the test has failed, it is printed in the end.
class journal {
 public:
  journal() = default;
  ~journal();
  journal(const journal&) = delete;
  journal& operator=(const journal&) = delete;

  [[nodiscard]] log_callback callback();
  [[nodiscard]] std::string text();
  /// Now or in a moment: what is logged comes on a thread of its own.
  [[nodiscard]] bool says(const std::string& part) {
    return eventually([&] { return text().find(part) != std::string::npos; });
  }
  [[nodiscard]] int count(const std::string& part);

 private:
  std::mutex guard_;
  std::string text_;
  std::string timed_;  // the same with the times
};

/// A test with a database of its own, and a lock's id of its own.
class Replica : public ::testing::Test {
 protected:
  scratch_database scratch{"dlock_replica"};
  const std::string db = scratch.name();
  const std::string id = ::testing::UnitTest::GetInstance()->current_test_info()->name();
  connection server;

  /// `app` lets a fail_command aim at this client.
  [[nodiscard]] client_options options(const std::string& app = "test") const;
  [[nodiscard]] client_options options(const std::string& app, milliseconds exp_delta) const;

  /// The lock's document as relaxed JSON; "" if there is none.
  [[nodiscard]] std::string document(const std::string& lock);
  [[nodiscard]] std::string document() { return document(id); }
  [[nodiscard]] std::size_t holders(const std::string& lock);
  [[nodiscard]] std::size_t waiters(const std::string& lock);
  connection::outcome run(const std::string& command) { return server.run(db, from_json(command).get()); }
  connection::outcome remove(const std::string& lock);

 private:
  [[nodiscard]] std::size_t length(const std::string& lock, const char* array);

  mutable journal said_;  // by the clients with options()
};

/// The same, for tests that move the primary around.
class ThreeMembers : public Replica {
 protected:
  void SetUp() override {
    if (members().size() < 3) GTEST_SKIP() << "this test needs a set of 3 members";
  }
};

}  // namespace dlock::testing
