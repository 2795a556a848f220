// What operators, mongo-dlock and the TTL index do to the locks of a run.
#include <algorithm>
#include <limits>
#include <utility>

#include "protocol/plausible.hpp"
#include "simulator/run.hpp"

namespace dlock::simulator {
namespace {

using protocol::ms;
using protocol::operation;

constexpr ms kGrace = 31'000;  // how long the TTL index keeps an idle document. Longer than a tombstone stays
constexpr ms kSweep = 10'000;  // between two sweeps of the TTL index

}  // namespace

/// The holder learns it from a notice, or at its next renewal. `id`: empty, if it does not matter which holder.
void run::revoke(const lock& l, const std::string& id) {
  auto& luck = world_.luck;
  const auto at = world_.set.primary();
  const auto v = world_.set.at_primary().get(l.id);
  if (!at || !v || v->what.holders.empty()) return;
  const auto& all = v->what.holders;
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& h) { return h.id == id; });
  const auto h = found == all.end() ? all.front() : *found;
  for (const auto& p : world_.processes) {
    if (p->name() != h.client || !p->is_alive()) continue;
    if (const auto s = p->doing(h.id)) world_.seen.hit(fault::revoked, *s);
  }
  if (const auto p = luck.in(2) ? anybody() : nullptr) {  // by the library
    const bool at_once = luck.in(4);
    if (at_once) world_.judge.edited(l.id, all_are_over());
    return p->deliver([p, l, at_once, h] {
      p->step(
          [&](auto& e, ms when) { p->expect(e.revoke(l.id, h, l.observed, at_once, when), l.id, [](const auto&) {}); });
    });
  }
  protocol::request r;
  r.op = operation::revoke;
  r.lock = l.id;
  r.id = h.id;
  r.observed = l.observed;
  const auto tell = [this, lock = l.id, id = h.id, client = h.client] {
    for (const auto& p : world_.processes) {
      if (p->name() != client) continue;
      world_.events.after(world_.luck.between(300, 50'000),
                          [p, id, lock] { p->deliver([p, id, lock] { p->revoked(lock, id); }); });
    }
  };
  if (luck.in(3)) return tell();  // a false notice
  world_.set.command(*at, r, [this, tell](const answer& a) {
    if (a.what == answer::kind::replied && !world_.luck.in(4)) tell();
  });
}

/// All holders hear that they were revoked, but nobody did it.
void run::notify_falsely() {
  for (const auto& p : world_.processes) {
    for (const auto& h : p->holds) p->revoked(h->ask().lock, h->ask().id);
  }
}

/// When the server has granted this acquisition the lock. Its client may not know that yet.
void run::revoke_when_granted(const lock& l, const std::string& id, int tries) {
  const auto v = world_.set.at_primary().get(l.id);
  const auto is_it = [&](const auto& e) { return e.id == id; };
  if (v && std::any_of(v->what.holders.begin(), v->what.holders.end(), is_it)) return revoke(l, id);
  if (tries == 0 || !stormy_) return;
  world_.events.after(world_.luck.between(0, 50) * ticks_per_ms,
                      [this, &l, id, tries] { revoke_when_granted(l, id, tries - 1); });
}

/// An operator deletes the document, or takes the holders out of it.
void run::edit(const lock& l) {
  const auto v = world_.set.at_primary().get(l.id);
  if (!v) return;
  version after;
  if (world_.luck.in(2)) {
    auto d = v->what;
    d.holders.clear();
    ++d.rev;
    after = std::make_shared<const stored>(stored{true, d});
  }
  if (is_strange(v) || !world_.set.write(l.id, after)) return;
  world_.notes.tell(world_.events.now(), "operator",
                    [&] { return (after ? "takes the holders out of " : "deletes ") + l.id; });
  hit(fault::edited, l.id);
  if (!after) world_.judge.deleted(l.id);
  world_.judge.edited(l.id, all_are_over());
}

/// Whether the document cannot be used as a lock.
bool run::is_strange(const version& v) const {
  return v && (!v->is_lock || !protocol::defect(v->what, world_.set.clock(0)).empty());
}

