#include "simulator/replica_set.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

namespace dlock::simulator {
namespace {

using protocol::ms;
using protocol::request;

constexpr tick kSecond = 1000 * ticks_per_ms;
constexpr tick kBarred = 10 * kSecond;  // a member that stepped down is not elected again during this time
constexpr std::size_t kLongLog = 2000;  // a member that is further behind copies everything

answer no_answer(const char* why, bool in_doubt) {
  answer a;
  a.why = why;
  a.in_doubt = in_doubt;
  return a;
}

}  // namespace

replica_set::replica_set(agenda& events, chance& luck, trace& notes) : events_(events), luck_(luck), notes_(notes) {
  elect();
}

ms replica_set::clock(std::size_t m) const {
  return start_of_time + events_.now() / ticks_per_ms + all_[m].ahead;
}

std::optional<std::size_t> replica_set::primary() const {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < members; ++i) {
    const auto& m = all_[i];
    if (m.up && m.is_primary && (!best || m.term > all_[*best].term)) best = i;
  }
  return best;
}

const collection& replica_set::at_primary() const {
  return all_[primary().value_or(0)].now;
}

const collection& replica_set::committed() const {
  const auto most = [](const member& a, const member& b) { return a.committed < b.committed; };
  return std::max_element(all_.begin(), all_.end(), most)->majority;
}

bool replica_set::talk(const member& a, const member& b) const {
  const auto there = [](const member& m) { return m.up && !m.paused; };
  return &a == &b || (there(a) && there(b) && !a.isolated && !b.isolated);
}

bool replica_set::has_majority(const member& m) const {
  const auto with = std::count_if(all_.begin(), all_.end(), [&](const member& o) { return talk(m, o); });
  return m.up && !m.paused && static_cast<std::size_t>(with) > members / 2;
}

void replica_set::note(const member& m, const char* what) {
  notes_.tell(events_.now(), std::string(1, static_cast<char>('A' + (&m - all_.data()))),
              [&] { return std::string(what); });
}

// --- commands -------------------------------------------------------------------------------------------------------

void replica_set::command(std::size_t at, const request& r, told done) {
  auto& m = all_[at];
  if (!m.up) return done(no_answer("nobody listens there", false));
  if (m.paused) {
    m.later.emplace_back([this, at, r, done = std::move(done)] { command(at, r, done); });
    return;
  }
  if (!m.is_primary) return done(no_answer("it is not the primary", false));
  const ms now = clock(at);
  tick wait = luck_.between(50, 300);
  if (luck_.percent(crowded_)) wait = luck_.between(0, longest_);
  events_.after(wait, [this, at, r, now, term = m.term, done = std::move(done)] { execute(at, r, now, term, done); });
}

void replica_set::execute(std::size_t at, const request& r, ms now, std::int64_t term, told done) {
  auto& m = all_[at];
  if (!m.up) return;
  if (m.paused) {
    m.later.emplace_back([this, at, r, now, term, done = std::move(done)] { execute(at, r, now, term, done); });
    return;
  }
  if (!m.is_primary || m.term != term) return done(no_answer("it is not the primary any more", true));
  answer a;
  a.what = answer::kind::replied;
  if (protocol::only_reads(r) && !peeks_) {
    request whole = r;
    whole.op = protocol::operation::heartbeat;
    return execute(at, whole, now, term, [done = std::move(done)](answer heartbeat) {
      heartbeat.reply.instead = true;
      done(heartbeat);
    });
  }
  if (protocol::only_reads(r)) {
    a.reply = carry_out(m.majority.get(r.lock), r, now).answer;
    return done(a);
  }
  const version before = m.now.get(r.lock);
  auto result = carry_out(before, r, now);
  a.reply = std::move(result.answer);
  on_change({at, r, before, result.after, a.reply});
  if (result.after != before) append(m, {m.term, r.lock, before, std::move(result.after), r});
  if (luck_.percent(failing_)) {
    a = no_answer("acknowledged by less than a majority", true);
    events_.after(luck_.between(1, 50) * ticks_per_ms, [a, done = std::move(done)] { done(a); });
    return;
  }
  m.commands.push_back({m.end(), std::move(a), std::move(done)});
  count_votes(m);  // the command may have changed nothing, and everything may be committed already
}

bool replica_set::write(const std::string& lock, version v) {
  const auto at = primary();
  if (!at || all_[*at].paused) return false;
  auto& m = all_[*at];
  append(m, {m.term, lock, m.now.get(lock), std::move(v), std::nullopt});
  return true;
}

