// The watch of a client: its leases are renewed on time, and whoever has one learns of its end, whatever the network
// does.
#include "runtime/watch.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "client/no_threads.hpp"
#include "client/watched.hpp"
#include "runtime/feeds.hpp"
#include "runtime/monitor.hpp"
#include "util/clock_watch.hpp"

namespace dlock::testing {
namespace {

struct Watch : watched {};

TEST_F(Watch, RenewsOverSeveralLeases) {
  constexpr ms delta = 2000;
  const auto held = hold("lock", delta);
  for (std::size_t i = 1; i <= 10; ++i) {
    go_to(now() + delta / 3);
    EXPECT_TRUE(is_extended(held, delta));
    EXPECT_EQ(store->count(operation::renew), i);
  }
  for (const auto& call : store->calls()) {
    if (call.request.op == operation::renew) {
      EXPECT_EQ(call.which, lane::renewal);
    }
  }
}

TEST_F(Watch, ARenewalThatHangsDelaysNeitherItsLossNorOtherRenewals) {
  store->block([](const auto& r, lane) { return r.op == operation::renew && r.lock == "hangs"; });
  const auto stuck = hold("hangs", 600);
  const auto other = hold("other", 1200);
  go_to(now() + 200);
  ASSERT_TRUE(store->wait_for_blocked(1));
  go_to(now() + 200);
  EXPECT_TRUE(is_extended(other, 1200));
  go_to(stuck->valid_until());
  EXPECT_EQ(time_of_loss(stuck), now());
  EXPECT_FALSE(stuck->held(now()));
  EXPECT_TRUE(other->held(now()));
  store->unblock();
}

TEST_F(Watch, ARenewalForWhichNoThreadCanBeHadIsRepeatedToo) {
  const auto held = hold("lock", 3000);
  {
    const no_more_threads none;
    go_to(now() + 1000);
    EXPECT_TRUE(sleeps_until(now() + 150));
  }
  EXPECT_EQ(store->count(operation::renew), 0u);
  go_to(now() + 150);
  EXPECT_TRUE(is_extended(held, 3000));
  EXPECT_EQ(store->count(operation::renew), 1u);
}

TEST_F(Watch, AnAnswerAfterTheEndOfTheLeaseDoesNotSayThatItWasTakenAway) {
  store->block(only(operation::renew));
  const ms begin = now();
  const auto held = hold("lock", 450);
  const auto brief = hold("brief", 300, false);
  const auto entered = std::make_shared<event>(), go_on = std::make_shared<event>();
  core->on_lost(*brief, [entered, go_on] {
    entered->happen();
    EXPECT_TRUE(go_on->wait());
  });
  go_to(begin + 150);
  EXPECT_TRUE(store->wait_for_blocked(1));
  const no_more_threads none;  // the watch itself tells, and sees no end meanwhile
  go_to(brief->valid_until());
  EXPECT_TRUE(entered->wait());
  store->put("lock", std::nullopt);
  env->advance(200);
  store->unblock();
  EXPECT_TRUE(eventually([&] { return held->lost().stop_requested(); }));
  go_on->happen();
  EXPECT_EQ(held->loss(), detail::not_renewed);
}

TEST_F(Watch, ALeaseThatEndsBeforeAllOthersIsNoticed) {
  const auto lasting = hold("lasting", 60'000);
  ASSERT_TRUE(sleeps_until(now() + 20'000));
  const auto brief = hold("brief", 300, false);
  go_to(brief->valid_until());
  EXPECT_EQ(time_of_loss(brief), now());
}

TEST_F(Watch, TheWatchThreadMayDestroyItsClient) {
  auto own = client(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const auto held = hold(*own, "lock", 300, false);
  std::promise<std::string> gone;
  own->on_lost(*held, [&] {
    std::array<char, 16> name{};
    (void)pthread_getname_np(pthread_self(), name.data(), name.size());
    own.reset();
    gone.set_value(name.data());
  });
  auto where = gone.get_future();
  const no_more_threads none;
  go_to(now() + 250);  // it has held it for a while
  go_to(held->valid_until());
  ASSERT_EQ(where.wait_for(30s), std::future_status::ready);
  EXPECT_EQ(where.get(), "dlock-watch");
}

// --- notices --------------------------------------------------------------------------------------------------------

/// With a channel through which it hears of revocations.
struct Notice : watched {
  Notice() : watched(std::make_shared<fake_channel>()) {}

  void mark(const lease& l) const {
    auto r = core->blank_request(l->lock());
    r.op = operation::revoke;
    r.id = l->owner();
    EXPECT_TRUE(store->apply(r).reply.found);
  }
  /// Somebody writes that it was revoked, be that so or not.
  void notice(const lease& l) const {
    const std::string client = store->calls().front().request.client;
    std::vector<bson> one;
    one.push_back(protocol::revocation_document(client, {l->lock(), l->owner(), "an operator"}));
    EXPECT_EQ(channel->insert(feed_of_inbox(core->options().notif_channel, client), one).what, answer::kind::replied);
  }
};

TEST_F(Notice, ARevocationIsTakenFromTheServerAtOnce) {
  const auto held = hold("lock", 60'000);
  mark(held);
  notice(held);
  EXPECT_EQ(time_of_loss(held), now()) << "long before it would have been renewed";
  EXPECT_EQ(held->loss(), "it was revoked by an operator");
  EXPECT_EQ(held->reason(), loss_reason::revoked);
  EXPECT_TRUE(logs("\"lock\" lost: it was revoked by an operator"));
  EXPECT_EQ(store->count(operation::renew), 1u);
}

// --- the wall clock ------------------------------------------------------------------------------------------------

// When it is set, the machine may have been stopped before, in a way that no other clock counts: what is held is asked
// of the server.
struct WallClock : watched {
  /// As the kernel says it. A test must not set the clock of the machine, which others use, and no namespace has a wall
  /// clock of its own.
  void set_clock() const { EXPECT_EQ(eventfd_write(clock, 1), 0); }
};

TEST_F(WallClock, WhenTheWallClockIsSetAllLeasesAreRenewedAtOnce) {
  const auto one = hold("one", 600'000), other = hold("other", 300'000);
  const auto ends = [&] { return std::pair(one->valid_until(), other->valid_until()); };
  for (std::size_t round = 1; round <= 2; ++round) {
    const auto before = ends();
    env->advance(5);  // so that an end can be later
    set_clock();
    EXPECT_TRUE(asked(operation::renew, 2 * round)) << "long before it is time";
    EXPECT_TRUE(eventually([&] { return ends().first > before.first && ends().second > before.second; }));
  }
  EXPECT_EQ(store->count(operation::renew), 4u) << "once each";
}

TEST(ClockWatch, ThatOfThisMachineIsSilent) {
  clock_watch real;
  EXPECT_GE(real.fd(), 0);
  EXPECT_FALSE(real.was_set());
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  clock_watch instead{fd};
  EXPECT_FALSE(instead.was_set());
  ASSERT_EQ(eventfd_write(fd, 1), 0);
  EXPECT_TRUE(instead.was_set());
  EXPECT_FALSE(instead.was_set()) << "once";
}

// --- the end --------------------------------------------------------------------------------------------------------

TEST(Monitor, ARequestThatHasNotBegunWhenThreadsAreStoppedIsDropped) {
  const auto io = std::make_shared<worker_pool>(1);
  const auto begun = std::make_shared<event>(), go_on = std::make_shared<event>();  // the thread may outlive this
  ASSERT_TRUE(io->post([begun, go_on] {
    begun->happen();
    EXPECT_TRUE(go_on->wait());
  }));
  ASSERT_TRUE(begun->wait());
  const auto env = std::make_shared<manual_environment>();
  const auto callbacks = std::make_shared<worker_pool>(worker_pool::unlimited);
  auto store = running_store(env);
  auto m = std::make_shared<detail::monitor>(detail::monitor::parts{.where = store,
                                                                    .notices = nullptr,
                                                                    .channel_name = "",
                                                                    .io = io,
                                                                    .callbacks = callbacks,
                                                                    .env = env,
                                                                    .log = [](log_level, std::string_view) {}},
                                             engine::client::settings{});
  const auto seen = std::weak_ptr(m);
  const auto where = std::weak_ptr(store);
  m->step([](auto& e, auto at) { (void)e.ask({.op = operation::cancel, .lock = "lock", .id = "a"}, at + 60'000, at); });
  m->stop(std::chrono::milliseconds{0});
  m.reset();
  store.reset();
  EXPECT_TRUE(seen.expired());
  EXPECT_TRUE(where.expired());
  go_on->happen();
}

}  // namespace
}  // namespace dlock::testing
