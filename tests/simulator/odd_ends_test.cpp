// Revocations, ends of calls, releases and publications at odd moments.
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/simulator/odd_moments.hpp"

namespace dlock::simulator {
namespace {

TEST_F(OddMoments, RevokingOnesOwnHolder) {
  const auto h = held(a, "lock");
  const auto v = s.set.committed().get("lock");
  a->step([&](auto& e, ms at) { (void)e.revoke("lock", v->what.holders.at(0), false, false, at); });
  s.run_for(50);
  EXPECT_EQ(h->now(), hold::phase::lost);
}

TEST_F(OddMoments, RevokingAtOnceAHolderWhoseTokenSomebodyTyped) {
  const auto h = held(a, "lock");
  auto seen = s.set.committed().get("lock")->what.holders.at(0);
  seen.fence = -1;
  b->step([&](auto& e, ms at) { (void)e.revoke("lock", seen, false, true, at); });
  s.run_for(50);
  EXPECT_TRUE(s.set.committed().get("lock")->what.holders.empty());
}

TEST_F(OddMoments, ALookupIsNotSentAfterItsEnd) {
  a->step([&](auto& e, ms at) {
    (void)e.read({.id = "lock"}, at);
    e.close(at);
    EXPECT_FALSE(e.next_request(at));
  });
}

TEST_F(OddMoments, CallsThatEndBeforeTheirAnswers) {
  s.net.to_server = [](const auto&) { return fate{.delay = 15'000'000}; };
  a->step([&](auto& e, ms at) { (void)e.read({.id = "lock"}, at); });
  const auto end = ask(a, operation::resize);
  s.run_for(11'000);
  ASSERT_TRUE(*end);
  EXPECT_EQ((*end)->what, ask_ended::result::failed);
  a->step([&](auto& e, ms at) {  // one is sent, the others are not
    (void)e.read({.id = "lock"}, at);
    (void)e.read({.id = "lock"}, at);
  });
  s.run_for(1);
  a->close();
  s.run_for(20'000);
  EXPECT_EQ(a->kept(), 0U);
}

TEST_F(OddMoments, NoThreadForALookup) {
  auto end = std::make_shared<std::optional<ask_ended>>();
  a->step([&](auto& e, ms at) {
    a->expect(e.read({.id = "lock"}, at), "lock", [end](const ask_ended& r) { *end = r; });
    e.cannot_send("no thread", at);
  });
  s.run_for(1000);
  ASSERT_TRUE(*end);
  EXPECT_EQ((*end)->what, ask_ended::result::answered) << "it is asked again";
}

TEST_F(OddMoments, NoThreadForAReleaseInTheBackground) {
  const auto h = held(a, "lock");
  a->step([&](auto& e, ms at) {
    e.drop(h->number(), at);
    e.cannot_send("no thread", at);
  });
  s.run_for(100);
  EXPECT_EQ(a->client().in_the_background(), 0U);
  EXPECT_EQ(s.set.committed().get("lock")->what.holders.size(), 1U) << "it stays for the rest of its lease";
}

TEST_F(OddMoments, AHoldThatIsDroppedDuringItsRelease) {
  const auto h = held(a, "lock");
  const auto end = release(a, h->number());
  a->step([&](auto& e, ms at) { e.drop(h->number(), at); });
  s.run_for(50);
  ASSERT_TRUE(*end);
  EXPECT_EQ((*end)->what, release_ended::result::released);
  EXPECT_EQ(a->client().find(h->number()), nullptr);
}

TEST_F(OddMoments, AReleaseOfALeaseThatWasLost) {
  const auto h = held(a, "lock");
  edit([](auto& d) { d.holders.clear(); });
  s.run_for(1000);
  ASSERT_EQ(h->now(), hold::phase::lost);
  EXPECT_EQ((*release(a, h->number()))->what, release_ended::result::lost);
  EXPECT_EQ((*release(a, h->number()))->what, release_ended::result::lost) << "once more";
}

TEST_F(OddMoments, AGrantThatIsAnsweredLateIsRenewedFirst) {
  int slow = 0;
  s.net.to_client = [&](const request& r) {
    const bool late = r.op != operation::cancel && ++slow <= 2;
    return fate{.delay = late ? 1'500'000 : 300};
  };
  const auto call = s.acquire(a, "lock");
  s.run_for(5000);
  EXPECT_TRUE(call->got);
  EXPECT_EQ(slow > 2, true);
}

TEST_F(OddMoments, AGrantWhoseAnswersAreAllTooLateIsNone) {
  s.net.to_client = [](const request&) { return fate{.delay = 1'900'000}; };
  const auto call = s.acquire(a, "lock");
  s.run_for(10'000);
  EXPECT_EQ(call->result, result::no_answer);
  s.run_for(10'000);
  EXPECT_TRUE(s.set.committed().get("lock")->what.holders.empty()) << "it was undone";
}

TEST_F(OddMoments, OnlySomeLocksWithObservedExpiryAreRemembered) {
  for (int i = 0; i < 1002; ++i) {
    protocol::document d;
    d.observed = true;
    d.fence = d.rev = 1;
    d.holders.push_back({.id = "x", .what = {true, 0}, .delta = 60'000, .fence = 1, .beat = 1, .span = 60'000});
    ASSERT_TRUE(s.set.write("lock" + std::to_string(i), std::make_shared<const stored>(stored{true, d})));
  }
  s.run_for(100);
  std::vector<std::shared_ptr<scenario::call>> all;
  for (int i = 0; i < 1002; ++i) {
    auto plan = s.plan("lock" + std::to_string(i));
    plan.ask.observed = true;
    plan.queue = false;
    plan.deadline = a->now() + 5000;
    all.push_back(s.acquire(a, plan));
  }
  s.run_for(1000);
  for (const auto& c : all) EXPECT_EQ(c->result, result::busy);
}

TEST_F(OddMoments, ManyHandOffs) {
  auto have = held(a, "lock");
  for (int i = 0; i < 1100; ++i) {
    const auto next = s.acquire(i % 2 == 0 ? b : a, "lock");
    s.run_for(5);
    have->release([](bool) {});
    while (!next->got) s.run_for(1);
    have = next->got;
  }
  EXPECT_GT(s.seen.by_announcement, 1000);
}

/// In one step, as if the threads that tell others did not get a processor.
TEST_F(OddMoments, MoreToTellThanIsKept) {
  answer yes;
  yes.what = answer::kind::replied;
  yes.reply.found = true;
  yes.reply.now = s.set.clock(*s.set.primary());
  std::size_t notices = 0;
  a->step([&](auto& e, ms at) {
    EXPECT_FALSE(e.next_notice());
    EXPECT_FALSE(e.next_publication(at)) << "nothing is due";
    for (int i = 0; i < 300; ++i) {
      (void)e.revoke("lock", {.id = std::to_string(i), .fence = 1000, .client = "b"}, false, false, at);
      const auto out = e.next_request(at);
      ASSERT_TRUE(out);
      e.answered(out->ticket, std::vector<answer>{yes}, at);
    }
    notices = e.notices();
    for (int i = 0; i < 10'003; ++i) {
      auto got = yes;
      got.reply.mine = protocol::holder{.id = "x", .since = got.reply.now, .fence = 1000 * (i + 1)};
      (void)e.acquire(s.plan("lock" + std::to_string(i)), false, at);
      const auto out = e.next_request(at);
      ASSERT_TRUE(out);
      got.reply.fence = got.reply.mine->fence;
      e.answered(out->ticket, std::vector<answer>{got}, at);
    }
    (void)e.take_events();  // the rules are not for these leases
  });
  EXPECT_EQ(notices, 256U);
  std::size_t sent = 0;
  bool gap = false;
  a->step([&](auto& e, ms at) {
    while (const auto batch = e.next_publication(at + 1'000'000)) {
      for (const auto& each : *batch) {
        sent += each ? 1U : 0U;
        gap = gap || !each;
      }
      e.published(true, false, at);
    }
  });
  EXPECT_EQ(sent, 10'000U);
  EXPECT_TRUE(gap) << "the rest was not kept";
}

TEST_F(OddMoments, TheEndOfPublications) {
  held(a, "error");  // mongo-dlock's listeners could not read that
  const auto h = held(a, "lock");
  a->step([&](auto& e, ms at) {
    e.cannot_publish(at);
    e.hurry(at);
  });
  s.run_for(100);
  EXPECT_TRUE(a->client().is_quiet());
  h->release([](bool) {});
  a->step([&](auto& e, ms at) { e.cannot_publish(at); });
  s.run_for(50);
  a->step([&](auto& e, ms at) { e.cannot_publish(at); });
  s.run_for(50);
  EXPECT_TRUE(a->client().is_quiet());
}

TEST_F(OddMoments, WithoutAChannelNobodyIsTold) {
  s.has_channel = false;
  const auto c = s.start_process("c"), d = s.start_process("d");
  const auto first = held(c, "lock");
  const auto second = s.acquire(d, "lock");
  s.run_for(50);
  const auto v = s.set.committed().get("lock");
  first->release([](bool) {});
  s.run_for(20);
  EXPECT_FALSE(second->got) << "it has not looked yet";
  s.run_for(1000);
  EXPECT_TRUE(second->got);
  c->step([&](auto& e, ms at) {
    EXPECT_EQ(e.notices(), 0U);
    (void)e.revoke("lock", s.set.committed().get("lock")->what.holders.at(0), false, false, at);
  });
  s.run_for(1000);
  EXPECT_EQ(second->got->now(), hold::phase::lost) << "at its renewal";
}

}  // namespace
}  // namespace dlock::simulator