void replica_set::append(member& p, entry e) {
  if (!e.lock.empty()) p.now.put(e.lock, e.after);
  p.log.push_back(std::move(e));
  for (std::size_t i = 0; i < members; ++i) copy_soon(i);
  trim();
}

// --- copies ---------------------------------------------------------------------------------------------------------

void replica_set::copy_soon(std::size_t i) {
  auto& m = all_[i];
  if (m.copying) return;
  m.copying = true;
  events_.after(luck_.between(200, 1500) + m.lag, [this, i] {
    auto& me = all_[i];
    me.copying = false;
    member* from = nullptr;
    for (auto& o : all_) {
      if (&o != &me && o.is_primary && talk(me, o) && (from == nullptr || o.term > from->term)) from = &o;
    }
    if (from == nullptr || from->term < me.term || !me.copies) return;
    copy(me, *from);
  });
}

void replica_set::copy(member& to, member& from) {
  if (to.is_primary) stop_being_primary(to);
  to.term = from.term;
  if (to.end() < from.first) {  // too far behind to copy single entries
    to.log = from.log;
    to.first = from.first;
    to.now = from.now;
    to.majority = from.majority;
    to.committed = from.committed;
  }
  while (to.end() > from.end() ||
         (to.end() > to.first && to.end() > from.first && to.term_at(to.end() - 1) != from.term_at(to.end() - 1))) {
    take_back_last(to);
  }
  while (to.end() < from.end()) {
    to.log.push_back(from.log[static_cast<std::size_t>(to.end() - from.first)]);
    const auto& e = to.log.back();
    if (!e.lock.empty()) to.now.put(e.lock, e.after);
  }
  from.has[static_cast<std::size_t>(&to - all_.data())] = to.end();
  count_votes(from);
  commit(to, std::min(from.committed, to.end()));
}

void replica_set::take_back_last(member& m) {
  if (m.end() <= m.committed || m.log.empty()) throw std::logic_error("what a majority had was taken back");
  const entry last = std::move(m.log.back());
  m.log.pop_back();
  if (!last.lock.empty()) m.now.put(last.lock, last.before);
  if (last.by) {
    note(m, "takes back what no majority had");
    on_rollback(*last.by);
  }
}

void replica_set::count_votes(member& p) {
  if (!p.is_primary) return;
  p.has[static_cast<std::size_t>(&p - all_.data())] = p.end();
  auto sorted = p.has;
  std::sort(sorted.begin(), sorted.end());
  const auto end = sorted[(members - 1) / 2];
  if (end > p.committed && p.term_at(end - 1) == p.term) commit(p, end);
  while (!p.commands.empty() && p.commands.front().end <= p.committed) {
    const auto next = std::move(p.commands.front());
    p.commands.pop_front();
    next.done(next.says);
  }
}

void replica_set::commit(member& m, std::int64_t end) {
  std::int64_t known = 0;
  for (const auto& o : all_) known = std::max(known, o.committed);
  for (; m.committed < end; ++m.committed) {
    if (m.committed < m.first) continue;
    const auto& e = m.log[static_cast<std::size_t>(m.committed - m.first)];
    if (e.lock.empty()) continue;
    m.majority.put(e.lock, e.after);
    if (m.committed >= known) on_commit(e.lock, e.after);
  }
  if (end <= known) return;
  for (std::size_t i = 0; i < members; ++i) copy_soon(i);  // the others learn that it is committed
}

void replica_set::trim() {
  auto& p = all_[primary().value_or(0)];
  for (auto& m : all_) {
    auto keep = p.committed;
    for (const auto& o : all_) keep = std::min(keep, o.committed);
    if (m.log.size() > kLongLog) keep = std::max(keep, m.committed - 10);
    while (m.first < std::min(keep, m.committed) && m.log.size() > 1) m.log.pop_front(), ++m.first;
  }
}

// --- who is the primary ---------------------------------------------------------------------------------------------

void replica_set::stop_being_primary(member& m) {
  m.is_primary = false;
  note(m, "is no primary any more");
  while (!m.commands.empty()) {
    const auto next = std::move(m.commands.front());
    m.commands.pop_front();
    next.done(no_answer("the primary stepped down", true));
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
  append(*best, {best->term, "", nullptr, nullptr, std::nullopt});
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
  for (std::size_t i = 0; i < members; ++i) {
    restart(i);
    resume(i);
    join(i);
    all_[i].lag = 0;
    stop_copying(i, false);
  }
}

}  // namespace dlock::simulator
