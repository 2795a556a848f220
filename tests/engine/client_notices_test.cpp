// What a client does when it hears, or may have missed, that there is something to look at.
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "engine/client.hpp"
#include "engine/driven_client.hpp"

namespace dlock::engine {
namespace {

struct ClientsNotices : driven_test {
  /// Stands in the queue behind another client, or mongo-dlock.
  call_id wait(const std::string& lock, bool foreign) {
    if (foreign) {
      foreign_holds(lock);
    } else {
      (void)other(op::try_, lock);
    }
    const auto c = acquire(lock);
    EXPECT_NE(serve(), "");
    EXPECT_EQ(happened(), "");
    return c;
  }
};

TEST_F(ClientsNotices, ANoticeDuringARequestCausesAnotherPoll) {
  (void)wait("lock", true);
  play(
      "mongo-dlock releases lock | sent -> heartbeat id-1 | wants events -> yes (it waits still) | "
      "mongo-dlock releases lock | sent -> nothing (one is on its way) | answer | "
      "serve -> heartbeat id-1 (but it may be older) | serve -> nothing (once)");
}

TEST_F(ClientsNotices, NoticesOfTwoKindsCauseTwoPolls) {
  (void)wait("lock", true);
  heard_release("");
  play(
      "sent -> heartbeat id-1 | inbox opened | mongo-dlock releases lock | answer | "
      "serve -> heartbeat id-1, heartbeat id-1");
}

TEST_F(ClientsNotices, EveryWaiterThatIsConcernedPolls) {
  (void)wait("one", true);
  (void)wait("two", true);
  last_call = wait("three", false);
  play("wants events -> yes | mongo-dlock releases two | serve -> heartbeat id-2");
  heard_release("");
  play(
      "serve -> heartbeat id-1, heartbeat id-2 (of any) | inbox opened | "
      "serve -> heartbeat id-1, heartbeat id-2, heartbeat id-3 | cancel | serve | inbox opened | "
      "serve -> heartbeat id-1, heartbeat id-2 | wants events -> yes");
}

TEST_F(ClientsNotices, AGrantNoticeCancelsThePoll) {
  (void)wait("lock", false);
  play("inbox opened | ready -> 1");
  const auto heir = other(op::release).heirs.at(0);
  me.heard(protocol::grant{"lock", heir.id, heir.fence, heir.since}, now);
  play(
      "happened -> acquired | sent -> nothing | size -> 3 (the hold, its turn, its renewal) | share | sent -> enqueue "
      "id-2");
  EXPECT_EQ(last_request().floor, heir.fence) << "it has seen that token, though no answer had it";
}

TEST_F(ClientsNotices, AWaiterWhoseEntryIsGoneQueuesAgainBehindMongoDlock) {
  (void)wait("lock", true);
  foreign_holds();  // without anybody who waits
  play(
      "mongo-dlock releases lock | serve -> heartbeat id-1, enqueue id-2 | happened -> nothing | wants events -> yes | "
      "expects id-1 -> no | expects id-2 -> yes");
}

TEST_F(ClientsNotices, ACancelledWaiterDoesNotPoll) {
  last_call = wait("lock", true);
  play("cancel | sent -> cancel id-1 | inbox opened | events opened | sent -> nothing");
}

TEST_F(ClientsNotices, AWaiterWithAnInboxPollsSeldom) {
  me.opened(part::inbox, now);
  (void)wait("lock", false);
  play("pass 3936 -> nothing | pass 1 -> heartbeat id-1");
}

TEST_F(ClientsNotices, AWaiterForMongoDlockPollsOftenInSpiteOfTheInbox) {
  me.opened(part::inbox, now);
  (void)wait("lock", true);
  EXPECT_EQ(pass(50), "heartbeat id-1");
}

TEST_F(ClientsNotices, AWaiterForMongoDlockThatHearsEventsPollsSeldom) {
  open_events();
  (void)wait("lock", true);
  EXPECT_EQ(pass(3936), "");
  (void)wait("another", false);
  EXPECT_EQ(pass(50), "heartbeat id-1, heartbeat id-2") << "the other one is told by the inbox, which is not open";
}

TEST_F(ClientsNotices, AClosedChannelCausesNoPoll) {
  play("events opened | inbox opened | events closed | inbox closed");
  for (const bool foreign : {false, true}) {
    const std::string lock = foreign ? "foreign" : "lock";
    (void)wait(lock, foreign);
    EXPECT_NE(pass(50), "");
    EXPECT_EQ(serve(), "");
  }
  play("events closed | inbox closed | sent -> nothing (there is nothing that may have been missed)");
}

TEST_F(ClientsNotices, AWaiterPollsOftenAgainAfterListeningHasStopped) {
  play("events opened | inbox opened");
  (void)wait("old", true);
  me.stop_listening();
  play("wants inbox -> no | expects id-1 -> no | pass 4500 | expects id-1 -> yes (an answer may name it)");
  for (const bool foreign : {false, true}) {
    const std::string lock = foreign ? "foreign" : "lock";
    (void)wait(lock, foreign);
    EXPECT_NE(pass(50).find("id-" + std::to_string(ids)), std::string::npos) << lock;
  }
}

}  // namespace
}  // namespace dlock::engine
