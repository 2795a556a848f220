// Several locks at once, on a store that fails: how long that may take. What it does is in tests/kinds.
#include <gtest/gtest.h>

#include "client/world.hpp"

namespace dlock::testing {
namespace {

/// A client holds "c" and the store answers no release: what acquire_all got of "a" and "b" cannot be given back.
struct stuck : world {
  /// So long a release without an answer takes.
  static client_options slow(std::chrono::milliseconds release) {
    return changed(quick(), [&](auto& o) { o.operation_timeout = release; });
  }
  explicit stuck(std::chrono::milliseconds release = 30s) : world(slow(release)) {
    auto got = c.acquire();
    EXPECT_TRUE(got);
    held = std::move(*got);
    store->block(only(operation::release));
  }
  ~stuck() { store->unblock(); }
  stuck(const stuck&) = delete;
  stuck& operator=(const stuck&) = delete;

  client other = another();
  mutex c{other, "c"};
  mutex a{*locks, "a"}, b{*locks, "b"}, mine{*locks, "c"};
  lease held;
};

TEST(AcquireAll, ATimeoutIsKeptEvenIfNothingCanBeGivenBack) {
  stuck w;
  const auto took = time_of([&] {
    EXPECT_EQ(acquire_all({w.a, w.b, w.mine}, {.timeout = 1s}).result(), outcome::timed_out);
  });
  EXPECT_GE(took, 1s);
  EXPECT_LT(took, 20s) << "each release alone would take 30 s";
  w.store->unblock();
  EXPECT_TRUE(eventually([&] { return w.store->get("a")->holders.empty() && w.store->get("b")->holders.empty(); }));
}

TEST(AcquireAll, TheNextLockIsNotAskedForWhenTheLastOneCameAfterTheDeadline) {
  world w;
  mutex a{*w.locks, "a"}, b{*w.locks, "b"};
  w.store->block([](const protocol::request& r, lane) { return r.lock == "a"; });
  const auto deadline = boot_clock::now() + 100ms;
  auto all = std::async(std::launch::async, [&] {
    try {
      return acquire_all({a, b}, {.timeout = 100ms}).result() == outcome::timed_out;
    } catch (const error& e) {  // the answer came too late for that, too: a busy machine
      return e.code() == errc::unavailable;
    }
  });
  EXPECT_TRUE(eventually([&] { return boot_clock::now() > deadline + 20ms; }));
  w.store->unblock();
  EXPECT_TRUE(all.get());
  EXPECT_FALSE(w.store->get("b")) << "a call is over 100 ms after its deadline, not 100 ms for each lock";
}

TEST(AcquireAll, ACancelledWaitEndsSoonEvenIfNothingCanBeGivenBack) {
  stuck w;
  std::stop_source stop;
  auto waiting = std::async(std::launch::async, [&] {
    return acquire_all({w.a, w.b, w.mine}, {.stop = stop.get_token()}).result();
  });
  ASSERT_TRUE(eventually([&] {
    const auto d = w.store->get("c");
    return d && d->waiters.size() == 1;
  }));
  stop.request_stop();
  const auto took = time_of([&] { EXPECT_EQ(waiting.get(), outcome::cancelled); });
  EXPECT_LT(took, 20s);
}

TEST(AcquireAll, AnErrorIsToldInTimeEvenIfNothingCanBeGivenBack) {
  stuck w;
  w.store->put_something_else("c");
  const auto took = time_of([&] {
    EXPECT_EQ(error_of([&] { (void)acquire_all({w.a, w.b, w.mine}, {.timeout = 5s}); }).code(), errc::not_a_lock);
  });
  EXPECT_LT(took, 20s);
}

TEST(AcquireAll, TheEndOfASetIsBoundedForAllTogether) {
  stuck w(5s);
  mutex third{*w.locks, "third"};
  auto got = acquire_all({w.a, w.b, third});
  ASSERT_TRUE(got);
  const auto took = time_of([&] { *got = lease_set(); });
  EXPECT_GE(took, 5s) << "it waits as long as one lease would";
  EXPECT_LT(took, 10s);
}

TEST(AcquireAll, ASetCanBeKeptAfterItsRelease) {
  world w;
  mutex a(*w.locks, "a"), b(*w.locks, "b");
  EXPECT_EQ(acquire_all({a, b})->release_at_least(60s, 1s), release_result::released);
  for (const auto* id : {"a", "b"}) EXPECT_TRUE(w.store->get(id)->holders.at(0).id.ends_with("/kept"));
}

}  // namespace
}  // namespace dlock::testing
