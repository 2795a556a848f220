#include "client/combiner.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <set>

#include "client/world.hpp"

namespace dlock::testing {
namespace {

using protocol::batch;
using protocol::request;

/// Answers with what it was asked, and notes what came together. Commands wait at the gate while it is shut.
class recorder final : public store {
 public:
  answer apply(const request& r, lane) override { return carry_out({r}).front(); }
  std::vector<answer> apply_all(const batch& all) override { return carry_out(all); }
  look_answer read(const protocol::look&) override { return {}; }

  void shut() {
    const std::lock_guard lock(guard_);
    open_ = false;
  }
  void open() {
    const std::lock_guard lock(guard_);
    open_ = true;
    changed_.notify_all();
  }
  /// Lets one command through.
  void let_one_in() {
    const std::lock_guard lock(guard_);
    ++passes_;
    changed_.notify_all();
  }
  /// From now on, these are let through whatever the gate does.
  void let_in(const std::string& id) {
    const std::lock_guard lock(guard_);
    welcome_.insert(id);
  }
  void fail() {
    const std::lock_guard lock(guard_);
    failing_ = true;
  }
  std::vector<std::set<std::string>> came() {
    const std::lock_guard lock(guard_);
    return came_;
  }

 private:
  std::vector<answer> carry_out(const batch& all) {
    std::unique_lock lock(guard_);
    std::set<std::string> ids;
    for (const auto& r : all) ids.insert(r.id);
    came_.push_back(ids);
    const bool welcome = std::any_of(ids.begin(), ids.end(), [&](auto& id) { return welcome_.contains(id); });
    changed_.wait(lock, [&] { return open_ || welcome || passes_ > 0; });
    if (!open_ && !welcome) --passes_;
    std::vector<answer> out;
    for (const auto& r : all) {
      answer a;
      a.what = failing_ ? answer::kind::no_answer : answer::kind::replied;
      a.in_doubt = failing_;
      a.why = r.id;
      out.push_back(a);
    }
    return out;
  }

  std::mutex guard_;
  std::condition_variable changed_;
  bool open_ = true, failing_ = false;
  int passes_ = 0;
  std::set<std::string> welcome_;
  std::vector<std::set<std::string>> came_;
};

/// Longer than any test.
constexpr auto kForEver = 60'000ms;

struct combined {
  std::shared_ptr<recorder> where = std::make_shared<recorder>();
  std::shared_ptr<manual_environment> env = std::make_shared<manual_environment>();
  std::shared_ptr<store> all;
  std::vector<std::future<answer>> asked;

  explicit combined(std::chrono::milliseconds patience = kForEver) : all(combining(where, env, patience)) {}
  combined(const combined&) = delete;
  combined& operator=(const combined&) = delete;
  ~combined() { where->open(); }  // a test that failed must not wait for ever

