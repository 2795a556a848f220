// Taking a lock off somebody who does something else at the same time.
#include <gtest/gtest.h>

#include "client/world.hpp"
#include "runtime/feeds.hpp"

namespace dlock::testing {
namespace {

TEST(Revoke, WhoLetsGoMeanwhileIsNotSaidToHaveBeenTakenOff) {
  world w;
  client operators = w.another();
  mutex a(*w.locks, "lock");
  auto got = a.acquire();
  ASSERT_TRUE(got);
  w.store->block(
      [](const protocol::request& r, lane) { return r.op == operation::cancel || r.op == operation::revoke; });
  auto off = std::async(std::launch::async, [&] { return operators.revoke("lock", {}, revocation::at_once); });
  ASSERT_TRUE(w.store->wait_for_blocked(1));
  EXPECT_EQ(got->release(), release_result::released);
  w.store->unblock();
  EXPECT_TRUE(off.get().empty());
}

TEST(Revoke, WhoCanOnlyWriteNoticesTakesNothingOff) {
  world w(world::quick(), 16, std::make_shared<fake_channel>());
  auto got = mutex(*w.locks, lock_options{.id = "lock", .exp_delta = 60s}).try_acquire();
  const std::string client = w.store->get("lock")->holders.at(0).client;
  std::vector<bson> forged;
  forged.push_back(protocol::revocation_document(client, {"lock", got->owner(), "nobody"}));
  const auto inbox = feed_of_inbox(w.locks->options().notif_channel, client);
  const auto before = got->valid_until();
  EXPECT_TRUE(eventually([&] {
    EXPECT_EQ(w.notices->insert(inbox, forged).what, answer::kind::replied);
    return got->valid_until() > before;
  })) << "it listens once it has held the lock for a while, and asks the server";
  EXPECT_TRUE(got->held());
  EXPECT_EQ(got->loss(), "");
}

TEST(Revoke, TheHolderHearsLongBeforeItWouldRenew) {
  world w(world::quick(), 16, std::make_shared<fake_channel>());
  client operators = w.another();
  auto got = mutex(*w.locks, lock_options{.id = "lock", .exp_delta = 60s}).try_acquire();
  event told;
  got->on_lost([&] { told.happen(); });
  EXPECT_TRUE(eventually([&] {
    EXPECT_EQ(operators.revoke("lock").size(), 1u);
    return told.wait(10ms);
  })) << "it listens once it has held the lock for a while";
  EXPECT_EQ(got->loss(), "it was revoked by somebody");
}

}  // namespace
}  // namespace dlock::testing
