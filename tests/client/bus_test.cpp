// Who is told of what, by the answers alone.
#include "client/bus.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include "client/world.hpp"

namespace dlock::testing {
namespace {

using protocol::heir;

class hearing final : public bus::waiter {
 public:
  void granted(const protocol::grant& g, protocol::ms) override {
    const std::lock_guard lock(guard_);
    heard_ += g.id + " ";
  }
  void nudged(bool) override {}
  [[nodiscard]] std::string heard() const {
    const std::lock_guard lock(guard_);
    return heard_;
  }

 private:
  mutable std::mutex guard_;
  std::string heard_;
};

struct Bus : ::testing::Test {
  std::shared_ptr<fake_channel> notices = std::make_shared<fake_channel>();
  std::shared_ptr<bus> mine =
      std::make_shared<bus>(notices, "channel", "me", log_callback{}, std::make_shared<real_environment>());
  std::shared_ptr<hearing> here = std::make_shared<hearing>();

  [[nodiscard]] static protocol::request release() { return {.op = operation::release, .lock = "lock", .id = "x"}; }
  /// An answer at time 1000, with heirs that hold since `since`.
  [[nodiscard]] static protocol::reply naming(const std::vector<std::pair<std::string, std::string>>& heirs,
                                              protocol::ms since) {
    protocol::reply a{.found = true, .now = 1000};
    for (const auto& [id, client] : heirs) a.heirs.push_back(heir{id, client, 7000, since, since + 5000});
    return a;
  }
  [[nodiscard]] bool told(std::size_t n) const {
    return eventually([&] { return notices->count(".inbox.") == n; });
  }
};

TEST_F(Bus, SeveralHeirsAtOnceAreAllTold) {
  mine->expect("own", "lock", here);
  mine->announce(release(), naming({{"a", "one"}, {"own", "me"}, {"b", "two"}, {"c", "one"}}, 1000));
  EXPECT_EQ(here->heard(), "own ");
  EXPECT_TRUE(told(3));
}

TEST_F(Bus, AnHeirThatSomebodyElseAdmittedIsLeftToThemForAWhile) {
  mine->announce(release(), naming({{"a", "one"}}, 950));
  std::this_thread::sleep_for(50ms);
  EXPECT_TRUE(told(0));
  mine->announce(release(), naming({{"a", "one"}}, 900));
  mine->announce(release(), naming({{"a", "one"}}, 800));
  EXPECT_TRUE(told(1));
  std::this_thread::sleep_for(50ms);
  EXPECT_TRUE(told(1)) << "not again so soon";
}

TEST_F(Bus, ACancelTellsWhomItSees) {
  auto r = release();
  r.op = operation::cancel;
  mine->announce(r, naming({{"a", "one"}}, 990));
  EXPECT_TRUE(told(1));
}

TEST_F(Bus, WhoGaveUpIsNotTold) {
  mine->expect("own", "lock", here);
  mine->forget("own");
  mine->announce(release(), naming({{"own", "me"}}, 1000));
  EXPECT_EQ(here->heard(), "");
}

TEST_F(Bus, AGrantOfAnotherLockIsNotBelieved) {
  mine->expect("own", "another lock", here);
  mine->announce(release(), naming({{"own", "me"}}, 1000));
  EXPECT_EQ(here->heard(), "");
}

}  // namespace
}  // namespace dlock::testing
