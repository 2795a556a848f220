// Clients on one lock, simulated: the machines and the transition as they are, slow and lost messages, clients that
// die, clocks that run at different rates, and a server whose clock is anywhere. Never do two believe that they hold.
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include "protocol/acquire.hpp"
#include "protocol/lease_schedule.hpp"
#include "reference/transition.hpp"

namespace dlock::testing {
namespace {

using namespace protocol;
using machine = acquire_machine;

constexpr ms kDelta = 1000, kTerm = 400, kDay = 86'400'000;
constexpr ms kEnd = 60'000;
constexpr int kParties = 4;

/// What happened, in all runs together: nothing can go wrong where nothing happens.
struct coverage {
  int grants = 0, told = 0, renewed = 0, died = 0, taken_over = 0, lost = 0, overlaps = 0, falling = 0;
};

class simulation {
 public:
  simulation(unsigned seed, bool observed, coverage& seen) : random_(seed), observed_(observed), seen_(seen) {
    for (int i = 0; i < kParties; ++i) {
      parties_[i].rate = pick(-8, 8);
      in(pick(0, 200), [this, i] { begin(i); });
    }
  }

  void run() {
    while (!agenda_.empty() && agenda_.begin()->first <= kEnd) {
      auto next = agenda_.extract(agenda_.begin());
      now_ = next.key();
      next.mapped()();
    }
  }

 private:
  struct party {
    ms rate = 0;  // thousandths by which its clock is fast
    std::optional<machine> waits;
    int round = 0;  // an answer to an earlier request, or a timer of an earlier wait, is of no interest
    int life = 0;   // one more at each end
    bool holds = false;
    std::optional<lease_schedule> lease;
    request ask;
    int ids = 0;
  };

  int pick(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_); }
  bool chance(int percent) { return pick(1, 100) <= percent; }
  void in(ms delay, std::function<void()> what) { agenda_.emplace(now_ + delay, std::move(what)); }

  [[nodiscard]] ms local(const party& p) const { return now_ + now_ * p.rate / 1000; }
  /// How long until a party's clock shows `at`.
  [[nodiscard]] ms until(const party& p, ms at) const {
    return std::max<ms>(0, (at - local(p)) * 1000 / (1000 + p.rate)) + 1;
  }
  [[nodiscard]] bool believes(const party& p) const { return p.holds && local(p) < p.lease->valid_until(); }
  ms latency() { return chance(6) ? pick(0, 1500) : pick(1, 15); }

  reply serve(const request& r) {
    if (chance(10)) offset_ = std::array<ms, 5>{0, kDay, -kDay, 700, -700}[static_cast<std::size_t>(pick(0, 4))];
    auto out = transition(doc_, r, 100 * kDay + now_ + offset_);
    doc_ = std::move(out.after);
    if (!r.expire.empty() && out.answer.mine) ++seen_.taken_over;
    for (const auto& h : out.answer.heirs) {
      if (chance(20)) continue;
      in(latency(), [this, h] { tell(std::stoi(h.client), {"lock", h.id, h.fence, h.since}); });
    }
    return out.answer;
  }

  /// `then` gets the answer, or nothing.
  void ask(request r, std::function<void(std::optional<reply>)> then) {
    const bool lost = chance(4), unheard = chance(4);
    const ms there = latency(), back = latency();
    auto answered = std::make_shared<bool>(false);
    if (!lost) {
      in(there, [this, r = std::move(r), back, unheard, answered, then] {
        const auto a = serve(r);
        if (unheard) return;
        in(back, [answered, then, a] {
          if (!std::exchange(*answered, true)) then(a);
        });
      });
    }
    in(600, [answered, then] {
      if (!std::exchange(*answered, true)) then(std::nullopt);
    });
  }

  void begin(int i) {
    auto& p = parties_[i];
    acquire_plan plan;
    plan.ask.lock = "lock";
    plan.ask.delta = kDelta;
    plan.ask.term = kTerm;
    plan.ask.life = 3 * kTerm;
    plan.ask.skew = 50;
    plan.ask.observed = observed_;
    plan.ask.client = std::to_string(i);
    plan.wait_period = kTerm;
    plan.patience = kEnd;
    p.ask = plan.ask;
    p.waits.emplace(
        plan, [this, i] { return std::to_string(i) + "-" + std::to_string(++parties_[i].ids); },
        [this] { return pick(0, 99) / 100.0; });
    act(i, p.waits->start(local(p)));
  }

