// How a holder hears that its renewals are in trouble, before its lease is lost.
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "client/watched.hpp"

namespace dlock::testing {
namespace {

struct Trouble : watched {
  static constexpr ms delta = 3000, renewal = delta / 3, again = delta / 20;

  void fail(int times) const {
    store->inject({.what = fault::kind::unreachable, .times = times, .on = only(operation::renew)});
  }
  /// What it was told, each time.
  class listener {
   public:
    trouble_callback callback() {
      return [this](std::chrono::milliseconds left) {
        const std::lock_guard lock(guard_);
        told_.push_back(left.count());
      };
    }
    [[nodiscard]] bool was_told(const std::vector<ms>& all) const {
      return eventually([&] {
        const std::lock_guard lock(guard_);
        return told_ == all;
      });
    }

   private:
    mutable std::mutex guard_;
    std::vector<ms> told_;
  };
  listener here;
};

TEST_F(Trouble, IsToldWithWhatIsLeftOnceForEachTime) {
  const auto held = hold("lock", delta);
  core->on_trouble(*held, here.callback());
  fail(2);
  const ms end = held->valid_until();
  go_to(now() + renewal);
  EXPECT_TRUE(here.was_told({end - now()}));
  EXPECT_TRUE(held->held(now()));
  go_to(now() + again);  // fails, too
  go_to(now() + again);
  EXPECT_TRUE(is_extended(held, delta));
  EXPECT_TRUE(here.was_told({1700}));
  fail(1);
  go_to(now() + renewal);
  EXPECT_TRUE(here.was_told({1700, 1700}));
}

TEST_F(Trouble, ComesBeforeTheLoss) {
  const auto held = hold("lock", delta);
  core->on_trouble(*held, here.callback());
  fail(fault::always);
  for (ms at = renewal; at < 2700; at += again) go_to(now() + (at == renewal ? renewal : again));
  EXPECT_TRUE(here.was_told({1700}));
  go_to(held->valid_until());
  EXPECT_EQ(time_of_loss(held), now());
  EXPECT_TRUE(here.was_told({1700})) << "a loss is no trouble any more";
  store->heal();
}

TEST_F(Trouble, OfAnotherLeaseOrWithoutAutorefreshIsNotTold) {
  const auto other = hold("other", delta), brief = hold("brief", 2500, false);
  core->on_trouble(*brief, here.callback());
  fail(1);
  for (const ms after : {renewal, again, renewal}) go_to(now() + after);
  go_to(brief->valid_until());
  EXPECT_EQ(time_of_loss(brief), now());
  EXPECT_TRUE(here.was_told({}));
}

TEST_F(Trouble, ACallbackThatThrowsIsLogged) {
  const auto held = hold("lock", delta);
  core->on_trouble(*held, [](auto) { throw std::runtime_error("my mistake"); });
  core->on_trouble(*held, here.callback());
  fail(1);
  go_to(now() + renewal);
  EXPECT_TRUE(here.was_told({1700}));
  EXPECT_TRUE(logs("the on_trouble callback of lock \"lock\" threw: my mistake"));
}

TEST_F(Trouble, ItsCallbackGoesWithTheReleaseOrTheLoss) {
  for (const bool lost : {true, false}) {  // the release comes last: it has times of its own
    const auto held = hold(lost ? "lost" : "released", delta, !lost);
    auto owned = std::make_shared<int>(7);
    const std::weak_ptr<int> gone = owned;
    core->on_trouble(*held, [owned = std::move(owned)](auto) {});
    EXPECT_FALSE(gone.expired());
    if (lost) {
      go_to(held->valid_until());
      EXPECT_EQ(time_of_loss(held), now());
    } else {
      EXPECT_EQ(core->release(*held, 0, 1000), release_result::released);
    }
    EXPECT_TRUE(eventually([&] { return gone.expired(); })) << lost;
    auto late = std::make_shared<int>(7);
    const std::weak_ptr<int> late_gone = late;
    core->on_trouble(*held, [late = std::move(late)](auto) {});
    EXPECT_TRUE(late_gone.expired()) << "it would never be called";
  }
}

TEST(TroubleCallback, AnEmptyOneIsRefused) {
  world w;
  auto got = mutex(*w.locks, "lock").try_acquire();
  EXPECT_EQ(error_of([&] { got->on_trouble(nullptr); }).code(), errc::invalid_argument);
  lease().on_trouble([](auto) {});
}

}  // namespace
}  // namespace dlock::testing
