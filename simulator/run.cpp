#include "simulator/run.hpp"

#include <algorithm>
#include <utility>

namespace dlock::simulator {
namespace {

using protocol::acquire_plan;
using protocol::ms;

constexpr ms kGoOn = 3000;           // calls are made for this long after the last fault
constexpr ms kLongestLinger = 5000;  // shorter than the end of a run waits

}  // namespace

struct run::worker {
  std::shared_ptr<process> in;
  int stops = 0;                    // how many times the process was stopped before the call
  std::function<void()> then = {};  // if it has another lock already: what to do when it has used this one
  std::string last = {};            // ... and the last of its locks in the order of all locks
};

run::run(std::uint64_t seed, trace::mode how) : world_(seed, how) {
  auto& luck = world_.luck;
  const std::vector<lock> all{{"mutex", 0, 0, false, false},         {"shared", 0, 0, true, false},
                              {"semaphore", 3, 0, false, false},     {"observed-mutex", 0, 0, false, true},
                              {"observed-shared", 0, 0, true, true}, {"observed-semaphore", 2, 0, false, true},
                              {"second-mutex", 0, 0, false, false},  {"second-shared", 0, 0, true, false}};
  const auto several = luck.between(1, 4);
  for (int i = 0; i < several; ++i) {
    const auto& l = all[static_cast<std::size_t>(luck.between(0, static_cast<std::int64_t>(all.size()) - 1))];
    if (std::none_of(locks_.begin(), locks_.end(), [&](const lock& o) { return o.id == l.id; })) locks_.push_back(l);
  }
  // In the order in which those who need several of them acquire them.
  std::sort(locks_.begin(), locks_.end(), [](const lock& a, const lock& b) { return a.id < b.id; });
  constexpr std::array<ms, 6> kLeases{500, 1000, 2000, 5000, 10'000, 30'000};
  leases_ = {kLeases[static_cast<std::size_t>(luck.between(0, 5))]};
  if (luck.in(4)) leases_.push_back(kLeases[static_cast<std::size_t>(luck.between(0, 5))]);
  crowd_ = luck.in(6);
  if (crowd_ && luck.in(2)) leases_ = {30'000};  // who waits far back and has a long lease polls by reading
  wait_period_ = luck.in(2) ? 5000 : luck.between(200, 2000);
  longest_hold_ = luck.in(3) ? std::min<ms>(2 * leases_[0], 10'000) : luck.between(1, 300);
  longest_thought_ = luck.in(3) ? luck.between(50, 2000) : luck.between(1, 30);
  pause_ = luck.between(100, 2000);
  workers_ = static_cast<int>(luck.between(1, 4));
  nests_ = luck.in(2) ? static_cast<int>(luck.between(2, 6)) : 0;
  strays_ = luck.in(4) ? static_cast<int>(luck.between(10, 100)) : 0;
  aims_ = luck.in(2) ? static_cast<int>(luck.between(50, 500)) : 0;
  edits_ = luck.in(2);
  linger_ = luck.in(2);
  subscribes_ = luck.in(2);
  local_turns_ = luck.in(2) ? static_cast<int>(luck.between(2, 20)) : 1;
  if (luck.in(6)) world_.set.limit(static_cast<std::size_t>(luck.between(3, 8)));
  world_.threads_fail = luck.in(3) ? 200 : 5000;
  world_.net.asks_the_wrong_one = true;
  world_.on_command = [this](process& p, const std::string& on, const protocol::request* r, bool no_answer) {
    aim(p, on, r, no_answer);
  };
  world_.clock_rates = 1000;  // twice as fast as NTP adjusts a clock
  if (luck.in(8)) world_.set.refuse_peeks();
  world_.has_channel = !luck.in(10);
  world_.slowest_thread = luck.in(3) ? 50 * ticks_per_ms : 1000;
  gathers_ = luck.in(4);
}

void run::go() {
  const auto clients = crowd_ ? world_.luck.between(6, 10) : world_.luck.between(2, 5);
  for (int i = 0; i < clients; ++i) start("p" + std::to_string(++born_));
  weather();
  next_fault();
  sweep();
  world_.run_for(world_.luck.between(15'000, 60'000));
  stormy_ = false;
  heal();
  world_.run_for(kGoOn);
  open_ = false;
  finish();
}

void run::start(const std::string& name) {
  const auto p = world_.start_process(name);
  if (subscribes_) p->step([](auto& e, ms) { e.subscribed(1); });
  for (int i = 0; i < workers_; ++i) think(std::make_shared<worker>(worker{p}));
  for (const auto& l : locks_) {
    if (l.can_be_led() && world_.luck.in(3)) observers_.push_back(observer::begin(p, l.id, wait_period_));
  }
}

void run::think(const std::shared_ptr<worker>& w) {
  if (w->then) return w->then();
  if (!open_) return;
  w->in->at(w->in->now() + world_.luck.between(0, longest_thought_), [this, w] {
    if (open_) call(w);
  });
}

acquire_plan run::plan_for(const process& p, const lock& l) {
  auto& luck = world_.luck;
  acquire_plan plan;
  auto& ask = plan.ask;
  ask.lock = l.id;
  ask.cap = l.cap;
  ask.observed = l.observed;
  if (l.cap > 0) ask.what = {false, luck.in(4) ? luck.between(1, l.cap) : 1};
  if (l.shared && luck.percent(60)) ask.what = {false, 1};
  ask.delta = leases_[static_cast<std::size_t>(luck.between(0, static_cast<std::int64_t>(leases_.size()) - 1))];
  ask.term = std::min(ask.delta, wait_period_);
  ask.life = std::max(ask.delta, 3 * wait_period_);
  ask.skew = kSkew;
  ask.early = !luck.in(4);
  ask.who = p.name();
  plan.wait_period = wait_period_;
  plan.renews = !luck.in(7);
  plan.local_turns = ask.what.exclusive ? local_turns_ : 1;
  plan.linger = ask.what.exclusive && linger_ ? std::min<ms>(ask.delta / 2, kLongestLinger) : 0;
  if (luck.in(20)) plan.local_turns = 1;
  if (luck.in(20)) plan.linger = 0;
  if (luck.in(20)) ask.value = "another";
  if (luck.in(20)) plan.wait_period += 1;
  if (luck.in(20)) ask.life += 1;
  if (luck.in(20)) ask.term = std::max<ms>(1, ask.term / 2);
  plan.queue = !luck.in(8);
  if (!plan.queue) plan.deadline = p.now() + plan.patience;
  if (plan.queue && luck.in(3)) plan.deadline = p.now() + luck.between(10, 4000);
  return plan;
}

void run::call(const std::shared_ptr<worker>& w) {
  auto& luck = world_.luck;
  const auto which = static_cast<std::size_t>(luck.between(0, static_cast<std::int64_t>(locks_.size()) - 1));
  auto& l = locks_[which];
  if (l.cap > 0 && luck.in(8)) return resize(w, l);
  auto plan = plan_for(*w->in, l);
  if (strays_ > 0 && luck.in(strays_)) {  // as somebody does who was configured in another way
    if (l.observed && luck.in(2)) {
      plan.ask.observed = false;
    } else {
      plan.ask.cap = luck.between(0, 3);
      plan.ask.what = {plan.ask.cap == 0, luck.between(1, 4)};
    }
  }
  call(w, which, std::move(plan));
}

/// One that has a lock acquires another one, too. All take them in the same order, or give up after some time. `then`
/// is called when it has given it back.
bool run::acquire_another(const std::shared_ptr<worker>& w, const hold& h, std::function<void()> then) {
  auto& luck = world_.luck;
  if (nests_ == 0 || locks_.size() < 2 || !luck.in(nests_)) return false;
  const auto which = static_cast<std::size_t>(luck.between(0, static_cast<std::int64_t>(locks_.size()) - 1));
  const auto& l = locks_[which];
  const auto& last = std::max(w->last, h.ask().lock);
  const bool in_order = l.id > last;
  if (l.id == h.ask().lock || (!in_order && !luck.in(3))) return false;
  auto plan = plan_for(*w->in, l);
  if (!in_order && !plan.deadline) plan.deadline = w->in->now() + luck.between(10, 3000);
  call(std::make_shared<worker>(worker{w->in, 0, std::move(then), std::max(last, l.id)}), which, std::move(plan));
  return true;
}

void run::call(const std::shared_ptr<worker>& w, std::size_t which, acquire_plan plan) {
  auto& luck = world_.luck;
  auto& p = w->in;
  const auto& l = locks_[which];
  const auto deadline = plan.deadline;
  const bool renews = plan.renews;
  if (luck.in(4)) plan.ask.value = "value 0 of " + p->name();
  w->stops = p->stops();
  ++p->calls;
  world_.notes.tell(world_.events.now(), p->name(), [&] {
    return "acquires " + l.id + (plan.ask.what.exclusive ? "" : ", weight " + std::to_string(plan.ask.what.weight)) +
           ", lease " + std::to_string(plan.ask.delta) + " ms" +
           (plan.deadline ? ", within " + std::to_string(*plan.deadline - p->now()) + " ms" : "") +
           (plan.queue ? "" : ", or not at all");
  });
  const auto self = std::make_shared<std::weak_ptr<acquisition>>();
  const auto a =
      std::make_shared<acquisition>(p, std::move(plan), [this, w, deadline, renews, self](const acquisition::end& e) {
        const auto& in = w->in;
        --in->calls;
        if (deadline && in->stops() == w->stops) {
          world_.judge.call_ended(in->name(), "acquire", in->now() - *deadline - world_.slowest_thread / ticks_per_ms);
        }
        if (!e.got) {
          world_.notes.tell(world_.events.now(), in->name(), [&] { return std::string("does not get it"); });
          const bool in_use =
              !e.refused && (e.what == acquisition::result::busy || e.what == acquisition::result::timed_out);
          if (in_use) return think(w);
          return in->at(in->now() + world_.luck.between(0, 1000),
                        [this, w] { think(w); });  // or it fails at once again
        }
        world_.notes.tell(world_.events.now(), in->name(), [&] {
          return "gets " + e.got->ask().lock + " (" + e.got->ask().id + "), token " + std::to_string(e.got->token());
        });
        ++world_.seen.acquired;
        world_.seen.nested += w->then ? 1 : 0;
        world_.seen.passed_on += e.got->granted().turn > 1 ? 1 : 0;
        if (const auto me = self->lock(); me && me->was_contended()) ++world_.seen.contended;
        use(w, e.got, renews);
      });
  *self = a;
  a->begin();
  if (luck.in(5)) {
    p->at(p->now() + luck.between(0, 3000), [a] { a->stop(); });
  }
}

void run::use(const std::shared_ptr<worker>& w, const std::shared_ptr<hold>& h, bool renews) {
  auto& luck = world_.luck;
  const auto& p = w->in;
  ++p->calls;
  ms until = p->now() + (luck.in(3) ? luck.between(0, longest_hold_) : luck.between(0, 20));
  if (gathers_ && !h->ask().what.exclusive && luck.in(2)) {
    until = p->now() + luck.between(0, std::min<ms>(3 * leases_[0], 10'000));
    if (luck.in(4)) {
      world_.events.after(luck.between(0, leases_[0]) * ticks_per_ms, [this, h] {
        const auto of = [&](const lock& l) { return l.id == h->ask().lock; };
        if (const auto l = std::find_if(locks_.begin(), locks_.end(), of); l != locks_.end()) revoke(*l, h->ask().id);
      });
    }
  }
  const auto give_back = [this, w, h] {
    const int stops = w->in->stops();
    const ms began = w->in->now();
    world_.notes.tell(world_.events.now(), w->in->name(),
                      [&] { return "releases " + h->ask().lock + " (" + h->ask().id + ")"; });
    if (world_.luck.in(15)) {
      --w->in->calls;
      h->abandon();
      return think(w);
    }
    const ms keep = world_.luck.in(20) ? world_.luck.between(1, 500) : 0;
    const ms timeout = world_.luck.in(10) ? world_.luck.between(50, 1000) : kTimeout;
    h->release(
        [this, w, stops, began, timeout](bool) {
          --w->in->calls;
          if (w->in->stops() == stops) {
            world_.judge.call_ended(w->in->name(), "release", w->in->now() - began - timeout);
          }
          think(w);
        },
        keep, timeout);
  };
  if (luck.in(renews ? 3 : 2)) {  // a revocation notice that is not true
    p->at(p->now() + luck.between(0, 20), [h] { h->notice(); });
  }
  if (luck.in(10)) {
    const auto& id = h->ask().lock;
    p->step([&](auto& e, ms at) { p->expect(e.read({.id = id}, at), id, [](const auto&) {}); });
  }
  if (acquire_another(w, *h, give_back)) return;
  if (h->ask().lock.ends_with("shared") && h->ask().what.exclusive && luck.in(4)) {
    return p->at(until, [h, give_back] { h->downgrade([give_back](bool) { give_back(); }); });
  }
  // What is published does not pass on.
  const bool publishes = h->ask().what.exclusive && (local_turns_ > 1 ? luck.in(5) : !luck.in(3));
  p->at(until, [this, h, give_back, publishes] {
    if (!publishes || h->now() != hold::phase::held) return give_back();
    h->publish("value 1", [this, h, give_back](bool) {
      if (h->now() != hold::phase::held) return give_back();
      h->publish("value 2", [this, h, give_back](bool) {
        h->in()->at(h->in()->now() + (world_.luck.in(2) ? world_.luck.between(0, 3000) : 0), give_back);
      });
    });
  });
}

/// As semaphore::resize does. The other clients are told of the new number at once, as by a configuration.
void run::resize(const std::shared_ptr<worker>& w, lock& l) {
  const auto& p = w->in;
  protocol::request r;
  r.op = protocol::operation::resize;
  r.lock = l.id;
  r.id = p->fresh_id();
  r.cap = world_.luck.between(1, 5);
  r.resized = l.resized;
  r.observed = l.observed;
  r.skew = kSkew;
  r.who = p->name();
  world_.notes.tell(world_.events.now(), p->name(), [&] { return "resizes " + l.id + " to " + std::to_string(r.cap); });
  w->stops = p->stops();
  ++p->calls;
  ask_to_resize(w, l, std::move(r), p->now() + kTimeout);
}

void run::ask_to_resize(const std::shared_ptr<worker>& w, lock& l, protocol::request r, ms until) {
  w->in->step([&](auto& e, ms at) {
    w->in->expect(e.ask(r, until, at), r.lock, [this, w, &l, r, until](const engine::ask_ended& a) mutable {
      const auto& in = w->in;
      const bool answered = a.what == engine::ask_ended::result::answered;
      if (answered) l.resized = a.told.resized;
      if (answered && a.told.found && a.told.cap != r.cap && in->now() < until) {
        r.resized = a.told.resized;
        return ask_to_resize(w, l, std::move(r), until);
      }
      --in->calls;
      if (in->stops() == w->stops) world_.judge.call_ended(in->name(), "resize", in->now() - until);
      if (answered) l.cap = r.cap;
      if (answered) world_.judge.resized(r.id);
      world_.seen.resized += answered && a.told.found ? 1 : 0;
      think(w);
    });
  });
}

}  // namespace dlock::simulator
