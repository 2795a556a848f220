// The end of a run: everything works again. All calls end, every lock can be acquired, and nothing is left.
#include <algorithm>
#include <utility>

#include "simulator/run.hpp"

namespace dlock::simulator {
namespace {

using protocol::ms;

constexpr ms kBound = 600'000;     // for everything to work again: longer than all leases and holds one after the other
constexpr ms kConfirmed = 12'000;  // for an election, a request that hangs, and a second

}  // namespace

/// How many permits there are in the end: the answer to a resize can have been lost, and a late copy may still come.
void run::learn_permits(lock& l) {
  const auto v = world_.set.committed().get(l.id);
  if (l.cap > 0 && v && v->is_lock && v->what.cap > 0) l.cap = v->what.cap;
}

/// A stray may have made a lock without observed expiry. If its entries are not removed, the TTL index has to do it.
/// And what an operator has repaired may have been taken back.
void run::wait_until_usual(const lock& l) {
  const auto is_usual = [&] {
    const auto v = world_.set.committed().get(l.id);
    return !v ||
           (!is_strange(v) && (v->what.observed == l.observed || (v->what.holders.empty() && v->what.waiters.empty())));
  };
  for (ms waited = 0; !is_usual(); waited += 1000) {
    if (waited > kBound) rules::not_healed(l.id + " stays something else");
    restore(l.id, nullptr);
    world_.run_for(1000);
  }
}

/// The last process acquires the locks, one after the other. `late_copies`: there may still be late copies, which can
/// add entries of the dead. Nobody can foresee these.
void run::acquire_all_once(bool late_copies) {
  const auto last = world_.processes.back();
  for (auto& l : locks_) {
    learn_permits(l);
    std::shared_ptr<hold> got;
    auto plan = plan_for(*last, l);
    plan.queue = plan.renews = true;
    const auto& set = world_.set;
    const ms bound = late_copies ? kBound
                                 : rules::longest_wait(set.committed().get(l.id), set.clock(set.primary().value_or(0)),
                                                       kSkew, wait_period_);
    plan.deadline = last->now() + bound;
    using result = acquisition::result;
    for (bool is_other = true; !got && is_other && last->now() < plan.deadline; world_.run_for(100)) {
      const auto a = std::make_shared<acquisition>(last, plan, [&](const acquisition::end& e) {
        got = e.got;
        is_other = e.what == result::other_capacity || e.what == result::other_expiry;  // a stray's, until it is over
      });
      a->begin();
      while (!a->is_over()) world_.run_for(100);
    }
    if (!got) rules::not_healed(l.id + " cannot be acquired within " + std::to_string(bound) + " ms");
    if (l.can_be_led()) check_observers(l, got->token());
    got->release([](bool) {});
    world_.run_for(100);
    if (l.can_be_led() && !late_copies) check_observers(l, 0);
  }
}

/// When everything works, the observers are told of each change after some reads, however slow their callbacks are.
void run::check_observers(const lock& l, std::int64_t leader) {
  constexpr ms kReads = 1000, kCallback = 3000, kOld = 15'500;  // kOld: a lower token counts only after some time
  world_.run_for(wait_period_ + kOld + 2 * (kReads + kCallback));
  for (const auto& o : observers_) {
    if (o->in().is_alive() && o->lock() == l.id) rules::leader_known(o->in().name(), l.id, o->leader(), leader);
  }
}

/// A process dies while it holds every lock. It also has two waiters for every lock.
void run::die_with_all() {
  start("dying");
  const auto dying = world_.processes.back();
  for (auto& l : locks_) {
    learn_permits(l);
    for (int i = 0; i < 3; ++i) {
      auto plan = plan_for(*dying, l);
      plan.queue = plan.renews = true;
      plan.deadline.reset();
      std::make_shared<acquisition>(dying, plan, [](const auto&) {})->begin();
    }
  }
  world_.run_for(world_.luck.between(50, 3000));
  dying->kill();
  world_.run_for(100);  // what was on its way is carried out
}

/// Elections take back what a process has released. It releases all of it again.
void run::lose_releases() {
  start("releasing");
  const auto p = world_.processes.back();
  const auto take = [&](const lock& l) {
    std::shared_ptr<hold> got;
    auto plan = plan_for(*p, l);
    plan.queue = plan.renews = plan.ask.early = true;
    plan.ask.delta = 30'000;  // longer than it takes to confirm
    plan.linger = 0;
    plan.deadline = p->now() + kBound;
    const auto a = std::make_shared<acquisition>(p, plan, [&](const acquisition::end& e) { got = e.got; });
    a->begin();
    while (!a->is_over()) world_.run_for(100);
    return got;
  };
  for (auto& l : locks_) {
    learn_permits(l);
    // The second time the client knows that nobody else uses the lock.
    for (int i = 0; i < 2; ++i) {
      if (const auto got = take(l)) got->release([](bool) {});
      world_.run_for(500);
    }
    const auto got = take(l);
    const auto primary = world_.set.primary();
    if (!got || !primary) continue;
    world_.run_for(500);
    world_.set.isolate(*primary);
    got->release([](bool) {});
    world_.run_for(world_.luck.between(50, 8000));
    world_.set.join(*primary);
  }
  world_.run_for(kConfirmed);
  nothing_kept();
}

void run::nothing_kept() {
  for (const auto& [id, v] : world_.set.committed().all()) world_.judge.nothing_kept(id, v);
}

/// Everything works again. All calls end, every lock can be acquired, and then nothing is left.
void run::finish() {
  const auto calls = [this] {
    int sum = 0;
    for (const auto& p : world_.processes) sum += p->is_alive() ? p->calls : 0;
    return sum;
  };
  for (ms waited = 0; calls() > 0; waited += 1000) {
    if (waited > kBound) rules::not_healed(std::to_string(calls()) + " calls have not ended");
    world_.run_for(1000);
  }
  workers_ = 0;
  world_.run_for(kConfirmed);
  nothing_kept();
  lose_releases();
  start("last");
  for (const auto& l : locks_) wait_until_usual(l);
  acquire_all_once(true);
  world_.run_for(2 * network::longest_delay / ticks_per_ms);
  die_with_all();
  start("heir");
  acquire_all_once(false);
  world_.run_for(100'000);
  acquire_all_once(false);  // this removes what has ended
  world_.run_for(20'000);
  for (const auto& o : observers_) o->end();
  for (const auto& p : world_.processes) {
    if (p->is_alive() && subscribes_) p->step([](auto& e, ms) { e.subscribed(-1); });
  }
  world_.run_for(kTimeout);  // what they read is over
  for (const auto& p : world_.processes) {
    if (p->is_alive()) world_.judge.nothing_left(*p);
  }
  for (const auto& [id, v] : world_.set.committed().all()) {
    world_.judge.nothing_left(id, v, replica_set::start_of_time + world_.events.now() / ticks_per_ms);
  }
  world_.seen.runs = 1;
  world_.seen.elections = world_.set.elections();
}

}  // namespace dlock::simulator
