// The faults of a run.
#include <algorithm>
#include <utility>

#include "simulator/run.hpp"

namespace dlock::simulator {
namespace {

using protocol::ms;
using protocol::operation;

constexpr ms kGrace = 31'000;  // how long the TTL index keeps an idle document. Longer than a tombstone stays
constexpr ms kSweep = 10'000;  // between two sweeps of the TTL index

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
  const auto on_its_way = [this, bad, late, longest] {
    fate f;
    f.lost = world_.luck.percent(bad);
    f.delay = world_.luck.percent(late) ? world_.luck.between(0, longest) : world_.luck.between(100, 900);
    return f;
  };
  world_.net.to_server = [this, on_its_way, doubled, longest](const auto&) {
    fate f = on_its_way();
    if (world_.luck.percent(doubled)) f.again = world_.luck.between(0, longest);
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
    } else if (which <= 95) {
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

void run::harm_clients() {
  auto& luck = world_.luck;
  const auto p = anybody();
  if (!p) return;
  switch (luck.between(1, 5)) {
    case 5:  // the client is closed, and then its process ends
      p->close();
      return during(luck.between(1, 1500), [this, p] {
        p->kill();
        if (open_) start("p" + std::to_string(++born_));
      });
    case 1:
      p->freeze();
      return during(luck.in(2) ? luck.between(1, 1000) : luck.between(1, 20'000), [p] { p->thaw(); });
    case 2:
      world_.net.cut(p->name());
      return during(luck.between(50, 10'000), [this, p] { world_.net.restore(p->name()); });
    case 3:
      p->kill();
      return during(luck.between(1, 3000), [this] {
        if (open_) start("p" + std::to_string(++born_));
      });
    default:
      // A short stop in the middle of an operation.
      p->freeze();
      return during(luck.between(1, 100), [p] { p->thaw(); });
  }
}

void run::harm_channel() {
  if (const auto p = anybody()) world_.notices.close(p->name(), world_.luck.between(1, 10'000) * ticks_per_ms);
}

/// Things for which no promise is made, or which an operator may do.
void run::interfere() {
  auto& luck = world_.luck;
  const auto& l = locks_[static_cast<std::size_t>(luck.between(0, static_cast<std::int64_t>(locks_.size()) - 1))];
  const auto at = world_.set.primary();
  const auto v = world_.set.at_primary().get(l.id);
  const ms lease = *std::max_element(leases_.begin(), leases_.end());
  // By then the leases from before are over, even if a majority gets the edit late, and a process that was stopped
  // meanwhile has continued.
  const tick longest = (lease + 25'000) * ticks_per_ms;
  switch (luck.between(1, 5)) {
    case 5:
      return mongo_dlock(l);
    case 1: {  // revoke: the holder learns it from a notice, or at its next renewal
      if (!at || !v || v->what.holders.empty()) return;
      if (const auto p = luck.in(2) ? anybody() : nullptr) {  // by the library
        const bool at_once = luck.in(4);
        if (at_once) world_.judge.edited(l.id, longest);
        return p->deliver([p, l, at_once, h = v->what.holders.front()] {
          p->step([&](auto& e, ms when) { (void)e.revoke(l.id, h, l.observed, at_once, when); });
        });
      }
      protocol::request r;
      r.op = operation::revoke;
      r.lock = l.id;
      r.id = v->what.holders.front().id;
      r.observed = l.observed;
      const auto tell = [this, lock = l.id, id = r.id, client = v->what.holders.front().client] {
        for (const auto& p : world_.processes) {
          if (p->name() != client) continue;
          world_.events.after(world_.luck.between(300, 50'000),
                              [p, id, lock] { p->deliver([p, id, lock] { p->revoked(lock, id); }); });
        }
      };
      if (luck.in(3)) return tell();  // a false notice
      return world_.set.command(*at, r, [this, tell](const answer& a) {
        if (a.what == answer::kind::replied && !world_.luck.in(4)) tell();
      });
    }
    case 2: {
      if (!luck.in(4)) return;
      if (!world_.set.write(l.id, nullptr)) return;
      world_.notes.tell(world_.events.now(), "operator", [&] { return "deletes " + l.id; });
      world_.judge.deleted(l.id);
      return world_.judge.edited(l.id, longest);
    }
    case 3: {
      if (!luck.in(4) || !v || v->what.holders.empty()) return;
      auto d = v->what;
      d.holders.clear();
      ++d.rev;
      if (!world_.set.write(l.id, std::make_shared<const stored>(stored{true, d}))) return;
      world_.notes.tell(world_.events.now(), "operator", [&] { return "takes the holders out of " + l.id; });
      return world_.judge.edited(l.id, longest);
    }
    default: {
      const bool clock_matters = std::any_of(locks_.begin(), locks_.end(), [](const lock& o) { return !o.observed; });
      if (clock_matters && !luck.in(4)) return;
      const auto one = static_cast<std::size_t>(luck.between(0, replica_set::members - 1));
      const ms lasts = luck.between(1000, 15'000);
      const ms ahead = luck.between(-30'000, 30'000);
      world_.judge.clock_jumped(world_.events.now() + lasts * ticks_per_ms + longest);
      world_.notes.tell(world_.events.now(), "operator", [&] {
        return std::string("sets the clock of ") + static_cast<char>('A' + one) + " by " + std::to_string(ahead) +
               " ms";
      });
      world_.set.set_clock(one, ahead);
      return during(lasts, [this, one] { world_.set.set_clock(one, 0); });
    }
  }
}

/// Node's mongo-dlock takes the lock if nobody has it. It deletes the document when it releases the lock.
void run::mongo_dlock(const lock& l) {
  auto& luck = world_.luck;
  const auto at = world_.set.primary();
  if (l.observed || l.shared || l.cap > 0 || !at) return;
  const auto v = world_.set.at_primary().get(l.id);
  auto d = v ? v->what : protocol::document{};
  if ((v && !v->is_lock) || !d.holders.empty() || !d.waiters.empty() || d.lockd == protocol::lockd_flag::one) return;
  const ms now = world_.set.clock(*at), lasts = luck.between(50, 3000);
  d.lockd = protocol::lockd_flag::one;
  d.ct = now;
  d.et = now + lasts + luck.between(0, 3000);
  ++d.rev;
  if (!world_.set.write(l.id, std::make_shared<const stored>(stored{true, d}))) return;
  world_.notes.tell(world_.events.now(), "node", [&] { return "locks " + l.id; });
  during(lasts, [this, id = l.id, ct = d.ct] {
    const auto there = world_.set.at_primary().get(id);
    if (!there || there->what.ct != ct || !world_.set.write(id, nullptr)) return;  // mongo-dlock has lost the lock
    world_.notes.tell(world_.events.now(), "node", [&] { return "unlocks " + id; });
    world_.judge.deleted(id);
    for (const auto& p : world_.processes) {
      const tick late = world_.luck.between(300, 100'000);
      if (world_.luck.in(4)) continue;
      world_.events.after(late, [p, id] { p->deliver([p, id] { p->nudge_foreign(id); }); });
    }
  });
}

/// The TTL index removes documents that were idle for long.
void run::sweep() {
  world_.events.after(kSweep * ticks_per_ms, [this] {
    if (!stormy_) return;
    if (const auto at = world_.set.primary()) {
      const auto all = world_.set.at_primary().all();
      for (const auto& [id, v] : all) {
        if (!v->what.et || *v->what.et + kGrace >= world_.set.clock(*at)) continue;
        if (world_.set.write(id, nullptr) && world_.judge.is_clock_odd()) world_.judge.deleted(id);
      }
    }
    sweep();
  });
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
