#include "simulator/process.hpp"

#include <algorithm>
#include <utility>

#include "client/answering.hpp"
#include "simulator/acquisition.hpp"
#include "simulator/hold.hpp"
#include "simulator/world.hpp"

namespace dlock::simulator {
namespace {

using protocol::ms;
using protocol::operation;
using protocol::request;

// As in src/client.
constexpr ms kOverdue = 100;
constexpr ms kToldAgain = 1000;
constexpr std::size_t kTold = 1000;
constexpr std::int64_t kMillion = 1'000'000;

}  // namespace

process::process(world& where, std::string name, tick clock_ahead, std::int64_t clock_gains)
    : where_(where), name_(std::move(name)), ahead_(clock_ahead), gains_(clock_gains) {}

tick process::local(tick world) const {
  return world + world * gains_ / kMillion + ahead_;
}

/// The first tick at which its clock says that.
tick process::world_at(tick local_time) const {
  tick t = (local_time - ahead_) * kMillion / (kMillion + gains_);
  while (local(t) < local_time) ++t;
  return t;
}

ms process::now() const {
  return local(where_.events.now()) / ticks_per_ms;
}

std::string process::fresh_id() {
  return name_ + "#" + std::to_string(++ids_);
}

// --- life -----------------------------------------------------------------------------------------------------------

void process::freeze() {
  if (!alive_ || frozen_) return;
  where_.notes.tell(where_.events.now(), name_, [] { return std::string("is stopped"); });
  frozen_ = true;
  ++stops_;
  count_all(fault::frozen);
}

void process::thaw() {
  if (!frozen_) return;
  where_.notes.tell(where_.events.now(), name_, [] { return std::string("goes on"); });
  frozen_ = false;
  const auto watched = holds;
  const bool set_clock = where_.luck.in(4);
  for (const auto& h : watched) {  // the watch of its leases runs before anything is decided
    if (set_clock) h->clock_was_set();
    h->look();
  }
  auto all = std::exchange(later_, {});
  for (std::size_t i = all.size(); i > 1; --i) {  // its threads wake in any order
    std::swap(all[i - 1], all[static_cast<std::size_t>(where_.luck.between(0, static_cast<std::int64_t>(i) - 1))]);
  }
  for (auto& each : all) deliver(std::move(each));
}

void process::kill() {
  if (!alive_) return;
  where_.notes.tell(where_.events.now(), name_, [] { return std::string("is killed"); });
  count_all(fault::killed);
  for (const auto& h : holds) h->died();
  clear();
}

void process::clear() {
  alive_ = frozen_ = false;
  later_.clear();
  expected_.clear();
  errands_.clear();
  retries_ = engine::retry_queue(0);
  holds.clear();
}

void process::count_all(fault f) const {
  for (const auto& [_, a] : expected_) where_.seen.hit(f, a->doing());
  for (const auto& h : holds) where_.seen.hit(f, h->doing());
  for (std::size_t i = 0; i < errands_.size(); ++i) where_.seen.hit(f, state::undoing);
}

void process::deliver(std::function<void()> what) {
  if (!alive_) return;
  if (frozen_) {
    later_.push_back(std::move(what));
  } else {
    what();
  }
}

void process::at(ms when, std::function<void()> what) {
  where_.events.at(world_at(when * ticks_per_ms),
                   [self = shared_from_this(), what = std::move(what)]() mutable { self->deliver(std::move(what)); });
}

void process::soon(std::function<void()> what) {
  const tick lag = where_.luck.in(100) ? where_.luck.between(0, where_.slowest_thread) : where_.luck.between(0, 100);
  where_.events.after(
      lag, [self = shared_from_this(), what = std::move(what)]() mutable { self->deliver(std::move(what)); });
}

// --- asking ---------------------------------------------------------------------------------------------------------

void process::send(request r, std::function<void(const answer&)> done) {
  r.client = name_;
  r.floor = floors_[r.lock];
  where_.notes.tell(where_.events.now(), name_, [&] { return "asks: " + in_words(r); });
  where_.net.ask(r, [self = shared_from_this(), r, done = std::move(done)](const answer& a) {
    self->deliver([self, r, done, a] {
      self->where_.notes.tell(self->where_.events.now(), self->name_, [&] { return "hears: " + in_words(r, a); });
      if (a.what == answer::kind::replied) {
        auto& floor = self->floors_[r.lock];
        floor = std::max(floor, a.reply.fence);
        self->announce(r, a.reply);
      }
      if (a.what != answer::kind::no_answer) self->server_answers();
      done(a);
    });
  });
}

void process::undo(const request& ask, const protocol::abandoned& what) {
  auto r = detail::cancel_of(ask, what.in_doubt);
  r.id = what.id;
  errand(r, now() + std::max(ask.life, ask.delta), [this, r, what](const answer& a, tick sent) {
    if (a.what == answer::kind::replied && what.in_doubt) where_.judge.undone(r, sent);
  });
}

void process::errand(request r, ms until, told_of_errand told) {
  errands_.emplace(retries_.add(std::move(r), until, now()), std::move(told));
  pump();
}

void process::close() {
  retries_.close();
  pump();
}

void process::pump() {
  while (const auto n = retries_.take(now())) attempt(*n);
  if (const auto next = retries_.next()) {
    at(*next, [this, round = ++pumped_] {
      if (pumped_ == round) pump();
    });
  }
}

void process::attempt(engine::retry_queue::number n) {
  const tick sent = where_.events.now();
  const auto end = [this, n, sent](const answer& a) {
    const auto told = std::move(errands_.extract(n).mapped());
    if (told) told(a, sent);
  };
  const auto* r = retries_.begin(n, now());
  if (r == nullptr) return end({});
  send(*r, [this, n, end](const answer& a) {
    if (retries_.ended(n, a.what != answer::kind::no_answer, answered_, now())) end(a);
    pump();
  });
}

void process::server_answers() {
  answered_ = now();
  if (!retries_.is_silent()) return;
  retries_.server_answers();
  pump();
}

// --- announcements --------------------------------------------------------------------------------------------------

void process::follow() {
  where_.notices.follow(shared_from_this());
}

bool process::is_told() const {
  return where_.notices.is_open(name_);
}

void process::announce(const request& r, const protocol::reply& a) {
  for (const auto& h : a.heirs) {
    const protocol::grant g{r.lock, h.id, h.fence, h.since};
    if (h.client == name_) {
      heard(g);
      continue;
    }
    const bool ours = h.since >= a.now || r.op == operation::cancel;
    if (!ours && a.now - h.since < kOverdue) continue;
    const auto before = told_.find(h.id);
    if (before != told_.end() && before->second + kToldAgain > now()) continue;
    if (told_.size() >= kTold) told_.clear();
    told_[h.id] = now();
    where_.notes.tell(where_.events.now(), name_, [&] { return "tells " + h.client + " of the grant of " + h.id; });
    where_.notices.tell(h.client, g);
  }
}

void process::heard(const protocol::grant& g) {
  const auto it = expected_.find(g.id);
  if (it == expected_.end()) return;
  soon([who = it->second, g, when = now()] { who->granted(g, when); });
}

void process::nudge_all() {
  for (const auto& [_, a] : expected_) {
    soon([who = a] { who->nudged(false); });
  }
}

void process::revoked(const std::string& id) {
  if (const auto it = expected_.find(id); it != expected_.end()) soon([who = it->second] { who->nudged(false); });
  const auto all = holds;
  for (const auto& h : all) {
    if (h->ask().id == id) h->notice();
  }
}

void process::nudge_foreign(const std::string& lock) {
  for (const auto& [_, a] : expected_) {
    if (a->lock() == lock) soon([who = a] { who->nudged(true); });
  }
}

std::optional<state> process::doing(const std::string& id) const {
  const auto it = expected_.find(id);
  return it == expected_.end() ? std::nullopt : std::optional(it->second->doing());
}

}  // namespace dlock::simulator
