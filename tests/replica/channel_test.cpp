// The notification channel on a real server, and what can happen to it: locks go on, and it heals by itself.
#include "replica/fixture.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <future>

namespace dlock::testing {
namespace {

using state = notification_status::state;

/// Whoever gets in fast was woken.
class Notices : public Replica {
 protected:
  client_options patient() {
    auto o = options();
    o.exp_delta = 30s;
    o.wait_lock_period = 3s;
    o.notif_url = test_url().find("/?") == std::string::npos
                      ? test_url()
                      : std::string(test_url()).replace(test_url().find("/?"), 2, "/" + notices_.name() + "?");
    return o;
  }
  /// A release to a waiter of another client: how long until that has the lock.
  milliseconds hand_over(client& from, client& to) {
    auto first = mutex(from, id).acquire({.timeout = 60s});
    EXPECT_TRUE(first);
    auto next = std::async(std::launch::async, [&] { return mutex(to, id).acquire({.timeout = 60s}); });
    EXPECT_TRUE(eventually([&] { return waiters(id) == 1; }));
    std::this_thread::sleep_for(700ms);  // its first polls, with short pauses, are over
    return time_of([&] {
      EXPECT_EQ(first->release(60s), release_result::released);  // an election may come in between
      EXPECT_TRUE(next.get());
    });
  }
  /// Whether a release wakes the heir, which by itself would poll after a second. On a busy machine not each time.
  bool wakes(client& from, client& to) {
    return eventually([&] { return hand_over(from, to) < 1s; }, 60s);
  }
  /// Runs a command in the notification database.
  connection::outcome notif(const std::string& text) {
    return connection().run(notices_.name(), from_json(text).get());
  }
  [[nodiscard]] std::vector<std::string> inboxes() {
    std::vector<std::string> out;
    auto all = notif(R"({"listCollections": 1, "nameOnly": true})");
    const auto text = to_json(all.reply.get());
    for (auto at = text.find("mongo_dlock_notif.inbox."); at != std::string::npos;
         at = text.find("mongo_dlock_notif.inbox.", at + 1)) {
      const auto end = text.find('"', at);
      const auto name = text.substr(at, end - at);
      if (text[at - 1] == '"') out.push_back(name);
    }
    return out;
  }
  /// Of all who follow something in the notification database. Returns how many.
  int kill_cursors() {
    connection at(url_of(primary()));
    const auto ops = at.run(
        "admin",
        from_json(
            R"({"aggregate": 1, "cursor": {}, "pipeline": [{"$currentOp": {"idleCursors": true, "allUsers": true}},
        {"$match": {"ns": {"$regex": "^)" +
            notices_.name() + R"("}, "cursor.cursorId": {"$exists": true}}},
        {"$project": {"ns": 1, "id": {"$toString": "$cursor.cursorId"}}}]})")
            .get());
    const auto text = to_json(ops.reply.get());
    int killed = 0;
    for (auto at_ns = text.find("\"ns\" : \"" + notices_.name() + "."); at_ns != std::string::npos;
         at_ns = text.find("\"ns\" : \"" + notices_.name() + ".", at_ns + 1)) {
      const auto dot = text.find('.', at_ns);
      const auto coll = text.substr(dot + 1, text.find('"', dot) - dot - 1);
      const auto id_at = text.find("\"id\" : \"", at_ns);
      if (id_at == std::string::npos) break;
      const auto number = text.substr(id_at + 8, text.find('"', id_at + 8) - id_at - 8);
      at.run(notices_.name(),
             from_json(R"({"killCursors": ")" + coll + R"(", "cursors": [{"$numberLong": ")" + number + "\"}]}").get());
      ++killed;
    }
    return killed;
  }

  scratch_database notices_{"notices", scratch_database::use::notices};
};

TEST_F(Notices, AReleaseWakesTheHeir) {
  client one(patient()), two(patient());
  hand_over(one, two);  // makes the inbox
  EXPECT_TRUE(wakes(one, two));
  EXPECT_TRUE(eventually([&] { return two.notifications().now == state::working; })) << "it may have polled just then";
}

