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

TEST(LateCopy, OfAProclamationUndoesNoLaterOne) {
  world w;
  election lead(*w.locks, "lead");
  const auto mine = lead.campaign("at first");
  w.store->inject(
      {.what = fault::kind::lost_request, .on = [](const auto& r, lane) { return r.op == operation::amend; }});
  ASSERT_TRUE(lead.proclaim("A"));
  ASSERT_TRUE(lead.proclaim("B"));
  arrives_late(w, operation::amend);
  EXPECT_EQ(lead.leader().value().value, "B");
  ASSERT_TRUE(lead.proclaim("C"));
  EXPECT_EQ(lead.leader().value().value, "C");
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

// By hand, and in one lock: no other lock's tokens are made of it.
TEST(StrangeNumber, OfOneLockIsNotSpread) {
  for (const std::int64_t fence : {std::numeric_limits<std::int64_t>::max() - 3000, std::int64_t{-1}}) {
    world w;
    ASSERT_TRUE(mutex(*w.locks, "bad").try_acquire());
    auto d = w.store->get("bad").value();
    d.fence = fence;
    w.store->put("bad", d);
    for (int i = 0; i < 5; ++i) {
      try {
        (void)mutex(*w.locks, "bad").try_acquire();
        ADD_FAILURE() << "it is no lock";
      } catch (const error& e) {
        EXPECT_EQ(e.code(), errc::not_a_lock);
        EXPECT_NE(std::string(e.what()).find("updateOne({_id: \"bad\"}, {$unset: {fence: 1}})"), std::string::npos)
            << e.what();
      }
      EXPECT_THROW((void)w.locks->inspect("bad"), error);
      auto got = mutex(*w.locks, "good " + std::to_string(i)).try_acquire();
      EXPECT_GT(got->token(), 0);
      EXPECT_LT(got->token(), protocol::end_of_tokens(w.store->now()));
    }
    d.fence = 0;  // mended as the error says
    d.holders.clear();
    w.store->put("bad", d);
    EXPECT_TRUE(mutex(*w.locks, "bad").try_acquire());
  }
}

// By hand, in the entry of one holder: the lock goes on for the others, and no token is made of it.
TEST(StrangeNumber, OfAHolderIsToldToNobody) {
  world w;
  auto got = mutex(*w.locks, "lock").try_acquire();
  const auto token = got->token();
  client other = w.another();
  auto d = w.store->get("lock").value();
  d.holders.at(0).fence = std::numeric_limits<std::int64_t>::max() - 3000;
  w.store->put("lock", d);
  const auto busy = mutex(other, "lock").try_acquire();
  EXPECT_EQ(busy.result(), outcome::busy);
  EXPECT_EQ(busy.holder().value().token, 0) << "unknown";
  EXPECT_EQ(other.inspect("lock").value().holders.at(0).token, 0);
  EXPECT_EQ(other.list().at(0).holders.at(0).who, "somebody");
  EXPECT_EQ(election(other, "lock").leader().value().token, 0);
  EXPECT_TRUE(got->held()) << "its token is what it was";
  EXPECT_EQ(got->token(), token);
  EXPECT_EQ(other.revoke("lock", 0, revocation::at_once).size(), 1u) << "as it is shown";
  auto next = mutex(other, "lock").try_acquire();
  ASSERT_TRUE(next);
  EXPECT_GT(next->token(), token);
  EXPECT_LT(next->token(), protocol::end_of_tokens(w.store->now()));
}

TEST(StrangeNumber, OfItsOwnEntryIsNoGrant) {
  world w;
  auto got = mutex(*w.locks, "lock").try_acquire();
  client other = w.another();
  auto waits = std::async(std::launch::async, [&] { return error_of([&] { (void)mutex(other, "lock").acquire(); }); });
  ASSERT_TRUE(eventually([&] { return !w.store->get("lock")->waiters.empty(); }));
  auto d = w.store->get("lock").value();
  d.holders.at(0).id = d.waiters.at(0).id;
  d.holders.at(0).fence = -1;
  d.waiters.clear();
  w.store->put("lock", d);
  EXPECT_EQ(waits.get().code(), errc::not_a_lock);
  EXPECT_TRUE(eventually([&] { return w.store->get("lock")->holders.empty(); })) << "it is given back";
  auto next = mutex(other, "lock").try_acquire();
  ASSERT_TRUE(next);
  EXPECT_GT(next->token(), 0);
}

// Of the last amend, or of what a holder has: the server changes nothing then, and the answer has the holder all the
// same.
TEST(StrangeNumber, InAnEntryIsNoAmendment) {
  world w;
  election cluster(*w.locks, "leader");
  auto leading = cluster.campaign("a");
  ASSERT_TRUE(leading && cluster.proclaim("b"));
  auto d = w.store->get("leader").value();
  const auto seq = d.holders.at(0).seq;
  d.holders.at(0).seq = std::numeric_limits<std::int64_t>::max();
  w.store->put("leader", d);
  EXPECT_EQ(error_of([&] { (void)cluster.proclaim("c"); }).code(), errc::not_a_lock);
  EXPECT_EQ(cluster.leader()->value, "b");
  EXPECT_TRUE(leading->held());
  d.holders.at(0).seq = seq;
  w.store->put("leader", d);
  EXPECT_TRUE(cluster.proclaim("d"));

  shared_mutex both(*w.locks, "both");
  auto got = both.acquire();
  ASSERT_TRUE(got);
  d = w.store->get("both").value();
  d.holders.at(0).what = {.exclusive = false, .weight = 0};
  w.store->put("both", d);
  EXPECT_EQ(error_of([&] { (void)both.downgrade(); }).code(), errc::not_a_lock);
}

TEST(StrangeNumber, UnderAHolderEndsItsLease) {
  world w;
  auto got = mutex(*w.locks, "lock").try_acquire();
  ASSERT_TRUE(got);
  auto d = w.store->get("lock").value();
  d.fence = -1;
  w.store->put("lock", d);
  w.store->inject({.what = fault::kind::lost_request});  // and then in doubt: it is there still all the same
  EXPECT_EQ(got->release(), release_result::lost) << "nothing was released";
}

}  // namespace
}  // namespace dlock::testing
