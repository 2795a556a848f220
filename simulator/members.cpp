// The members of the simulated replica set: elections, and what may happen to them.
#include <algorithm>
#include <limits>
#include <utility>

#include "simulator/replica_set.hpp"

namespace dlock::simulator {
namespace {

constexpr tick kSecond = 1000 * ticks_per_ms;
constexpr tick kBarred = 10 * kSecond;  // a member that stepped down is not elected again during this time

}  // namespace

// --- who is the primary ---------------------------------------------------------------------------------------------

void replica_set::stop_being_primary(member& m) {
  m.is_primary = false;
  note(m, "is no primary any more");
  while (!m.commands.empty()) {
    const auto next = std::move(m.commands.front());
    m.commands.pop_front();
    std::vector<answer> none(next.says.size());
    for (auto& a : none) a.why = "the primary stepped down", a.in_doubt = true;
    next.done(none);
  }
}

void replica_set::elect_soon() {
  if (electing_) return;
  electing_ = true;
  events_.after(luck_.between(kSecond / 10, 4 * kSecond), [this] {
    electing_ = false;
    elect();
  });
}

void replica_set::elect() {
  // A primary without a majority gives up after some time, before or after the others elect a new one.
  for (auto& m : all_) {
    if (!m.is_primary || !m.up || m.paused) continue;
    const bool is_old =
        std::any_of(all_.begin(), all_.end(), [&](const member& o) { return talk(m, o) && o.term > m.term; });
    if (has_majority(m) && !is_old) continue;
    if (is_old || luck_.in(2)) {
      stop_being_primary(m);
    } else {
      elect_soon();
    }
  }
  if (std::any_of(all_.begin(), all_.end(), [&](const member& m) { return m.is_primary && has_majority(m); })) return;
  const auto rank = [](const member& m) { return std::pair(m.log.empty() ? -1 : m.log.back().term, m.end()); };
  // The members for which a majority votes. A member does not vote for one that has less than itself.
  std::vector<member*> eligible;
  for (auto& m : all_) {
    const auto votes =
        std::count_if(all_.begin(), all_.end(), [&](const member& o) { return talk(m, o) && rank(o) <= rank(m); });
    if (m.up && !m.paused && events_.now() >= m.barred_until && static_cast<std::size_t>(votes) > members / 2) {
      eligible.push_back(&m);
    }
  }
  if (eligible.empty()) return elect_soon();
  member* best = eligible[static_cast<std::size_t>(luck_.between(0, static_cast<std::int64_t>(eligible.size()) - 1))];
  std::int64_t term = 0;
  for (const auto& m : all_) {
    if (talk(*best, m)) term = std::max(term, m.term);
  }
  for (auto& m : all_) {  // a member that votes does not follow an older primary any more
    if (!talk(*best, m)) continue;
    if (m.is_primary) stop_being_primary(m);
    m.term = term + 1;
  }
  best->is_primary = true;
  best->has.assign(members, 0);
  ++elections_;
  note(*best, "is the primary");
  append(*best, {best->term, "", nullptr, nullptr, nullptr});
}

// --- what may happen to it ------------------------------------------------------------------------------------------

void replica_set::crash(std::size_t i) {
  auto& m = all_[i];
  if (!m.up) return;
  note(m, "dies");
  m.up = m.is_primary = m.paused = false;
  m.commands.clear();
  m.later.clear();
  // Its journal may lack the last writes. But it has all the writes that others have counted on.
  auto sure = m.committed;
  for (const auto& o : all_) sure = std::max(sure, o.is_primary ? o.has[i] : 0);
  while (m.end() > sure && luck_.percent(70)) take_back_last(m);
  elect_soon();
}

void replica_set::restart(std::size_t i) {
  if (all_[i].up) return;
  note(all_[i], "is back");
  all_[i].up = true;
  copy_soon(i);
  elect_soon();
}

void replica_set::pause(std::size_t i) {
  if (!all_[i].up || all_[i].paused) return;
  note(all_[i], "is stopped");
  all_[i].paused = true;
  elect_soon();
}

void replica_set::resume(std::size_t i) {
  auto& m = all_[i];
  if (!m.paused) return;
  note(m, "goes on");
  m.paused = false;
  auto all = std::move(m.later);
  m.later.clear();
  for (auto& next : all) next();
  copy_soon(i);
  elect_soon();
}

void replica_set::isolate(std::size_t i) {
  note(all_[i], "is cut off from the others");
  all_[i].isolated = true;
  // The isolated member notices it later than the others.
  elect_soon();
}

void replica_set::stop_copying(std::size_t i, bool stopped) {
  all_[i].copies = !stopped;
  copy_soon(i);
}

void replica_set::join(std::size_t i) {
  if (!all_[i].isolated) return;
  note(all_[i], "sees the others again");
  all_[i].isolated = false;
  for (std::size_t each = 0; each < members; ++each) copy_soon(each);
  elect_soon();
}

void replica_set::step_down(bool catch_up) {
  const auto at = primary();
  if (!at || all_[*at].paused) return;
  auto& m = all_[*at];
  note(m, catch_up ? "steps down" : "steps down before the others have all");
  if (catch_up) {
    for (auto& o : all_) {
      if (&o != &m && talk(o, m) && o.term <= m.term) copy(o, m);
    }
  }
  stop_being_primary(m);
  m.barred_until = events_.now() + kBarred;
  events_.after(luck_.between(5, 1500) * ticks_per_ms, [this] { elect(); });
}

void replica_set::heal() {
  crowded_ = failing_ = 0;
  room_ = std::numeric_limits<std::size_t>::max();
  for (std::size_t i = 0; i < members; ++i) {
    restart(i);
    resume(i);
    join(i);
    all_[i].lag = 0;
    stop_copying(i, false);
  }
}

}  // namespace dlock::simulator
