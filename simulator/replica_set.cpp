#include "simulator/replica_set.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "protocol/express.hpp"

namespace dlock::simulator {
namespace {

using protocol::ms;
using protocol::request;

constexpr std::size_t kLongLog = 2000;  // a member that is further behind copies everything

std::vector<answer> no_answers(const replica_set::batch& to, const char* why, bool in_doubt) {
  answer a;
  a.why = why;
  a.in_doubt = in_doubt;
  return std::vector<answer>(to->size(), a);
}

std::size_t entries(const version& v) {
  return v ? v->what.holders.size() + v->what.waiters.size() : 0;
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
  command(at, std::make_shared<const protocol::batch>(1, r),
          [done = std::move(done)](const std::vector<answer>& all) { done(all.front()); });
}

void replica_set::command(std::size_t at, batch all, all_told done) {
  auto& m = all_[at];
  if (!m.up) return done(no_answers(all, "nobody listens there", false));
  if (m.paused) {
    m.later.emplace_back([this, at, all = std::move(all), done = std::move(done)] { command(at, all, done); });
    return;
  }
  if (!m.is_primary) return done(no_answers(all, "it is not the primary", false));
  const ms now = clock(at);
  tick wait = luck_.between(50, 300);
  if (luck_.percent(crowded_)) wait = luck_.between(0, longest_);
  events_.after(wait, [this, at, all = std::move(all), now, term = m.term, done = std::move(done)] {
    execute(at, all, now, term, done);
  });
}

void replica_set::execute(std::size_t at, batch all, ms now, std::int64_t term, all_told done) {
  auto& m = all_[at];
  if (!m.up) return;
  if (m.paused) {
    m.later.emplace_back(
        [this, at, all = std::move(all), now, term, done = std::move(done)] { execute(at, all, now, term, done); });
    return;
  }
  if (!m.is_primary || m.term != term) return done(no_answers(all, "it is not the primary any more", true));
  const request& first = all->front();
  if (protocol::only_reads(first) && !peeks_) {
    auto whole = std::make_shared<protocol::batch>(*all);
    whole->front().op = protocol::operation::heartbeat;
    return execute(at, std::move(whole), now, term, [done = std::move(done)](std::vector<answer> heartbeat) {
      heartbeat.front().reply.instead = true;
      done(heartbeat);
    });
  }
  if (protocol::only_reads(first)) {
    answer a;
    a.what = answer::kind::replied;
    a.reply = carry_out(m.majority.get(first.lock), first, now).answer;
    return done({std::move(a)});
  }
  if (all->size() == 1 && !is_enough(m.now.get(first.lock), first, now)) {
    const auto next = std::make_shared<protocol::batch>(1, protocol::in_next_form(first));
    events_.after(luck_.between(200, 1500), [this, at, next, done = std::move(done)] { command(at, next, done); });
    return;
  }
  auto answers = change_document(at, all, now);
  if (all->size() == 1 && protocol::may_be_early(first)) {
    answers.front().early = true;
    return done(std::move(answers));
  }
  if (luck_.percent(failing_)) {
    events_.after(luck_.between(1, 50) * ticks_per_ms, [all = std::move(all), done = std::move(done)] {
      done(no_answers(all, "acknowledged by less than a majority", true));
    });
    return;
  }
  m.commands.push_back({m.end(), std::move(answers), std::move(done)});
  count_votes(m);  // the command may have changed nothing, and everything may be committed already
}

std::vector<answer> replica_set::change_document(std::size_t at, const batch& all, ms now) {
  auto& m = all_[at];
  const auto& lock = all->front().lock;
  const version before = m.now.get(lock);
  std::vector<answer> answers(all->size());
  version after;
  if (all->size() == 1) {
    auto result = carry_out(before, all->front(), now);
    after = std::move(result.after);
    answers.front().reply = std::move(result.answer);
  } else {
    auto result = carry_out(before, *all, now);
    after = std::move(result.after);
    for (std::size_t i = 0; i < answers.size(); ++i) answers[i].reply = std::move(result.answers[i]);
  }
  if (after != before && entries(after) > room_ && entries(after) > entries(before)) {
    answer a;
    a.what = answer::kind::refused;
    a.code = errc::server;
    a.server_code = too_large;
    a.why = "the document would be too large";
    a.in_doubt = true;  // the driver does not know that nothing was executed
    return std::vector<answer>(all->size(), a);
  }
  for (auto& a : answers) a.what = answer::kind::replied;
  on_change({at, *all, before, after, now});
  if (after != before) append(m, {m.term, lock, before, std::move(after), all});
  return answers;
}

void replica_set::read(std::size_t at, const protocol::lookup& l,
                       const std::function<void(const lookup_answer&)>& done) {
  auto& m = all_[at];
  lookup_answer a;
  if (!m.up) {
    a.why = "nobody listens there";
    return done(a);
  }
  if (m.paused) {
    m.later.emplace_back([this, at, l, done] { read(at, l, done); });
    return;
  }
  if (m.is_primary) {
    a.what = answer::kind::replied;
    a.seen = m.majority.read(l, clock(at));
  } else {
    a.why = "it is not the primary";
  }
  done(a);
}

bool replica_set::write(const std::string& lock, version v) {
  const auto at = primary();
  if (!at || all_[*at].paused) return false;
  auto& m = all_[*at];
  append(m, {m.term, lock, m.now.get(lock), std::move(v), nullptr});
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
    for (const auto& r : *last.by) on_rollback(r);
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

}  // namespace dlock::simulator
