// Taking a lock off somebody who does something else at the same time.
#include <gtest/gtest.h>

#include "client/world.hpp"

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

}  // namespace
}  // namespace dlock::testing