TEST_F(Notices, ADroppedChannelCostsOnePollAndHealsByItself) {
  client one(patient()), two(patient());
  hand_over(one, two);
  connection().drop(notices_.name());
  EXPECT_LT(hand_over(one, two), 20s);
  EXPECT_TRUE(eventually([&] { return two.notifications().now == state::working; }));
  EXPECT_TRUE(wakes(one, two));
}

TEST_F(Notices, KilledCursorsAreOpenedAgain) {
  client one(patient()), two(patient());
  hand_over(one, two);
  EXPECT_TRUE(eventually([&] { return kill_cursors() > 0; })) << "when one is open";
  EXPECT_LT(hand_over(one, two), 20s);
  EXPECT_TRUE(wakes(one, two));
}

TEST_F(Notices, ACollectionOfTheWrongKindIsLeftAloneAndReported) {
  journal said;
  auto o = patient();
  o.log = said.callback();
  connection().insert(notices_.name(), "mongo_dlock_notif", [] {
    std::vector<bson> one;
    one.push_back(from_json(R"({"order": 4711})"));
    return one;
  }());
  client one(o);
  std::atomic<int> heard = 0;
  const auto s = one.subscribe_all([&](const lock_event& e) { heard += e.what != lock_event::kind::gap ? 1 : 0; });
  EXPECT_FALSE(s.wait_until_open(1s));
  ASSERT_TRUE(eventually([&] { return one.notifications().now == state::failing; }));
  EXPECT_NE(one.notifications().problem.find("is not a capped collection"), std::string::npos)
      << one.notifications().problem;
  EXPECT_TRUE(said.says("receiving events of locks) do not work"));
  std::this_thread::sleep_for(500ms);
  EXPECT_EQ(said.count("receiving events of locks) do not work"), 1);
  EXPECT_TRUE(mutex(one, id).try_acquire()) << "locks need no channel";
  EXPECT_EQ(connection().find_all(notices_.name(), "mongo_dlock_notif", from_json(R"({"order": 4711})").get()).size(),
            1u);
  notif(R"({"drop": "mongo_dlock_notif"})");
  EXPECT_TRUE(s.wait_until_open(30s)) << "it heals by itself";
  ASSERT_TRUE(mutex(one, id).try_acquire());
  EXPECT_TRUE(eventually([&] { return heard >= 2; }));
}

/// The client has found where to begin when the collection is dropped. It hears all events that come after that.
TEST_F(Notices, ACollectionThatIsDroppedWhileItIsOpenedCostsNoEventAfterwards) {
  auto o = patient();
  o.notif_url = with_option(*o.notif_url, "appName=notices");
  notif(R"({"create": "mongo_dlock_notif", "capped": true, "size": 1048576})");
  notif(R"({"insert": "mongo_dlock_notif", "documents": [{"dummy": true}]})");
  client one(o);
  std::atomic<int> heard = 0;
  const fail_command slow("notices", R"("blockConnection": true, "blockTimeMS": 1500)", 2, R"("find")");
  const auto s = one.subscribe_all([&](const lock_event& e) { heard += e.what != lock_event::kind::gap ? 1 : 0; });
  std::this_thread::sleep_for(2200ms);  // the first one is over, and the second one has not begun
  notif(R"({"drop": "mongo_dlock_notif"})");
  ASSERT_TRUE(s.wait_until_open(30s));
  ASSERT_TRUE(mutex(one, id).try_acquire());
  EXPECT_TRUE(eventually([&] { return heard >= 2; })) << heard;
}