/// An operator replaces the document by something that is not a lock, or types a number that no server gave. Later it
/// is as it was, or is deleted.
void run::make_strange(const lock& l) {
  auto& luck = world_.luck;
  const auto v = world_.set.at_primary().get(l.id);
  if (!v || is_strange(v)) return;
  auto d = v->what;
  const auto which = luck.between(1, 3);
  if (which == 1) d.fence = std::numeric_limits<std::int64_t>::max() - 1;
  if (which == 2) d.rev = protocol::token_limit;
  if (!world_.set.write(l.id, std::make_shared<const stored>(which == 3 ? stored{false, {}} : stored{true, d}))) return;
  world_.notes.tell(world_.events.now(), "operator", [&] { return "makes " + l.id + " something else"; });
  hit(fault::not_a_lock, l.id);
  world_.judge.edited(l.id, all_are_over());
  const bool deletes = luck.in(2);
  during(luck.between(10, 3000), [this, id = l.id, before = deletes ? nullptr : v] { restore(id, before); });
}

void run::restore(const std::string& id, const version& v) {
  if (!is_strange(world_.set.at_primary().get(id))) return;
  if (!world_.set.write(id, v)) return during(500, [this, id, v] { restore(id, v); });
  world_.notes.tell(world_.events.now(), "operator", [&] { return "makes " + id + " a lock again"; });
  world_.judge.deleted(id);  // its last tokens may be lost
  world_.judge.edited(id, all_are_over());
}

/// Things for which no promise is made, or which an operator may do.
void run::interfere() {
  auto& luck = world_.luck;
  const auto& l = locks_[static_cast<std::size_t>(luck.between(0, static_cast<std::int64_t>(locks_.size()) - 1))];
  switch (luck.between(1, 5)) {
    case 5:
      return mongo_dlock(l, 100);
    case 1:
      return revoke(l, "");
    case 2:
      if (edits_) edit(l);
      return;
    case 3:
      if (edits_) make_strange(l);
      return;
    default: {
      const bool clock_matters = std::any_of(locks_.begin(), locks_.end(), [](const lock& o) { return !o.observed; });
      if (clock_matters && !luck.in(4)) return;
      const auto one = static_cast<std::size_t>(luck.between(0, replica_set::members - 1));
      const ms lasts = luck.between(1000, 15'000);
      const ms ahead = luck.between(-30'000, 30'000);
      world_.judge.clock_jumped(world_.events.now() + lasts * ticks_per_ms + all_are_over());
      world_.notes.tell(world_.events.now(), "operator", [&] {
        return std::string("sets the clock of ") + static_cast<char>('A' + one) + " by " + std::to_string(ahead) +
               " ms";
      });
      world_.set.set_clock(one, ahead);
      return during(lasts, [this, one] { world_.set.set_clock(one, 0); });
    }
  }
}

/// Node's mongo-dlock takes the lock as soon as nobody has it, or gives up. It deletes the document when it releases
/// the lock.
void run::mongo_dlock(const lock& l, int tries) {
  auto& luck = world_.luck;
  const auto at = world_.set.primary();
  if (l.observed || l.shared || l.cap > 0 || !stormy_) return;
  const auto v = world_.set.at_primary().get(l.id);
  auto d = v ? v->what : protocol::document{};
  const bool in_use = !d.holders.empty() || !d.waiters.empty() || d.lockd == protocol::lockd_flag::one;
  if (!at || in_use || (v && (is_strange(v) || d.observed))) {
    if (tries > 0) world_.events.after(luck.between(500, 20'000), [this, &l, tries] { mongo_dlock(l, tries - 1); });
    return;
  }
  const ms now = world_.set.clock(*at), lasts = luck.between(50, 3000);
  d.lockd = protocol::lockd_flag::one;
  d.ct = now;
  d.et = now + lasts + luck.between(0, 3000);
  ++d.rev;
  if (!world_.set.write(l.id, std::make_shared<const stored>(stored{true, d}))) return;
  world_.notes.tell(world_.events.now(), "node", [&] { return "locks " + l.id; });
  during(lasts, [this, id = l.id, ct = d.ct] {
    const auto there = world_.set.at_primary().get(id);
    if (!there || !there->is_lock || there->what.ct != ct || !world_.set.write(id, nullptr))
      return;  // mongo-dlock has lost the lock
    world_.notes.tell(world_.events.now(), "node", [&] { return "unlocks " + id; });
    world_.judge.deleted(id);
    for (const auto& p : world_.processes) {
      const tick late = world_.luck.between(300, 100'000);
      if (world_.luck.in(4)) continue;
      const std::string told = world_.luck.in(4) ? "" : id;  // "": events may have been missed
      world_.events.after(late, [p, told] { p->deliver([p, told] { p->nudge_foreign(told); }); });
    }
  });
}

/// The TTL index removes documents that were idle for long.
void run::sweep() {
  world_.events.after(kSweep * ticks_per_ms, [this] {
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

}  // namespace dlock::simulator
