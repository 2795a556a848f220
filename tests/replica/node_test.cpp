#include "replica/fixture.hpp"

/// In one collection with mongo-dlock for node. Its clients are played by the very commands that they send.
namespace dlock::testing {
namespace {

class Node : public Replica {
 protected:
  [[nodiscard]] std::string mine() const { return R"("_id": ")" + id + R"(")"; }
  [[nodiscard]] static std::string until(std::int64_t ttl) { return date(wall_clock_ms() + ttl); }

  /// How many documents an update or delete changed; -1: duplicate key, that is: busy.
  int changed(const std::string& command) {
    const auto done = run(command);
    if (!done.ok) {
      ADD_FAILURE() << done.error;
      return 0;
    }
    bson_iter_t it;
    if (bson_iter_init_find(&it, done.reply.get(), "writeErrors")) return -1;
    return bson_iter_init_find(&it, done.reply.get(), "n") ? static_cast<int>(bson_iter_as_int64(&it)) : 0;
  }
  int update(const std::string& query, const std::string& set, bool upsert) {
    return changed(R"({"update": "dlocks", "updates": [{"q": {)" + query + R"(}, "u": {"$set": {)" + set +
                   R"(}}, "upsert": )" + (upsert ? "true" : "false") + "}]}");
  }
  int erase(const std::string& query) {
    return changed(R"({"delete": "dlocks", "deletes": [{"q": {)" + query + R"(}, "limit": 1}]})");
  }

  // 1.x
  bool acquire1(std::int64_t ttl) {
    return update(mine() + R"(, "$or": [{"lockd": false}, {"et": {"$lt": )" + until(0) + "}}]",
                  R"("lockd": true, "ct": )" + until(0) + R"(, "et": )" + until(ttl), true) == 1;
  }
  int refresh1(std::int64_t ttl) { return update(mine() + R"(, "lockd": true)", R"("et": )" + until(ttl), false); }
  int release1() { return erase(mine() + R"(, "lockd": true)"); }
  // 2.x
  bool acquire2(std::int64_t ttl) {
    return update(mine() + R"(, "et": {"$lt": )" + until(0) + "}", R"("ct": )" + until(0) + R"(, "et": )" + until(ttl),
                  true) == 1;
  }
};

TEST_F(Node, MongoDlocksLockKeepsUsOutUntilItsRelease) {
  client locks(options());
  mutex lock(locks, id);
  ASSERT_TRUE(acquire1(60'000));
  const auto refused = lock.try_acquire();
  EXPECT_EQ(refused.result(), outcome::busy);
  ASSERT_TRUE(refused.holder());
  EXPECT_TRUE(refused.holder()->foreign);
  EXPECT_EQ(lock.acquire({.timeout = 2s}).result(), outcome::timed_out);
  EXPECT_TRUE(eventually([&] { return waiters(id) == 0; }));  // it leaves on its own
  EXPECT_EQ(release1(), 1);
  EXPECT_TRUE(lock.try_acquire());
}

TEST_F(Node, AWaiterSurvivesThatItsReleaseDeletesTheQueue) {
  client locks(options());
  ASSERT_TRUE(acquire1(60'000));
  std::jthread release([&] {
    EXPECT_TRUE(eventually([&] {
      return connection()
                 .find_all(db, "dlocks", json("{" + mine() + R"(, "waiters.0": {"$exists": true}})").get())
                 .size() == 1;
    }));
    connection().run(
        db, json(R"({"delete": "dlocks", "deletes": [{"q": {)" + mine() + R"(, "lockd": true}, "limit": 1}]})").get());
  });
  EXPECT_TRUE(mutex(locks, id).acquire({.timeout = 10s}));
}

TEST_F(Node, OurLockKeepsBothVersionsOut) {
  client locks(options());
  auto got = mutex(locks, id).try_acquire();
  EXPECT_FALSE(acquire1(1000));
  EXPECT_FALSE(acquire2(1000));
  EXPECT_TRUE(got->held());
  EXPECT_EQ(got->release(), release_result::released);
  std::this_thread::sleep_for(5ms);  // its rule: et < now
  EXPECT_TRUE(acquire1(1000)) << document();
}

TEST_F(Node, AResumedClientOfVersion1ChangesNothingOfOurs) {
  client locks(options());
  ASSERT_TRUE(acquire1(1));  // and freezes
  std::this_thread::sleep_for(600ms);
  auto got = mutex(locks, id).acquire({.timeout = 5s});
  ASSERT_TRUE(got);
  const auto before = document();
  EXPECT_EQ(refresh1(60'000), 0);
  EXPECT_EQ(release1(), 0);
  EXPECT_EQ(document(), before);
  EXPECT_EQ(got->release(), release_result::released);
  const auto freed = document();
  EXPECT_EQ(refresh1(60'000), 0) << "nor of a free lock";
  EXPECT_EQ(release1(), 0);
  EXPECT_EQ(document(), freed);
}

TEST_F(Node, WhenItTakesOurLockOverWeAreToldLost) {
  client locks(options("test", 9s));
  auto got = mutex(locks, id).try_acquire();
  ASSERT_TRUE(got);
  std::atomic<bool> told{false};
  got->on_lost([&] { told = true; });
  // A node client whose clock is far ahead sees ours as expired.
  ASSERT_EQ(update(mine(), R"("lockd": true, "ct": )" + until(100'000) + R"(, "et": )" + until(160'000), false), 1);
  EXPECT_TRUE(eventually([&] { return told.load(); })) << "at the next renewal";
  EXPECT_LT(boot_clock::now(), got->valid_until()) << "not at the deadline";
  EXPECT_EQ(got->release(), release_result::lost);
  EXPECT_EQ(mutex(locks, id).try_acquire().result(), outcome::busy);
  EXPECT_EQ(release1(), 1) << "and nothing of ours is in its way";
}

}  // namespace
}  // namespace dlock::testing
