// What holds for every kind, told once: each of them, used so that nobody fits beside it.
#include <ostream>

#include "kinds/harness.hpp"

namespace dlock::testing {
namespace {

/// What was acquired, whatever it is called.
struct grip {
  outcome result = outcome::busy;
  std::int64_t token = 0;
  std::optional<holder_info> holder;
  std::function<release_result()> release = [] { return release_result::not_held; };
  std::function<bool()> held = [] { return false; };
  std::function<std::string()> loss;
  std::stop_token lost;
};

template <typename Acquisition, typename TokenOf>
grip grip_of(Acquisition a, TokenOf token_of) {
  grip g{.result = a.result(), .holder = a.holder()};
  if (!a) return g;
  auto l = std::make_shared<std::decay_t<decltype(*a)>>(std::move(*a));
  g.token = token_of(*l);
  g.release = [l] { return l->release(); };
  g.held = [l] { return l->held(); };
  g.loss = [l] { return l->loss(); };
  g.lost = l->lost();
  return g;
}

grip grip_of(acquisition a) {
  return grip_of(std::move(a), [](const lease& l) { return l.token(); });
}

using participant = std::function<grip(wait_options)>;

struct kind {
  const char* name;
  std::function<participant(client&, const std::string& id)> make;
};
std::ostream& operator<<(std::ostream& out, const kind& k) {
  return out << k.name;
}

/// A kind whose participants have a lock object each, made with `more`, which `use` acquires.
template <typename Lock, typename Use, typename... More>
kind of(const char* name, Use use, More... more) {
  return {name, [=](client& c, const std::string& id) -> participant {
            return [use, lock = std::make_shared<Lock>(c, id, more...)](wait_options o) {
              return grip_of(use(*lock, std::move(o)));
            };
          }};
}

std::vector<kind> all_kinds() {
  const auto acquires = [](auto& lock, wait_options o) { return lock.acquire(std::move(o)); };
  const auto takes_all = [](semaphore& slots, wait_options o) { return slots.acquire(8, std::move(o)); };
  const auto campaigns = [](election& e, wait_options o) { return e.campaign("a value", std::move(o)); };
  return {
      of<mutex>("mutex", acquires),
      of<shared_mutex>("shared_mutex", acquires),
      of<semaphore>("semaphore_of_one", acquires, 1),
      of<semaphore>("semaphore_whole", takes_all, 8),
      of<election>("election", campaigns),
      {"several",
       [](client& c, const std::string& id) -> participant {
         auto m = std::make_shared<mutex>(c, id);
         auto other = std::make_shared<semaphore>(c, "z-" + id, 100);
         return [m, other, id](wait_options o) {
           return grip_of(acquire_all({other->take(1), *m}, std::move(o)),
                          [&](const lease_set& l) { return l.token(id); });
         };
       }},
  };
}

class EveryKind : public Kinds, public ::testing::WithParamInterface<kind> {
 protected:
  participant somebody(client& c) { return GetParam().make(c, id); }
  const std::string id = "lock";
  static constexpr auto try_once = milliseconds{0};
};

TEST_P(EveryKind, IsHeldByOneAtATime) {
  const auto a = somebody(mine), b = somebody(theirs);
  const auto first = a({});
  ASSERT_EQ(first.result, outcome::acquired);
  EXPECT_TRUE(first.held());
  const auto busy = b({.timeout = try_once});
  EXPECT_EQ(busy.result, outcome::busy);
  ASSERT_TRUE(busy.holder);
  EXPECT_EQ(busy.holder->who, "somebody");
  EXPECT_EQ(busy.holder->token, first.token);
  EXPECT_EQ(first.release(), release_result::released);
  EXPECT_FALSE(first.held());
  EXPECT_EQ(first.release(), release_result::not_held);
  const auto second = b({.timeout = try_once});
  ASSERT_EQ(second.result, outcome::acquired);
  EXPECT_GT(second.token, first.token);
}

TEST_P(EveryKind, WaitersAreServedInTheOrderTheyCame) {
  const auto first = somebody(mine)({});
  std::vector<std::future<grip>> waiting;
  std::vector<client> clients;  // each has a place of its own in the queue
  for (int i = 0; i < 4; ++i) clients.push_back(another());
  std::vector<participant> all;
  for (auto& c : clients) all.push_back(somebody(c));
  for (std::size_t i = 0; i < all.size(); ++i) {
    waiting.push_back(later([&, i] { return all[i]({}); }));
    ASSERT_TRUE(queued(id, i + 1));
  }
  EXPECT_EQ(first.release(), release_result::released);
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    ASSERT_TRUE(ready(waiting[i], 30s)) << i;
    for (std::size_t later_one = i + 1; later_one < waiting.size(); ++later_one)
      EXPECT_FALSE(ready(waiting[later_one]));
    const auto got = waiting[i].get();
    ASSERT_EQ(got.result, outcome::acquired);
    EXPECT_EQ(got.release(), release_result::released);
  }
}

TEST_P(EveryKind, AWaitEndsInTimeAndLeavesTheQueue) {
  const auto a = somebody(mine), b = somebody(theirs);
  const auto first = a({});
  grip late;
  EXPECT_LT(time_of([&] { late = b({.timeout = 2s}); }), 20s);
  EXPECT_EQ(late.result, outcome::timed_out);
  ASSERT_TRUE(late.holder);
  EXPECT_EQ(late.holder->token, first.token);
  EXPECT_TRUE(queued(id, 0));
}

TEST_P(EveryKind, ACancelledWaitLeavesNothingBehind) {
  const auto a = somebody(mine), b = somebody(theirs), c = somebody(theirs);
  const auto first = a({});
  std::stop_source stop;
  auto waiting = later([&] { return b({.stop = stop.get_token()}); });
  ASSERT_TRUE(queued(id, 1));
  stop.request_stop();
  EXPECT_EQ(waiting.get().result, outcome::cancelled);
  EXPECT_TRUE(queued(id, 0));
  EXPECT_EQ(first.release(), release_result::released);
  EXPECT_EQ(c({.timeout = try_once}).result, outcome::acquired);
}

TEST_P(EveryKind, AClosedClientsWaiterLeavesToo) {
  auto closing = another();
  const auto first = somebody(mine)({});
  const auto b = somebody(closing);
  auto waiting = later([&] { return b({}); });
  ASSERT_TRUE(queued(id, 1));
  closing.close();
  EXPECT_EQ(waiting.get().result, outcome::cancelled);
  EXPECT_TRUE(queued(id, 0));
  EXPECT_EQ(error_of([&] { (void)b({}); }).code(), errc::closed);
}

TEST_P(EveryKind, AHolderThatIsGoneIsSucceededWhenItsLeaseEnds) {
  auto dying = another(changed(quick(), [](auto& o) { o.exp_delta = 2s, o.wait_lock_period = 200ms; }));
  const auto first = somebody(dying)({});
  ASSERT_EQ(first.result, outcome::acquired);
  dying.close();  // renews nothing, releases nothing
  const auto b = somebody(theirs);
  grip second;
  EXPECT_LT(time_of([&] { second = b({.timeout = 60s}); }), 2s + 100ms + 10s);
  ASSERT_EQ(second.result, outcome::acquired);
  EXPECT_GT(second.token, first.token);
  EXPECT_FALSE(first.held());
  EXPECT_TRUE(first.lost.stop_requested() || eventually([&] { return first.lost.stop_requested(); }));
}

TEST_P(EveryKind, ADeletedLockIsLost) {
  auto quick_one = another(changed(quick(), [](auto& o) { o.exp_delta = 3s; }));
  const auto first = somebody(quick_one)({});
  ASSERT_TRUE(first.held());
  place_->remove(id);
  EXPECT_TRUE(eventually([&] { return first.lost.stop_requested(); }));
  EXPECT_FALSE(first.held());
  EXPECT_NE(first.loss(), "");
  EXPECT_EQ(first.release(), release_result::lost);
}

TEST_P(EveryKind, ARevokedHolderIsToldAndTheNextOneFollowsWhenItLetsGo) {
  auto lasting = another(changed(quick(), [](auto& o) { o.exp_delta = 90s; }));
  const auto first = somebody(lasting)({});
  ASSERT_TRUE(first.held());
  // It listens once it has held the lock for a while.
  ASSERT_TRUE(eventually([&] { return lasting.notifications().now == notification_status::state::working; }));
  const auto b = somebody(theirs);
  auto waiting = later([&] { return b({}); });
  ASSERT_TRUE(queued(id, 1));
  const auto off = theirs.revoke(id);
  ASSERT_EQ(off.size(), 1U);
  EXPECT_EQ(off[0].token, first.token);
  EXPECT_TRUE(eventually([&] { return first.lost.stop_requested(); }, 20s)) << "not only when it renews";
  EXPECT_FALSE(first.held());
  EXPECT_NE(first.loss().find("revoked by somebody"), std::string::npos) << first.loss();
  EXPECT_FALSE(ready(waiting, 200ms)) << "it has not let go";
  const auto state = theirs.inspect(id);
  ASSERT_TRUE(state);
  ASSERT_EQ(state->holders.size(), 1U);
  EXPECT_TRUE(state->holders[0].revoked);
  EXPECT_EQ(first.release(), release_result::lost);
  ASSERT_TRUE(ready(waiting, 30s)) << "long before its lease would have ended";
  EXPECT_GT(waiting.get().token, first.token);
}

TEST_P(EveryKind, ARevokedHolderThatDoesNotHearLosesItWithItsLease) {
  auto o = quick();
  o.exp_delta = 3s;
  o.notif_url = "mongodb://127.0.0.1:1/none?serverSelectionTimeoutMS=100";
  auto deaf = another(o);
  const auto first = somebody(deaf)({});
  ASSERT_TRUE(first.held());
  ASSERT_EQ(theirs.revoke(id).size(), 1U);
  EXPECT_TRUE(eventually([&] { return first.lost.stop_requested(); })) << "no renewal works any more";
  EXPECT_EQ(somebody(theirs)({.timeout = 30s}).result, outcome::acquired);
}

TEST_P(EveryKind, ALockRevokedAtOnceIsFreeAtOnce) {
  const auto first = somebody(mine)({});
  ASSERT_TRUE(first.held());
  const auto b = somebody(theirs);
  auto waiting = later([&] { return b({}); });
  ASSERT_TRUE(queued(id, 1));
  ASSERT_EQ(theirs.revoke(id, first.token, revocation::at_once).size(), 1U);
  ASSERT_TRUE(ready(waiting, 30s));
  EXPECT_GT(waiting.get().token, first.token);
  EXPECT_TRUE(eventually([&] { return first.lost.stop_requested(); }));
}

TEST_P(EveryKind, AHolderThatIsNotThereCannotBeRevoked) {
  EXPECT_TRUE(mine.revoke(id).empty());
  const auto first = somebody(mine)({});
  EXPECT_TRUE(mine.revoke(id, first.token + 1000).empty());
  EXPECT_TRUE(first.held());
}

INSTANTIATE_TEST_SUITE_P(All, EveryKind, ::testing::ValuesIn(all_kinds()),
                         [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace dlock::testing