  static request shared(const std::string& id, operation op = operation::enqueue) {
    request r;
    r.op = op;
    r.lock = "lock";
    r.id = id;
    r.what = {.exclusive = false, .weight = 1};
    return r;
  }
  void ask(const request& r) {
    asked.push_back(std::async(std::launch::async, [this, r] { return all->apply(r); }));
  }
  /// `n` commands stand at the gate, or are through.
  [[nodiscard]] bool came(std::size_t n) {
    return eventually([&] { return where->came().size() == n; });
  }
  /// `n` wait until their turn comes, or their patience ends.
  [[nodiscard]] bool wait(std::size_t n) const {
    return eventually([&] { return env->sleepers() == n; });
  }
  void expect_own_answers(const std::vector<std::string>& ids) {
    for (std::size_t i = 0; i < asked.size(); ++i) {
      if (!asked[i].valid()) continue;  // has told it before
      EXPECT_EQ(asked[i].get().why, ids[i]);
    }
  }
};

TEST(Combiner, WhoIsAloneGoesAlone) {
  combined c;
  EXPECT_EQ(c.all->apply(combined::shared("a")).why, "a");
  EXPECT_EQ(c.all->apply(combined::shared("b", operation::release)).why, "b");
  EXPECT_EQ(c.where->came(), (std::vector<std::set<std::string>>{{"a"}, {"b"}}));
}

/// Two commands are on their way, and do not come back.
struct busy : combined {
  explicit busy(std::chrono::milliseconds patience = kForEver) : combined(patience) {
    where->shut();
    ask(shared("a"));
    ask(shared("b"));
    EXPECT_TRUE(came(2));
  }
};

void expect_to_go_as_one(const std::vector<request>& all) {
  busy c;
  for (const auto& r : all) c.ask(r);
  ASSERT_TRUE(c.wait(all.size()));
  EXPECT_EQ(c.where->came().size(), 2U);
  c.where->let_one_in();
  ASSERT_TRUE(c.came(3));
  EXPECT_EQ(c.where->came().back().size(), all.size());
  c.where->open();
  std::vector<std::string> ids{"a", "b"};
  for (const auto& r : all) ids.push_back(r.id);
  c.expect_own_answers(ids);
}

TEST(Combiner, ThoseWhoWaitGoTogetherAndGetTheirOwnAnswers) {
  expect_to_go_as_one({combined::shared("c"), combined::shared("d"), combined::shared("e")});
}

TEST(Combiner, WhoQueuesAloneGoesWithTheOthers) {
  std::vector<request> all;
  for (const auto* id : {"c", "d", "e"}) {
    all.push_back(combined::shared(id));
    all.back().what = {};
  }
  expect_to_go_as_one(all);
}

TEST(Combiner, AConnectionThatHangsHoldsUpNobodyForLong) {
  busy c{100ms};
  c.ask(combined::shared("c"));
  ASSERT_TRUE(c.wait(1));
  c.env->advance(99);
  EXPECT_TRUE(c.wait(1));
  EXPECT_EQ(c.where->came().size(), 2U);
  c.env->advance(1);
  EXPECT_TRUE(c.came(3)) << "on its own, after a moment";
  c.where->open();
  c.expect_own_answers({"a", "b", "c"});
  EXPECT_EQ(c.all->apply(combined::shared("d")).why, "d");
}

TEST(Combiner, ThoseWhoWaitedForWhatHangsGoTogether) {
  busy c{2000ms};
  for (const auto* id : {"c", "d", "e"}) c.ask(combined::shared(id));
  ASSERT_TRUE(c.wait(3));
  c.env->advance(2000);
  ASSERT_TRUE(c.came(3));
  EXPECT_EQ(c.where->came().back(), (std::set<std::string>{"c", "d", "e"}));
  ASSERT_TRUE(c.wait(0));
  c.env->advance(2200);
  EXPECT_EQ(c.where->came().size(), 3U) << "not one by one when each has waited for long enough";
  c.where->open();
  c.expect_own_answers({"a", "b", "c", "d", "e"});
}

TEST(Combiner, WhatHangsIsWaitedForOnceNotByEverybody) {
  busy c{1000ms};
  for (const auto* id : {"c", "d", "e", "f"}) c.where->let_in(id);
  auto first = std::async(std::launch::async, [&] { return c.all->apply(combined::shared("c")); });
  ASSERT_TRUE(c.wait(1));
  c.env->advance(1000);
  EXPECT_EQ(first.get().why, "c");
  for (const auto* id : {"d", "e", "f"}) EXPECT_EQ(c.all->apply(combined::shared(id)).why, id);  // time stands still
  c.where->open();
  c.expect_own_answers({"a", "b"});
  c.where->shut();  // what hung and came back after all does not count twice
  for (const auto* id : {"g", "h"}) c.ask(combined::shared(id));
  ASSERT_TRUE(c.came(8));
  c.ask(combined::shared("i"));
  ASSERT_TRUE(c.wait(1));
  EXPECT_EQ(c.where->came().size(), 8U);
  c.where->open();
  c.expect_own_answers({"a", "b", "g", "h", "i"});
}

TEST(Combiner, WhatDoesNotFitTogetherGoesAlone) {
  busy c;
  auto exclusive = combined::shared("writer", operation::release);
  exclusive.what = {};
  auto elsewhere = combined::shared("elsewhere");
  elsewhere.lock = "another";
  auto keeps = combined::shared("keeps", operation::release);
  keeps.keep = 1;
  auto heartbeat = combined::shared("waits", operation::heartbeat);
  std::size_t n = 2;
  for (const auto& r : {exclusive, elsewhere, keeps, heartbeat}) {
    c.ask(r);
    EXPECT_TRUE(c.came(++n)) << r.id << " waits for nobody";
  }
  c.where->open();
  c.expect_own_answers({"a", "b", "writer", "elsewhere", "keeps", "waits"});
}

TEST(Combiner, AFailureIsEverybodys) {
  busy c;
  c.ask(combined::shared("c"));
  c.ask(combined::shared("d"));
  ASSERT_TRUE(c.wait(2));
  c.where->fail();
  c.where->open();
  for (auto& a : c.asked) {
    const auto told = a.get();
    EXPECT_EQ(told.what, answer::kind::no_answer);
    EXPECT_TRUE(told.in_doubt);
  }
}

TEST(Combiner, ManyThreadsAllGetTheirAnswers) {
  combined c;
  constexpr int kThreads = 32, kRounds = 200;
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        const auto id = std::to_string(t) + "-" + std::to_string(i);
        if (c.all->apply(combined::shared(id)).why != id) ++wrong;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
  std::size_t asked = 0;
  for (const auto& one : c.where->came()) asked += one.size();
  EXPECT_EQ(asked, std::size_t{kThreads} * kRounds) << "each exactly once";
}

}  // namespace
}  // namespace dlock::testing
