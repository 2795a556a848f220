#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <future>

#include "client/world.hpp"

/// What may have happened although no answer came: what a client does about it, and what it says.
namespace dlock::testing {
namespace {

fake_store::filter while_(const std::atomic<bool>& so, fake_store::filter what) {
  return [&so, what = std::move(what)](const protocol::request& r, lane l) { return so && what(r, l); };
}

bool holds(const world& w, const std::string& owner) {
  const auto d = w.store->get("lock");
  return d && !d->holders.empty() && d->holders.front().id == owner;
}

/// Whether what is executed late would find a tombstone.
bool is_shut_out(const world& w, const protocol::request& late) {
  const auto told = w.store->apply(late).reply;
  return told.dead && !told.mine && w.store->get("lock")->holders.empty();
}

constexpr auto kNever = 300ms;  // what has not come by then will not come

TEST(Doubt, ALeaseThatEndsIsNotGivenBackBeforeItIsLetGoOf) {
  auto o = world::quick();
  o.exp_delta = 500ms;
  o.autorefresh = false;
  o.clock_skew = 60s;
  world w(o);
  w.store->inject({.what = fault::kind::lost_answer});
  std::optional<acquisition> got(mutex(*w.locks, "lock").acquire());
  ASSERT_TRUE(*got);
  const auto first = w.store->calls()[0].request;
  ASSERT_TRUE(eventually([&] { return (*got)->lost().stop_requested(); }));
  EXPECT_FALSE(eventually([&] { return !holds(w, first.id); }, kNever)) << "whoever holds it may still be stopping";
  got.reset();
  EXPECT_TRUE(eventually([&] { return w.store->get("lock")->gone.size() == 1; }));
  EXPECT_TRUE(is_shut_out(w, first));
}

TEST(Doubt, ARevokedHolderIsNotPassedBeforeItLetsGo) {
  world w;
  w.store->inject({.what = fault::kind::lost_answer});
  std::optional<acquisition> got(mutex(*w.locks, "lock").acquire());
  ASSERT_TRUE(*got);
  const auto first = w.store->calls()[0].request;
  auto rival = w.another();
  event in;
  auto next = std::async(std::launch::async, [&] {
    auto theirs = mutex(rival, "lock").acquire();
    in.happen();
    return static_cast<bool>(theirs);
  });
  ASSERT_TRUE(eventually([&] { return w.store->get("lock")->waiters.size() == 1; }));
  ASSERT_EQ(w.locks->revoke("lock").size(), 1u);
  ASSERT_TRUE(eventually([&] { return (*got)->lost().stop_requested(); }));
  EXPECT_FALSE(in.wait(kNever));
  EXPECT_TRUE(holds(w, first.id));
  got.reset();
  EXPECT_TRUE(next.get());
  EXPECT_TRUE(eventually([&] { return w.store->get("lock")->gone.size() == 1; }));
}

TEST(Doubt, AReleaseInTheBackgroundLeavesATombstoneForTheLateRequest) {
  std::atomic<bool> unreachable{false};
  world w;
  w.store->inject({.what = fault::kind::lost_request});
  w.store->inject({.times = fault::always, .on = while_(unreachable, only(operation::release))});
  auto got = mutex(*w.locks, "lock").acquire();
  ASSERT_TRUE(got);
  const auto first = w.store->calls()[0].request;
  unreachable = true;
  EXPECT_TRUE(error_of([&] { (void)got->release(100ms); }).in_doubt());
  unreachable = false;
  ASSERT_TRUE(eventually([&] { return w.store->get("lock")->gone.size() == 1; }));
  EXPECT_TRUE(is_shut_out(w, first));
}

TEST(Doubt, AReleaseThatIsNeverAnsweredLeavesATombstoneUnlessItWasToKeepTheLock) {
  for (const auto keep : {0ms, 60'000ms}) {
    world w;
    w.store->inject({.what = fault::kind::lost_answer});
    w.store->inject({.times = fault::always, .on = only(operation::release)});
    auto got = mutex(*w.locks, "lock").acquire();
    ASSERT_TRUE(got);
    EXPECT_TRUE(error_of([&] { (void)got->release_at_least(keep, 100ms); }).in_doubt());
    w.locks->close();  // what goes on in the background is tried once more, and not again
    if (keep == 0ms) {
      EXPECT_TRUE(eventually([&] { return w.store->get("lock")->gone.size() == 1; }));
    } else {
      EXPECT_FALSE(eventually([&] { return w.store->get("lock")->holders.empty(); }, kNever));
    }
  }
}

TEST(Doubt, WhoTellsTheHeirsOfALostReleaseAsksUntilItKnowsThem) {
  std::atomic<bool> silent{true};
  world w;
  auto got = mutex(*w.locks, "lock").acquire();
  ASSERT_TRUE(got);
  w.store->inject(
      {.what = fault::kind::lost_answer, .times = fault::always, .on = while_(silent, only(operation::release))});
  w.store->inject({.what = fault::kind::lost_request, .times = 2, .on = only(operation::cancel)});
  EXPECT_TRUE(error_of([&] { (void)got->release(100ms); }).in_doubt());
  silent = false;
  EXPECT_TRUE(eventually([&] { return w.store->count(operation::cancel) == 3; }));
}

/// A release that keeps the lock for a minute and never arrives, and then `end`: whatever that sends, it must not let
/// go of it sooner.
void expect_kept(const std::function<void(world&, mutex&, const std::function<void(std::function<void()>)>&)>& body) {
  std::atomic<bool> unreachable{true};
  world w;
  mutex lock(*w.locks, "lock");
  const auto lost = while_(unreachable, [](const auto& r, lane) { return r.op == operation::release && r.keep > 0; });
  w.store->inject({.times = fault::always, .on = lost});
  body(w, lock, [&](const std::function<void()>& release) { EXPECT_TRUE(error_of(release).in_doubt()); });
  EXPECT_FALSE(w.store->get("lock")->holders.empty());
  unreachable = false;
  EXPECT_TRUE(eventually([&] {
    const auto holders = w.store->get("lock")->holders;
    return !holders.empty() && holders.front().id.ends_with("/kept");
  })) << "released in the background, and kept";
}

TEST(Doubt, WhatAReleaseThatThrewWasToKeepIsKeptByTheDestructor) {
  expect_kept([](world&, mutex& lock, const auto& fails) {
    auto got = lock.acquire();
    ASSERT_TRUE(got);
    fails([&] { (void)got->release_at_least(60s, 100ms); });
  });
}

TEST(Doubt, WhatAReleaseThatThrewWasToKeepIsKeptByTheLocksRelease) {
  expect_kept([](world&, mutex& lock, const auto& fails) {
    auto got = lock.acquire();
    ASSERT_TRUE(got);
    fails([&] { (void)got->release_at_least(60s, 100ms); });
    fails([&] { (void)lock.release(); });
  });
}

TEST(Doubt, WhatAReleaseThatThrewWasToKeepIsKeptBySeveralLeases) {
  expect_kept([](world&, mutex& lock, const auto& fails) {
    auto got = acquire_all({lock});
    ASSERT_TRUE(got);
    fails([&] { (void)got->release_at_least(60s, 100ms); });
  });
}

TEST(Doubt, ARefusalAfterARequestWithoutAnAnswerIsInDoubt) {
  for (const auto code : {errc::not_authorized, errc::authentication, errc::server}) {
    world w;
    w.store->inject({.what = fault::kind::lost_answer});
    w.store->inject({.what = fault::kind::refused, .code = code});
    const auto e = error_of([&] { (void)mutex(*w.locks, "lock").acquire().result(); });
    EXPECT_EQ(e.code(), code);
    EXPECT_TRUE(e.in_doubt()) << e.what();
  }
}

TEST(Doubt, ARefusalOfTheFirstRequestIsNot) {
  world w;
  w.store->inject({.what = fault::kind::refused, .code = errc::not_authorized});
  EXPECT_FALSE(error_of([&] { (void)mutex(*w.locks, "lock").acquire().result(); }).in_doubt());
}

TEST(Doubt, WhatIsOnItsWayWhenTheClientIsClosedIsInDoubt) {
  const auto closed_during = [](operation on_its_way, const std::function<void(world&)>& does) {
    world w;
    auto held = mutex(*w.locks, "lock").acquire();
    ASSERT_TRUE(held);
    w.store->block(only(on_its_way));
    auto e = std::async(std::launch::async, [&] { return error_of([&] { does(w); }); });
    ASSERT_TRUE(w.store->wait_for_blocked(1));
    w.locks->close();
    const auto failed = e.get();
    EXPECT_EQ(failed.code(), errc::closed) << failed.what();
    EXPECT_TRUE(failed.in_doubt()) << failed.what();
    w.store->unblock();
  };
  closed_during(operation::resize, [](world& w) { (void)semaphore(*w.locks, "permits", 3).resize(4); });
  closed_during(operation::revoke, [](world& w) { (void)w.locks->revoke("lock"); });
  closed_during(operation::cancel, [](world& w) { (void)w.locks->revoke("lock", {}, revocation::at_once); });
  closed_during(operation::amend, [](world& w) {
    election office(*w.locks, "office");
    auto leads = office.campaign("a");
    ASSERT_TRUE(leads);
    (void)office.proclaim("b");
  });
}

TEST(Doubt, WhatIsBetweenTwoTriesWhenTheClientIsClosedIsInDoubt) {
  world w;
  w.store->inject({.what = fault::kind::lost_request, .times = fault::always, .on = only(operation::resize)});
  auto e = std::async(std::launch::async,
                      [&] { return error_of([&] { (void)semaphore(*w.locks, "permits", 3).resize(4); }); });
  ASSERT_TRUE(eventually([&] { return w.store->count(operation::resize) > 1; }));
  w.locks->close();
  const auto failed = e.get();
  EXPECT_EQ(failed.code(), errc::closed) << failed.what();
  EXPECT_TRUE(failed.in_doubt()) << failed.what();
}

TEST(Doubt, EveryErrorSaysWhatToDo) {
  const auto advice_for = [](errc code) {
    world w;
    w.store->inject({.what = fault::kind::refused, .code = code, .why = "because"});
    const std::string text = error_of([&] { (void)mutex(*w.locks, "lock").acquire().result(); }).what();
    const auto at = text.find("because; ");
    return at == std::string::npos ? "nothing in: " + text : text.substr(at + 9);
  };
  EXPECT_EQ(advice_for(errc::not_authorized), "grant find, insert and update on the collection");
  EXPECT_EQ(advice_for(errc::authentication), "check user, password and authSource in the URL");
  EXPECT_NE(advice_for(errc::server).find("log"), std::string::npos);
  EXPECT_NE(advice_for(errc::unsupported_server).find("upgrade"), std::string::npos);
  world w;
  mutex lock(*w.locks, "lock");
  w.locks->close();
  const std::string closed = error_of([&] { (void)lock.acquire().result(); }).what();
  EXPECT_NE(closed.find("; make another"), std::string::npos) << closed;
}

}  // namespace
}  // namespace dlock::testing
