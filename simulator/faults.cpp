// The faults of a run.
#include <algorithm>
#include <array>
#include <utility>

#include "simulator/run.hpp"

namespace dlock::simulator {
namespace {

using protocol::ms;
using protocol::operation;

}  // namespace

/// Runs `end` after `time`, even if the storm is over by then.
void run::during(ms time, std::function<void()> end) {
  world_.events.after(time * ticks_per_ms, std::move(end));
}

std::shared_ptr<process> run::anybody() {
  std::vector<std::shared_ptr<process>> alive;
  for (const auto& p : world_.processes) {
    if (p->is_alive()) alive.push_back(p);
  }
  return alive.empty()
             ? nullptr
             : alive[static_cast<std::size_t>(world_.luck.between(0, static_cast<std::int64_t>(alive.size()) - 1))];
}

/// Chooses how bad the network is for the next seconds.
void run::weather() {
  if (!stormy_) return;
  auto& luck = world_.luck;
  const auto bad = luck.in(3) ? luck.between(1, 15) : 0;  // in percent
  const auto late = luck.in(3) ? luck.between(1, 15) : 0;
  const auto doubled = luck.in(3) ? luck.between(1, 15) : 0;
  const tick longest = luck.in(4) ? network::longest_delay : luck.between(60, 3000) * ticks_per_ms;
  const auto failing = luck.in(4) ? luck.between(1, 10) : 0;
  const auto on_its_way = [this, bad, late, longest] {
    fate f;
    f.lost = world_.luck.percent(bad);
    f.delay = world_.luck.percent(late) ? world_.luck.between(0, longest) : world_.luck.between(100, 900);
    return f;
  };
  world_.net.to_server = [this, on_its_way, doubled, longest, failing](const auto&) {
    fate f = on_its_way();
    if (world_.luck.percent(doubled)) f.again = world_.luck.between(0, longest);
    if (!world_.luck.percent(failing)) return f;
    constexpr std::array kAll{fate::told::refused, fate::told::server_error, fate::told::interrupted,
                              fate::told::not_executed};
    f.says = kAll[static_cast<std::size_t>(world_.luck.between(0, 3))];
    f.executed = (f.says == fate::told::server_error || f.says == fate::told::interrupted) && world_.luck.in(2);
    return f;
  };
  world_.net.to_client = [on_its_way](const auto&) { return on_its_way(); };
  const auto unheard = luck.in(2) ? luck.between(1, 40) : 0;
  const auto slow = luck.in(2) ? luck.between(1, 40) : 0;
  world_.notices.to_heir = [this, unheard, slow](const auto&) {
    fate f;
    f.lost = world_.luck.percent(unheard);
    f.delay =
        world_.luck.percent(slow) ? world_.luck.between(0, network::longest_delay) : world_.luck.between(300, 3000);
    return f;
  };
  during(luck.between(1000, 10'000), [this] { weather(); });
}

void run::next_fault() {
  world_.events.after(world_.luck.between(1, 2 * pause_) * ticks_per_ms, [this] {
    if (!stormy_) return;
    const auto which = world_.luck.between(1, 100);
    if (which <= 40) {
      harm_servers();
    } else if (which <= 80) {
      harm_clients();
    } else if (which <= 90) {
      harm_channel();
    } else {
      interfere();
    }
    next_fault();
  });
}

void run::harm_servers() {
  auto& luck = world_.luck;
  auto& set = world_.set;
  const auto one =
      luck.in(2) ? set.primary().value_or(0) : static_cast<std::size_t>(luck.between(0, replica_set::members - 1));
  if (luck.in(4)) during(luck.between(0, 500), [this] { notify_falsely(); });
  switch (luck.between(1, 9)) {
    case 1:
      set.crash(one);
      return during(luck.between(100, 10'000), [&set, one] { set.restart(one); });
    case 2:
      set.pause(one);
      return during(luck.between(50, 10'000), [&set, one] { set.resume(one); });
    case 3:
      set.isolate(one);
      return during(luck.between(100, 8000), [&set, one] { set.join(one); });
    case 4:
    case 5:
      return set.step_down(luck.in(2));
    case 6:
      set.slow_down(one, luck.between(1, 1000) * ticks_per_ms);
      return during(luck.between(100, 5000), [&set, one] { set.slow_down(one, 0); });
    case 7: {
      // A statement of its own: the arguments of a call may be evaluated in any order.
      const auto percent = luck.between(1, 30);
      set.crowd(percent, luck.between(1, 3000) * ticks_per_ms);
    }
      return during(luck.between(100, 5000), [&set] { set.crowd(0, 0); });
    case 8:
      set.fail_write_concerns(luck.between(1, 60));
      return during(luck.between(100, 3000), [&set] { set.fail_write_concerns(0); });
    default:
      return set.set_clock(one, luck.between(-240, 240));  // any two clocks stay within clock_skew
  }
}

void run::end_process(const std::shared_ptr<process>& p, ms next) {
  p->kill();
  during(next, [this] {
    if (open_) start("p" + std::to_string(++born_));
  });
}

/// The client is closed, and then its process ends.
void run::close(const std::shared_ptr<process>& p) {
  p->thaw();  // a process that is stopped closes nothing
  p->close();
  const ms idle = world_.luck.between(1, 1000);
  during(idle, [p] { p->finish(); });
  during(idle + world_.luck.between(1, 500), [this, p] { end_process(p, 0); });
}

void run::harm_clients() {
  auto& luck = world_.luck;
  const auto p = anybody();
  if (!p) return;
  switch (luck.between(1, 6)) {
    case 6:
      return p->set_clock();
    case 5:
      return close(p);
    case 1:
      p->freeze();
      return during(luck.in(2) ? luck.between(1, 1000) : luck.between(1, 20'000), [p] { p->thaw(); });
    case 2:
      world_.net.cut(p->name());
      return during(luck.between(50, 10'000), [this, p] { world_.net.restore(p->name()); });
    case 3:
      return end_process(p, luck.between(1, 3000));
    default:
      // A short stop in the middle of an operation.
      p->freeze();
      return during(luck.between(1, 100), [p] { p->thaw(); });
  }
}

void run::harm_channel() {
  const auto p = anybody();
  if (!p) return;
  if (world_.luck.in(2)) return p->lose_events();
  p->hit(fault::deaf);
  world_.notices.close(p->name(), world_.luck.between(1, 10'000) * ticks_per_ms);
}

/// Sometimes something happens to a process, or to a lock, while a command is on its way, or soon after it got no
/// answer. Rare commands have more of these faults.
void run::aim(process& p, const std::string& id, const protocol::request* r, bool no_answer) {
  auto& luck = world_.luck;
  if (aims_ == 0 || !stormy_) return;
  const bool often = r != nullptr && (r->op == operation::enqueue || r->op == operation::heartbeat);
  const bool seldom = r != nullptr && r->op == operation::peek;
  const int rare = (often ? 1 : seldom ? 150 : 10) * (no_answer ? 3 : 1);
  if (!luck.in(std::max(aims_ / rare, 1))) return;
  const auto l = std::find_if(locks_.begin(), locks_.end(), [&](const lock& each) { return each.id == id; });
  if (l == locks_.end()) return;
  const tick soon = luck.between(0, luck.in(2) ? 2000 : 60'000);
  const std::string mine = r != nullptr ? r->id : "";
  world_.events.after(soon, [this, self = p.shared_from_this(), &l = *l, seldom, mine] {
    auto& again = world_.luck;
    if (!stormy_ || !self->is_alive()) return;
    if (seldom && !again.in(3)) return revoke_when_granted(l, mine, 100);
    switch (again.between(1, edits_ ? 10 : 7)) {
      case 1:
        self->freeze();
        return during(again.in(2) ? again.between(1, 100) : again.between(1, 10'000), [self] { self->thaw(); });
      case 2:
        return end_process(self, again.between(1, 3000));
      case 3:
        return close(self);
      case 4:
        return self->set_clock();
      case 5:
        self->hit(fault::deaf);
        return world_.notices.close(self->name(), again.between(1, 10'000) * ticks_per_ms);
      case 6:
        return self->revoked(l.id, mine);  // so somebody says, but nobody did it
      case 7:
      case 8:
        return mine.empty() ? revoke(l, mine) : revoke_when_granted(l, mine, 100);
      case 9:
        return edit(l);
      default:
        return make_strange(l);
    }
  });
}

/// A fault of a lock hits all who use the lock.
void run::hit(fault f, const std::string& id) {
  for (const auto& p : world_.processes) {
    if (p->is_alive()) p->hit(f, id);
  }
}

/// By then the leases from before are over, even if a majority gets an edit late, and a process that was stopped
/// meanwhile has continued.
tick run::all_are_over() const {
  return (*std::max_element(leases_.begin(), leases_.end()) + 25'000) * ticks_per_ms;
}

void run::heal() {
  world_.set.heal();
  for (std::size_t i = 0; i < replica_set::members; ++i) world_.set.set_clock(i, 0);
  world_.net.restore_all();
  world_.net.to_server = world_.net.to_client = [](const auto&) { return fate{}; };
  world_.notices.to_heir = [](const auto&) { return fate{}; };
  for (const auto& p : world_.processes) p->thaw();
}

}  // namespace dlock::simulator
