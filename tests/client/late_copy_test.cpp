// A request stalls, is repeated and answered; so is another one; then the first copy arrives.
#include <gtest/gtest.h>

#include <limits>

#include "client/world.hpp"

namespace dlock::testing {
namespace {

/// The first request of this operation that was sent arrives once more.
void arrives_late(world& w, operation op) {
  for (const auto& each : w.store->calls()) {
    if (each.request.op != op) continue;
    (void)w.store->apply(each.request);
    return;
  }
  FAIL() << "none was sent";
}

TEST(LateCopy, OfAResizeUndoesNoLaterOne) {
  world w;
  semaphore slots(*w.locks, "slots", 2), others(*w.locks, "slots", 2);
  const auto mine = slots.acquire();
  w.store->inject(
      {.what = fault::kind::lost_request, .on = [](const auto& r, lane) { return r.op == operation::resize; }});
  ASSERT_TRUE(slots.resize(8));
  ASSERT_TRUE(others.resize(4)) << "it has not seen the change, and asks again";
  arrives_late(w, operation::resize);
  EXPECT_EQ(w.store->get("slots")->cap, 4);
  EXPECT_EQ(others.permits(), 4);
  ASSERT_TRUE(slots.resize(6));
  EXPECT_EQ(w.store->get("slots")->cap, 6);
  EXPECT_EQ(slots.permits(), 6);
}

TEST(LateCopy, OfAResizeInDoubtUndoesNoLaterOne) {
  world w;
  semaphore slots(*w.locks, "slots", 2);
  const auto mine = slots.acquire();
  w.store->inject({.what = fault::kind::lost_request, .times = fault::always, .on = [](const auto& r, lane) {
                     return r.op == operation::resize;
                   }});
  EXPECT_THROW((void)slots.resize(8), error);
  EXPECT_EQ(slots.permits(), 2);
  w.store->heal();
  ASSERT_TRUE(slots.resize(4));
  arrives_late(w, operation::resize);
  EXPECT_EQ(w.store->get("slots")->cap, 4);
}

// By hand. Other locks' tokens are not made of it: TokenFloors in tests/engine.
TEST(StrangeNumber, InADocumentIsAnErrorThatSaysHowToMendIt) {
  world w;
  mutex lock(*w.locks, "bad");
  ASSERT_TRUE(lock.try_acquire());
  auto d = w.store->get("bad").value();
  d.fence = -1;
  w.store->put("bad", d);
  const auto e = error_of([&] { (void)lock.try_acquire(); });
  EXPECT_EQ(e.code(), errc::not_a_lock);
  EXPECT_NE(std::string(e.what()).find("updateOne({_id: \"bad\"}, {$unset: {fence: 1}})"), std::string::npos)
      << e.what();
  EXPECT_THROW((void)w.locks->inspect("bad"), error);
  d.fence = 0;  // mended as the error says
  d.holders.clear();
  w.store->put("bad", d);
  EXPECT_TRUE(lock.try_acquire());
}

TEST(StrangeNumber, InAnEntryIsAnErrorOfAnAmend) {
  world w;
  election cluster(*w.locks, "leader");
  shared_mutex both(*w.locks, "both");
  auto leading = cluster.campaign("a"), got = both.acquire();
  ASSERT_TRUE(leading && got);
  auto d = w.store->get("leader").value();
  d.holders.at(0).seq = std::numeric_limits<std::int64_t>::max();
  w.store->put("leader", d);
  EXPECT_EQ(error_of([&] { (void)cluster.proclaim("b"); }).code(), errc::not_a_lock);
  EXPECT_TRUE(leading->held());
  d = w.store->get("both").value();
  d.holders.at(0).what = {.exclusive = false, .weight = 0};
  w.store->put("both", d);
  EXPECT_EQ(error_of([&] { (void)both.downgrade(); }).code(), errc::not_a_lock);
}

}  // namespace
}  // namespace dlock::testing