TEST_F(Notices, EventsSayHowLongSomebodyWaitedForTheLockAndHeldIt) {
  client one(patient()), two(patient());
  std::mutex guard;
  std::vector<lock_event> heard;
  const auto s = two.subscribe(id, [&](const lock_event& e) {
    const std::lock_guard lock(guard);
    heard.push_back(e);
  });
  ASSERT_TRUE(s.wait_until_open(30s));
  auto first = mutex(one, id).try_acquire();
  ASSERT_TRUE(first);
  auto next = std::async(std::launch::async, [&] { return mutex(two, id).acquire({.timeout = 60s}); });
  ASSERT_TRUE(eventually([&] { return waiters(id) == 1; }));
  std::this_thread::sleep_for(200ms);
  EXPECT_EQ(first->release(60s), release_result::released);
  auto second = next.get();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->release(60s), release_result::released);
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard lock(guard);
    return heard.size() == 4;
  }));
  const std::lock_guard lock(guard);
  for (const auto& e : heard) {
    const bool locked = e.what == lock_event::kind::locked;
    const auto time = locked ? e.waited : e.held;
    ASSERT_TRUE(time) << to_string(e.what);
    if (locked == (e.token == second->token())) {  // it waited for the other one, which held the lock meanwhile
      EXPECT_GE(*time, 200ms) << to_string(e.what);
    }
    EXPECT_FALSE(locked ? e.held : e.waited);
    EXPECT_FALSE(e.lost);
  }
}

TEST_F(Notices, AnInboxThatIsNotCappedIsMended) {
  client one(patient()), two(patient());
  hand_over(one, two);
  for (const auto& inbox : inboxes()) {
    notif(R"({"drop": ")" + inbox + "\"}");
    notif(R"({"create": ")" + inbox + "\"}");
  }
  hand_over(one, two);
  EXPECT_TRUE(eventually([&] { return two.notifications().now == state::working; }));
  EXPECT_TRUE(wakes(one, two));
}

TEST_F(Notices, ADeadChannelDelaysAGrantByOnePollAtMost) {
  auto o = patient();
  o.notif_url = "mongodb://127.0.0.1:1/nothing";
  client one(o);
  journal said;
  o.log = said.callback();
  client two(o);
  EXPECT_LT(hand_over(one, two), 20s);
  EXPECT_TRUE(eventually([&] { return two.notifications().now == state::failing; }));
  EXPECT_LE(said.count("being woken) do not work"), 1);
}

TEST_F(Notices, AWaiterKilledAtTheHeadOfTheQueueCostsItsFirstTermWhateverItsTtl) {
  auto o = patient();
  o.wait_lock_period = 2s;
  client one(o), two(o);
  auto first = mutex(one, id).acquire({.timeout = 60s});
  ASSERT_TRUE(first);
  // A waiter with a TTL of 60 s, and a wait_lock_period like ours: it polls every 2 s at most, and then it is dead.
  const auto url = test_url();
  const pid_t head = fork();
  if (head == 0) {
    execl(DLOCK_HOLDER, DLOCK_HOLDER, url.c_str(), db.c_str(), id.c_str(), "60000", "2000",
          static_cast<char*>(nullptr));
    _exit(127);
  }
  ASSERT_TRUE(eventually([&] { return waiters(id) == 1; }));
  auto next = std::async(std::launch::async, [&] { return mutex(two, id).acquire({.timeout = 60s}); });
  ASSERT_TRUE(eventually([&] { return waiters(id) == 2; }));
  kill(head, SIGKILL);
  waitpid(head, nullptr, 0);
  const auto took = time_of([&] {
    EXPECT_EQ(first->release(), release_result::released);
    EXPECT_TRUE(next.get());
  });
  EXPECT_LT(took, 20s) << "wait_lock_period, and what a busy machine takes";
}

TEST_F(Notices, EventsGoOnAfterAStepdown) {
  if (members().size() < 3) GTEST_SKIP() << "needs a set of 3";
  needs_whole_set();
  client one(patient()), two(patient());
  std::atomic<int> heard = 0;
  const auto s = two.subscribe(id, [&](const lock_event&) { ++heard; });
  ASSERT_TRUE(s.wait_until_open(30s));
  hand_over(one, two);
  connection(url_of(primary()))
      .run("admin", from_json(R"({"replSetStepDown": 5, "secondaryCatchUpPeriodSecs": 2})").get());
  EXPECT_LT(hand_over(one, two), 60s);
  EXPECT_TRUE(eventually([&] { return two.notifications().now == state::working; }));
  const int before = heard;
  EXPECT_TRUE(wakes(one, two));
  EXPECT_TRUE(eventually([&] { return heard >= before + 4; })) << heard - before;
}

}  // namespace
}  // namespace dlock::testing