  void act(int i, const machine::action& what) {
    auto& p = parties_[i];
    const int round = ++p.round;
    const auto current = [this, i, round] { return parties_[i].round == round && parties_[i].waits; };
    if (const auto* send = std::get_if<machine::send>(&what)) {
      ask(send->r, [this, i, current](std::optional<reply> a) {
        if (!current()) return;
        auto& me = parties_[i];
        act(i, a ? me.waits->answered(*a, local(me), true) : me.waits->unanswered(true, local(me)));
      });
    } else if (const auto* wait = std::get_if<machine::wait>(&what)) {
      in(until(p, wait->until), [this, i, current] {
        if (current()) act(i, parties_[i].waits->look(local(parties_[i])));
      });
    } else {
      ended(i, std::get<machine::done>(what));
    }
  }

  void tell(int i, const grant& g) {
    auto& p = parties_[i];
    if (!p.waits) return;
    if (const auto then = p.waits->announced(g, local(p), local(p))) {
      if (std::holds_alternative<machine::done>(*then)) ++seen_.told;
      act(i, *then);
    }
  }

  void ended(int i, const machine::done& d) {
    auto& p = parties_[i];
    const std::string id = p.waits->id();
    for (const auto& one : p.waits->to_undo()) cancel(i, one.id, one.in_doubt);
    p.waits.reset();
    if (d.what != machine::result::acquired) {
      in(pick(10, 300), [this, i] { begin(i); });
      return;
    }
    ++seen_.grants;
    for (auto& [_, other] : parties_) {
      if (believes(other)) ++seen_.overlaps;
    }
    if (d.token <= last_token_) ++seen_.falling;
    last_token_ = std::max(last_token_, d.token);
    p.ask.id = id;
    p.holds = true;
    p.lease.emplace(d.begin, d.lease, kDelta, true, local(p));
    keep(i, ++p.life);
    const int life = p.life;
    const bool dies = chance(25);
    in(chance(50) ? pick(1, 100) : pick(100, 4000), [this, i, life, dies] {
      if (parties_[i].life == life) leave(i, dies);
    });
  }

  void keep(int i, int life) {
    auto& p = parties_[i];
    in(until(p, p.lease->next_renewal()), [this, i, life] {
      auto& me = parties_[i];
      if (me.life != life) return;
      if (!believes(me)) return leave(i, true);
      const ms sent = local(me);
      auto r = me.ask;
      r.op = operation::renew;
      ask(r, [this, i, life, sent](std::optional<reply> a) {
        auto& again = parties_[i];
        if (again.life != life) return;
        if (!believes(again) || (a && !a->mine)) {
          ++seen_.lost;
          return leave(i, true);
        }
        if (a) ++seen_.renewed;
        a ? again.lease->renewed(sent) : again.lease->unanswered(local(again));
        keep(i, life);
      });
    });
  }

  /// A dead one says nothing; somebody else takes its place.
  void leave(int i, bool dies) {
    auto& p = parties_[i];
    ++p.life;
    p.holds = false;
    auto r = p.ask;
    r.op = operation::release;
    if (dies) ++seen_.died;
    if (!dies) ask(r, [](const auto&) {});
    in(pick(10, 500), [this, i] { begin(i); });
  }

  void cancel(int i, const std::string& id, bool in_doubt) {
    auto r = parties_[i].ask;
    r.op = operation::cancel;
    r.id = id;
    r.tomb = in_doubt ? 30'000 : 0;
    ask(r, [](const auto&) {});
  }

  std::mt19937 random_;
  const bool observed_;
  coverage& seen_;
  ms now_ = 0;
  ms offset_ = 0;
  std::int64_t last_token_ = 0;
  std::optional<document> doc_;
  std::map<int, party> parties_;
  std::multimap<ms, std::function<void()>> agenda_;
};

coverage runs(bool observed, unsigned how_many) {
  coverage seen;
  for (unsigned seed = 1; seed <= how_many; ++seed) {
    const int before = seen.overlaps + seen.falling;
    simulation(seed, observed, seen).run();
    if (observed && seen.overlaps + seen.falling > before) ADD_FAILURE() << "seed " << seed;
  }
  return seen;
}

TEST(ObservedSimulation, NeverDoTwoBelieveThatTheyHold) {
  const auto seen = runs(true, 100);
  EXPECT_EQ(seen.overlaps, 0);
  EXPECT_EQ(seen.falling, 0) << "tokens rise in the order of the grants";
  EXPECT_GT(seen.grants, 2000);
  EXPECT_GT(seen.told, 150);
  EXPECT_GT(seen.renewed, 2000);
  EXPECT_GT(seen.died, 500);
  EXPECT_GT(seen.taken_over, 500);
  EXPECT_GT(seen.lost, 100);
}

// The control: the same world, by the server's clock.
TEST(ObservedSimulation, ByTheServersClockTheyDo) {
  EXPECT_GT(runs(false, 30).overlaps, 10);
}

}  // namespace
}  // namespace dlock::testing
