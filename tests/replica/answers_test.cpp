#include "replica/fixture.hpp"
#include "replica/servers.hpp"
#include "store/mongo_store.hpp"

/// What the server's less clear answers come to.
namespace dlock::testing {
namespace {

class Answers : public Replica {};

std::string first_holder(const std::string& document) {
  const auto at = document.find("\"holders\"");
  const auto from = document.find("\"id\" : \"", at) + 8;
  return document.substr(from, document.find('"', from) - from);
}

TEST_F(Answers, AWriteConcernErrorIsUnknownAndAskedAgainWithTheSameId) {
  client locks(options());
  mutex lock(locks, id);
  const fail_command fail("test", R"("writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"})",
                          2);
  auto got = lock.try_acquire();
  ASSERT_TRUE(got);
  EXPECT_EQ(holders(id), 1u) << "the unclear attempts were the same acquisition: " << document();
  EXPECT_EQ(first_holder(document()), got->owner());
  EXPECT_NE(document().find("\"rev\" : 3"), std::string::npos) << "three attempts, each a change: " << document();
}

TEST_F(Answers, OnlyAServerThatHasNoPeeksIsNotAskedForThemAgain) {
  const auto o = options();
  mongo_settings where;
  where.db = o.db;
  where.coll = o.coll;
  mongo_store locks(std::make_shared<mongo_pool>(o.url, "url", 5s, 4), where);
  locks.connect(boot_clock::now() + 20s);
  const auto ask = [&](protocol::operation op, const std::string& who) {
    protocol::request r;
    r.op = op;
    r.lock = id;
    r.id = who;
    r.delta = r.life = 600'000;  // nothing is over before the fail points are set
    const auto a = locks.apply(r, lane::normal);
    EXPECT_EQ(a.what, answer::kind::replied) << a.why;
    return a.reply;
  };
  ASSERT_TRUE(ask(protocol::operation::enqueue, "a").mine);
  auto rev = ask(protocol::operation::enqueue, "b").rev;
  const auto is_a_heartbeat = [&] {
    const auto r = ask(protocol::operation::peek, "b");
    EXPECT_EQ(r.place, 0);
    EXPECT_EQ(r.rev, rev + (r.instead ? 1 : 0)) << "it says what it was";
    rev = r.rev;
    return r.instead;
  };
  EXPECT_FALSE(is_a_heartbeat());
  for (const auto* passing : {R"("errorCode": 13)", R"("errorCode": 18)"}) {
    const fail_command fail("test", passing, 1, R"("aggregate")");
    EXPECT_TRUE(is_a_heartbeat()) << passing;
    EXPECT_FALSE(is_a_heartbeat()) << passing;
  }
  const fail_command fail("test", R"("errorCode": 148)", 1, R"("aggregate")");  // ReadConcernMajorityNotEnabled
  EXPECT_TRUE(is_a_heartbeat());
  EXPECT_TRUE(is_a_heartbeat());
}

TEST_F(Answers, AWriteConcernErrorIsNeverReportedAsHeld) {
  auto o = options();
  o.operation_timeout = 5s;  // in which the server must have answered once
  client locks(o);
  mutex lock(locks, id);
  const fail_command fail("test",
                          R"("writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"})");
  const auto e = error_of([&] { (void)lock.try_acquire().result(); });
  EXPECT_EQ(e.code(), errc::unavailable);
  EXPECT_TRUE(e.in_doubt());
  EXPECT_NE(std::string(e.what()).find("less than a majority"), std::string::npos) << e.what();
}

TEST_F(Answers, ElectionsAndShutdownsAreRetriedUnseenByTheCaller) {
  auto o = options();
  // After such an error the driver waits for news of the server, which has none for it: nothing really happened there.
  o.url = with_option(o.url, "heartbeatFrequencyMS=500");
  client locks(o);
  for (const int code : {11602, 10107, 91, 189, 7}) {
    mutex lock(locks, id + std::to_string(code));
    const fail_command fail("test", R"("errorCode": )" + std::to_string(code), 1);
    auto got = lock.acquire();
    ASSERT_TRUE(got) << code;
    EXPECT_EQ(got->release(), release_result::released);
  }
}

TEST_F(Answers, ABrokenConnectionIsRetriedUnseenByTheCaller) {
  client locks(options());
  {
    const fail_command fail("test", R"("closeConnection": true)", 1);
    auto got = mutex(locks, id).try_acquire();
    ASSERT_TRUE(got);
    EXPECT_EQ(holders(id), 1u);
    EXPECT_EQ(first_holder(document()), got->owner());
  }
  auto got = mutex(locks, id).try_acquire();
  ASSERT_TRUE(got);
  const fail_command fail("test", R"("closeConnection": true)", 1);
  EXPECT_EQ(got->release(), release_result::released);
}

TEST_F(Answers, ALostReplyIsAskedForAgainWithTheSameIdAndLeavesNoOrphan) {
  relay line(primary().address);
  auto o = options("test", 3s);
  o.url = "mongodb://" + user_in(test_url()) + line.address() + "/?directConnection=true";
  client locks(o);
  int lost = 0;
  for (const bool queue : {false, true}) {
    const auto name = id + (queue ? "Queue" : "Try");
    mutex lock(locks, name);
    // Of this lock: the first one's background cancel may come as late as now.
    line.tell("swallow any m0 1 " + name);
    auto got = queue ? lock.acquire() : lock.try_acquire();
    ASSERT_TRUE(got);
    EXPECT_EQ(line.count("swallowed"), ++lost) << "the fault did not happen";
    EXPECT_EQ(holders(name), 1u) << document(name);
    EXPECT_EQ(first_holder(document(name)), got->owner());
    line.tell("swallow any m0 1 " + name);
    EXPECT_EQ(got->release(), release_result::released) << "it was ours until this very release";
    EXPECT_EQ(line.count("swallowed"), ++lost) << "the fault did not happen";
    EXPECT_EQ(holders(name), 0u);
  }
}

TEST_F(Answers, GivingUpInDoubtLeavesATombstoneThatRefusesTheLateEnqueue) {
  client locks(options("late"));
  {
    // The server sleeps over the first command that comes, and only then carries it out.
    const fail_command fail("late", R"("blockConnection": true, "blockTimeMS": 5000)", 1);
    // In this time the command must have been sent.
    const auto e = error_of([&] { (void)mutex(locks, id).acquire({.timeout = 1000ms}).result(); });
    EXPECT_EQ(e.code(), errc::unavailable);
    EXPECT_TRUE(e.in_doubt());
    ASSERT_TRUE(eventually([&] { return document().find("\"gone\" : [ {") != std::string::npos; }, 3800ms))
        << document();
    std::this_thread::sleep_for(5200ms);  // the enqueue has run by now
  }
  EXPECT_EQ(holders(id), 0u) << document();
  EXPECT_EQ(waiters(id), 0u) << document();
  client other(options("other"));
  EXPECT_TRUE(mutex(other, id).try_acquire());
}

}  // namespace
}  // namespace dlock::testing
