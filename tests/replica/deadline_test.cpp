#include <future>
#include <vector>

#include "replica/fixture.hpp"
#include "replica/servers.hpp"
#include "support/canary.hpp"

/// Every call returns by its deadline, plus 100 ms, whatever the server does.
namespace dlock::testing {
namespace {

using Deadline = ThreeMembers;

TEST_F(Deadline, HoldsWhileThePrimaryIsFrozen) {
  auto o = options("test", 20s);
  o.operation_timeout = 1s;
  client locks(o);
  o.connect_timeout = 1s;
  const wait_options patient{.timeout = 60s};  // before it is frozen nothing has to be that fast
  auto held = mutex(locks, id + "Held").acquire(patient);
  auto other = mutex(locks, id + "Other").acquire(patient);
  auto scope = std::make_unique<acquisition>(mutex(locks, id + "Scope").acquire(patient));
  ASSERT_TRUE(held && other && *scope);
  const auto who = primary();
  {
    const frozen stop(who);
    const canary machine;
    std::vector<std::future<milliseconds>> calls;
    const auto call = [&](auto f) { calls.push_back(std::async(std::launch::async, [f] { return time_of(f); })); };
    call([&] {
      EXPECT_EQ(error_of([&] { (void)mutex(locks, id + "Try").try_acquire().result(); }).code(), errc::unavailable);
    });
    call([&] {
      EXPECT_EQ(error_of([&] { (void)mutex(locks, id).acquire({.timeout = 1000ms}).result(); }).code(),
                errc::unavailable);
    });
    call([&] {
      EXPECT_EQ(error_of([&] { (void)mutex(locks, id + "NoDeadline").acquire().result(); }).code(), errc::unavailable);
    });
    call([&] { EXPECT_TRUE(error_of([&] { (void)held->release(1000ms); }).in_doubt()); });
    call([&] { EXPECT_TRUE(error_of([&] { (void)other->release(); }).in_doubt()); });
    call([&] { scope.reset(); });
    call([&] { EXPECT_EQ(error_of([&] { client another(o); }).code(), errc::unavailable); });
    for (std::size_t i = 0; i < calls.size(); ++i) {
      const auto took = calls[i].get();
      EXPECT_GE(took, 950ms) << "call " << i << " did not use its time";
      EXPECT_LE(took, 1s + machine.allowance()) << "call " << i;
    }
  }
  EXPECT_TRUE(eventually([&] { return holders(id + "Held") + holders(id + "Other") + holders(id + "Scope") == 0; }))
      << "the releases went on in the background";
}

TEST_F(Deadline, AClientOfAServerThatNeverAnswersIsRefusedInTime) {
  relay silent(primary().address);
  silent.tell("hold-requests any m0");
  auto o = options();
  o.connect_timeout = 500ms;
  for (const std::string& url : {"mongodb://" + silent.address(), "mongodb://" + silent.address() + "/?replicaSet=x",
                                 "mongodb://" + silent.address() + "/?directConnection=true"}) {
    o.url = url;
    const canary machine;
    const auto took = time_of([&] {
      const auto e = error_of([&] { client locks(o); });
      EXPECT_EQ(e.code(), errc::unavailable) << e.what();
      EXPECT_TRUE(e.retryable());
      EXPECT_NE(std::string(e.what()).find(silent.address()), std::string::npos) << e.what();
    });
    EXPECT_LE(took, o.connect_timeout + machine.allowance()) << url;
  }
}

TEST_F(Deadline, AClientOfNobodyIsRefusedInTime) {
  auto o = options();
  o.connect_timeout = 500ms;
  for (const std::string url :
       {"mongodb://127.0.0.1:1", "mongodb://127.0.0.1:1,127.0.0.1:2/?replicaSet=x", "mongodb://no-such-host.invalid"}) {
    o.url = url;
    const canary machine;
    const auto took = time_of([&] { EXPECT_EQ(error_of([&] { client locks(o); }).code(), errc::unavailable); });
    EXPECT_LE(took, o.connect_timeout + machine.allowance()) << url;
  }
}

TEST_F(Deadline, CloseIsBoundedWhileThePrimaryIsFrozen) {
  client locks(changed(options("test"), [](auto& o) { o.operation_timeout = 60s; }));
  client holder(options("holder"));
  auto held = mutex(holder, id).try_acquire();
  auto waiting = std::async(std::launch::async, [&] { return mutex(locks, id).acquire().result(); });
  ASSERT_TRUE(eventually([&] { return waiters(id) == 1; }));
  const frozen stop(primary());
  const auto took = time_of([&] {
    locks.close();
    EXPECT_EQ(waiting.get(), outcome::cancelled);
  });
  EXPECT_LT(took, 20s);
}

}  // namespace
}  // namespace dlock::testing
