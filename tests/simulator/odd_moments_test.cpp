// Calls, answers and notices that come to the engine at odd moments: these take branches that random runs seldom take.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "simulator/scenario.hpp"

namespace dlock::simulator {
namespace {

using engine::ask_ended;
using engine::release_ended;
using protocol::ms;
using protocol::operation;
using protocol::request;
using result = acquisition::result;

/// In a world in which little else happens.
class OddMoments : public ::testing::Test {
 protected:
  /// `p` holds `lock`.
  std::shared_ptr<hold> held(const std::shared_ptr<process>& p, const std::string& lock) {
    const auto call = s.acquire(p, lock);
    s.run_for(50);
    if (!call->got) throw std::logic_error("it is not held");
    return call->got;
  }
  /// `a` has held and released the lock, and nobody else wanted it: at the second time, the release is early.
  void released_early() {
    for (int i = 0; i < 2; ++i) {
      auto plan = s.plan("lock");
      plan.ask.early = true;
      const auto call = s.acquire(a, plan);
      s.run_for(50);
      ASSERT_TRUE(call->got);
      const auto end = release(a, call->got->number());
      s.run_for(50);
      EXPECT_EQ(end->value().what, release_ended::result::released);
    }
  }
  std::shared_ptr<std::optional<ask_ended>> amend(const std::shared_ptr<process>& p, engine::hold_id h,
                                                  protocol::claim what) {
    auto end = std::make_shared<std::optional<ask_ended>>();
    p->step([&](auto& e, ms at) {
      p->expect(e.amend(h, what, "a value", at), "lock", [end](const ask_ended& told) { *end = told; });
    });
    return end;
  }
  std::shared_ptr<std::optional<ask_ended>> ask(const std::shared_ptr<process>& p, operation op,
                                                bool observed = false) {
    request r;
    r.op = op;
    r.lock = "lock";
    r.id = p->fresh_id();
    r.cap = 3;
    r.observed = observed;
    auto end = std::make_shared<std::optional<ask_ended>>();
    p->step(
        [&](auto& e, ms at) { p->expect(e.ask(r, {}, at), "lock", [end](const ask_ended& told) { *end = told; }); });
    return end;
  }
  std::shared_ptr<std::optional<release_ended>> release(const std::shared_ptr<process>& p, engine::hold_id h) {
    auto end = std::make_shared<std::optional<release_ended>>();
    p->step([&](auto& e, ms at) {
      p->expect(e.release(h, 0, 10'000, at), [end](const release_ended& told) { *end = told; });
    });
    return end;
  }
  /// Somebody edits the document.
  void edit(const std::function<void(protocol::document&)>& how) {
    auto d = s.set.committed().get("lock")->what;
    how(d);
    ++d.rev;
    ASSERT_TRUE(s.set.write("lock", std::make_shared<const stored>(stored{true, d})));
    s.run_for(10);
  }

  scenario s;
  const std::shared_ptr<process> a = s.start_process("a"), b = s.start_process("b");
};

TEST_F(OddMoments, OfCallsAndHoldsThatAreNotThere) {
  a->step([](auto& e, ms at) {
    e.cancel(77, at);
    e.drop(77, at);
    e.answered(77, std::vector<answer>{}, at);
    e.answered(77, lookup_answer{}, at);
  });
  EXPECT_EQ(a->client().find(77), nullptr);
  EXPECT_EQ(a->client().ends_by(77), engine::never);
  EXPECT_FALSE(a->client().asks(77));
  const auto changed = amend(a, 77, {false, 1});
  EXPECT_EQ(changed->value().change, ask_ended::amended::not_held);
  const auto given = release(a, 77);
  EXPECT_EQ(given->value().what, release_ended::result::not_held);
  EXPECT_EQ(a->kept(), 0U);
}

TEST_F(OddMoments, EachKindOfCallSaysWhenItEnds) {
  const auto h = held(a, "lock");
  s.net.to_server = [](const auto&) { return fate{.lost = true}; };
  a->step([&](auto& e, ms at) {
    auto plan = s.plan("another");
    plan.deadline = at + 3000;
    const auto acquires = e.acquire(plan, false, at);
    EXPECT_EQ(e.ends_by(acquires), at + 3080);
    EXPECT_EQ(e.ends_by(e.acquire(s.plan("third"), false, at)), at + 10'000) << "nobody has answered yet";
    const auto asks = e.amend(h->number(), protocol::claim{false, 1}, {}, at);
    EXPECT_EQ(e.ends_by(asks), at + 10'000);
    EXPECT_EQ(e.asks(asks), operation::amend);
    const auto releases = e.release(h->number(), 0, 700, at);
    EXPECT_EQ(e.ends_by(releases), at + 700);
    EXPECT_EQ(e.asks(releases), operation::release);
  });
}

TEST_F(OddMoments, AnAcquisitionThatTellsNoPlace) {
  const auto h = held(a, "lock");
  b->step([&](auto& e, ms at) { (void)e.acquire(s.plan("lock"), false, at); });
  s.run_for(50);
  EXPECT_EQ(s.set.committed().get("lock")->what.waiters.size(), 1U);
}

TEST_F(OddMoments, ANoticeForTheSameAcquisitionOfAnotherLock) {
  const auto h = held(a, "lock");
  const auto waits = s.acquire(b, "lock");
  s.run_for(50);
  const auto me = s.set.committed().get("lock")->what.waiters.at(0).id;
  b->step([&](auto& e, ms at) {
    e.heard(protocol::grant{"another", me, h->token() + 1000, 0}, at);
    e.heard(protocol::revocation{"another", me, "somebody"}, at);
    e.heard(protocol::revocation{"lock", me, "somebody"}, at);
  });
  a->step([&](auto& e, ms at) { e.heard(protocol::revocation{"another", h->ask().id, "somebody"}, at); });
  s.run_for(50);
  EXPECT_FALSE(waits->result);
  EXPECT_EQ(h->now(), hold::phase::held);
}

TEST_F(OddMoments, AnAmendOfAHoldThatIsGivenBackMeanwhile) {
  const auto h = held(a, "lock");
  const auto end = amend(a, h->number(), {false, 1});
  h->release([](bool) {});
  s.run_for(50);
  EXPECT_NE(end->value().change, ask_ended::amended::done);
}

TEST_F(OddMoments, AnAmendOfAHoldThatIsDroppedMeanwhile) {
  const auto h = held(a, "lock");
  const auto end = amend(a, h->number(), {false, 1});
  h->abandon();
  s.run_for(50);
  EXPECT_EQ(end->value().change, ask_ended::amended::not_held);
}

TEST_F(OddMoments, AnAmendOfAnEntryThatSomebodyHasEdited) {
  const auto h = held(a, "lock");
  edit([](auto& d) { d.holders.at(0).seq = 99; });
  auto end = amend(a, h->number(), {true, 0});
  s.run_for(1000);
  EXPECT_EQ(end->value().change, ask_ended::amended::done) << "another number was higher: sent again";
  edit([](auto& d) {
    d.holders.at(0).seq = 999;
    d.holders.at(0).value = "a value";
  });
  end = amend(a, h->number(), {true, 0});
  s.run_for(50);
  EXPECT_EQ(end->value().change, ask_ended::amended::done) << "it has what was asked for";
  edit([](auto& d) {
    d.holders.at(0).seq = 0;
    d.holders.at(0).what = {false, 1};
  });
  end = amend(a, h->number(), {true, 0});
  s.run_for(50);
  EXPECT_EQ(end->value().change, ask_ended::amended::edited) << "it has less than this client believes";
  edit([](auto& d) { d.holders.clear(); });
  end = amend(a, h->number(), {true, 0});
  s.run_for(50);
  EXPECT_EQ(end->value().change, ask_ended::amended::lost);
}

TEST_F(OddMoments, AskingForWhatIsNoLockOrHasAnotherExpiry) {
  protocol::document d;
  d.cap = 2;
  d.et = d.ct = d.mine = s.set.clock(*s.set.primary());
  d.fence = 1;
  d.holders.push_back({.id = "x", .what = {false, 1}, .until = *d.et + 60'000, .fence = 1});
  ASSERT_TRUE(s.set.write("lock", std::make_shared<const stored>(stored{true, d})));
  s.run_for(10);
  auto end = ask(a, operation::resize, true);
  s.run_for(50);
  EXPECT_TRUE(end->value().told.other_expiry);
  edit([](auto& e) { e.rev = protocol::token_limit; });
  end = ask(a, operation::resize);
  s.run_for(50);
  EXPECT_EQ(end->value().what, ask_ended::result::not_a_lock);
}

TEST_F(OddMoments, RevokingAtOnceAHolderWhoseTokenSomebodyTyped) {
  const auto h = held(a, "lock");
  auto seen = s.set.committed().get("lock")->what.holders.at(0);
  seen.fence = -1;
  b->step([&](auto& e, ms at) { (void)e.revoke("lock", seen, false, true, at); });
  s.run_for(50);
  EXPECT_TRUE(s.set.committed().get("lock")->what.holders.empty());
}

TEST_F(OddMoments, AHoldThatIsDroppedDuringItsRelease) {
  const auto h = held(a, "lock");
  const auto end = release(a, h->number());
  a->step([&](auto& e, ms at) { e.drop(h->number(), at); });
  s.run_for(50);
  EXPECT_EQ(end->value().what, release_ended::result::released);
  EXPECT_EQ(a->client().find(h->number()), nullptr);
}

TEST_F(OddMoments, AReleaseOfALeaseThatWasLost) {
  const auto h = held(a, "lock");
  edit([](auto& d) { d.holders.clear(); });
  s.run_for(1000);
  ASSERT_EQ(h->now(), hold::phase::lost);
  EXPECT_EQ(release(a, h->number())->value().what, release_ended::result::lost);
  EXPECT_EQ(release(a, h->number())->value().what, release_ended::result::lost) << "once more";
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

TEST_F(OddMoments, WhoWantsSomethingElseDoesNotInheritThePlaceOfACallThatLeaves) {
  const auto h = held(b, "lock");
  using change = std::function<void(protocol::acquire_plan&)>;
  const std::vector<change> all = {
      [](auto& p) { p.ask.delta += 1; },        [](auto& p) { p.ask.life += 1; },
      [](auto& p) { p.ask.term += 1; },         [](auto& p) { p.ask.skew += 1; },
      [](auto& p) { p.ask.value = "another"; }, [](auto& p) { p.ask.who = "somebody"; },
      [](auto& p) { p.renews = !p.renews; },    [](auto& p) { p.wait_period += 1; },
      [](auto& p) { p.ask.what.weight = 7; },
  };
  for (const auto& differs : all) {
    const auto one = s.acquire(a, "lock");
    s.run_for(50);
    const auto first = s.set.committed().get("lock")->what.waiters.at(0).id;
    auto other = s.plan("lock");
    differs(other);
    const auto two = s.acquire(a, other);
    s.run_for(10);
    one->machine->stop();
    s.run_for(50);
    EXPECT_EQ(one->result, result::cancelled);
    const auto queue = s.set.committed().get("lock")->what.waiters;
    ASSERT_EQ(queue.size(), 1U);
    EXPECT_NE(queue[0].id, first) << "it stands in the queue itself";
    two->machine->stop();
    s.run_for(50);
    EXPECT_EQ(two->result, result::cancelled);
  }
  EXPECT_TRUE(s.set.committed().get("lock")->what.waiters.empty());
}

TEST_F(OddMoments, FeedsThatAreNotWantedOpenAndBreak) {
  using engine::part;
  using state = notification_status::state;
  a->step([](auto& e, ms at) {
    EXPECT_EQ(e.notifications().now, state::idle);
    e.opened(part::events, at);
    EXPECT_EQ(e.notifications().now, state::idle) << "nobody wants it";
    e.opened(part::inbox, at);
    EXPECT_EQ(e.notifications().now, state::working);
    for (int i = 0; i < 9; ++i) EXPECT_GT(e.broke(part::inbox, "a reason", at), at);
    EXPECT_EQ(e.notifications().now, state::failing);
  });
}

TEST_F(OddMoments, AReleaseWhoseConfirmationGetsNoAnswer) {
  released_early();
  EXPECT_EQ(a->client().unconfirmed(), 1U);
  s.net.cut("a");
  s.run_for(5'000);
  EXPECT_EQ(a->client().unconfirmed() + a->client().in_the_background(), 1U);
  a->close();
  s.run_for(60'000);
  EXPECT_EQ(a->client().unconfirmed() + a->client().in_the_background(), 0U) << "its lease has ended";
}

TEST_F(OddMoments, AClientThatIsClosedConfirmsAtOnce) {
  released_early();
  EXPECT_EQ(a->client().unconfirmed(), 1U);
  a->close();
  s.run_for(50);
  EXPECT_EQ(a->client().unconfirmed(), 0U);
}

TEST_F(OddMoments, AnEarlyReleaseOfALockThatIsUsedAgainAtOnceIsConfirmedByThat) {
  released_early();
  (void)held(a, "lock");
  EXPECT_EQ(a->client().unconfirmed(), 0U);
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

}  // namespace
}  // namespace dlock::simulator
