#include "simulator/process.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "simulator/acquisition.hpp"
#include "simulator/hold.hpp"
#include "simulator/world.hpp"

namespace dlock::simulator {
namespace {

using protocol::ms;
using protocol::operation;
using protocol::request;

constexpr std::int64_t kMillion = 1'000'000;

}  // namespace

process::process(world& where, std::string name, tick clock_ahead, std::int64_t clock_gains)
    : where_(where),
      name_(std::move(name)),
      ahead_(clock_ahead),
      gains_(clock_gains),
      engine_(std::make_unique<engine::client>(
          engine::client::settings{.id = name_, .who = name_}, [this] { return fresh_id(); },
          [this] { return where_.luck.unit(); })) {}

tick process::local(tick world) const {
  return world + world * gains_ / kMillion + ahead_;
}

/// The first tick at which the clock of this process shows `local_time`.
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
  const bool set_clock = where_.luck.in(4);
  step([&](auto& e, ms at) {  // the watch thread runs before anything is decided
    if (set_clock) e.clock_was_set(at);
    e.look(at);
  });
  auto all = std::exchange(later_, {});
  for (std::size_t i = all.size(); i > 1; --i) {  // the threads of the process wake in any order
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
  calls_.clear();
  releases_.clear();
  askings_.clear();
  observers_.clear();
  on_their_way_.clear();
  unsettled_.clear();
  holds.clear();
}

void process::count_all(fault f) const {
  for (const auto& [_, a] : calls_) where_.seen.hit(f, a->doing());
  for (const auto& h : holds) where_.seen.hit(f, doing(*h));
  for (std::size_t i = 0; i < engine_->in_the_background(); ++i) where_.seen.hit(f, state::undoing);
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

// --- the engine -----------------------------------------------------------------------------------------------------

void process::step(const std::function<void(engine::client&, ms)>& what) {
  if (!alive_) return;
  if (!is_told()) engine_->closed(engine::part::inbox);
  what(*engine_, now());
  check_turns(now());
  follow_up();
}

void process::check_turns(ms at) const {
  for (const auto& [c, a] : calls_) {
    if (!engine_->is_served(c, at)) where_.judge.nobody_acts(*this, a->plan().ask.lock);
  }
}

void process::follow_up() {
  for (auto all = engine_->take_events(); !all.empty(); all = engine_->take_events()) {
    for (const auto& e : all) {
      std::visit([this](const auto& each) { happened(each); }, e);
      if (!alive_) return;
    }
  }
  wake_workers();
  arm();
  if (engine_->wants(engine::part::inbox) && !std::exchange(follows_, true)) where_.notices.follow(shared_from_this());
  if (engine_->wants(engine::part::events) == hears_events_) return;
  hears_events_ = engine_->wants(engine::part::events);
  soon([this] {
    step([this](auto& e, ms when) {
      hears_events_ ? e.opened(engine::part::events, when) : e.closed(engine::part::events);
    });
  });
}

/// The watch thread: schedules the next step of the engine.
void process::arm() {
  const ms next = engine_->next();
  if (next >= armed_) return;
  armed_ = next;
  at(next, [this, round = ++alarms_] {
    if (round != alarms_) return;
    armed_ = engine::never;
    step([](auto& e, ms when) { e.look(when); });
  });
}

/// Starts a thread for each command that is due.
void process::wake_workers() {
  for (; senders_ < engine_->ready(); ++senders_) {
    soon([this] {
      --senders_;
      send(false);
    });
  }
  for (; renewers_ < engine_->ready_renewals(); ++renewers_) {
    soon([this] {
      --renewers_;
      send(true);
    });
  }
  while (engine_->notices() > 0) tell();
  if (!publishing_ && engine_->publication_is_due(now())) publish();
}

void process::send(bool renewal) {
  step([&](auto& e, ms at) {
    if (where_.threads_fail && where_.luck.in(5000))
      return renewal ? e.cannot_renew(at) : e.cannot_send("no thread", at);
    if (const auto out = renewal ? e.next_renewal(at) : e.next_request(at)) carry(*out);
  });
}

/// Reads a lock directly, not through the network.
void process::look(const engine::client::outgoing& out) {
  where_.events.after(where_.luck.between(300, 20'000), [self = shared_from_this(), out] {
    lookup_answer a;
    a.why = "no answer";
    const auto at = self->where_.set.primary();
    if (at && !self->where_.luck.in(4)) {
      a.what = answer::kind::replied;
      a.seen = self->where_.set.committed().read(*out.lookup, self->where_.set.clock(*at));
    }
    self->deliver(
        [self, ticket = out.ticket, a] { self->step([&](auto& e, ms when) { e.answered(ticket, a, when); }); });
  });
}

void process::carry(const engine::client::outgoing& out) {
  if (out.lookup) return look(out);
  on_their_way_[out.ticket] = out.all;
  for (const auto& r : out.all) {
    where_.notes.tell(where_.events.now(), name_, [&] { return "asks: " + in_words(r); });
  }
  // Requests that share one command are sent one by one here, and are answered together.
  struct command {
    std::vector<answer> answers;
    std::size_t missing;
  };
  const auto c = std::make_shared<command>(command{std::vector<answer>(out.all.size()), out.all.size()});
  for (std::size_t i = 0; i < out.all.size(); ++i) {
    const auto& asked = out.all[i];
    if (protocol::creates(asked)) ++unsettled_[asked.id];
    where_.net.ask(asked, [self = shared_from_this(), c, i, r = asked, ticket = out.ticket, sent = where_.events.now(),
                           in_doubt = unsettled_.contains(asked.id)](const answer& a) {
      self->deliver([self, c, i, r, ticket, sent, in_doubt, a] {
        self->where_.notes.tell(self->where_.events.now(), self->name_, [&] { return "hears: " + in_words(r, a); });
        const bool replied = a.what == answer::kind::replied;
        if (replied && r.op == operation::cancel && in_doubt) self->where_.judge.undone(r, sent);
        if (replied || !a.in_doubt) self->settled(r);
        c->answers[i] = a;
        if (--c->missing > 0) return;
        self->on_their_way_.erase(ticket);
        self->step([&](auto& e, ms at) { e.answered(ticket, c->answers, at); });
      });
    });
  }
}

/// The outcome of this request is known.
void process::settled(const request& r) {
  const auto it = protocol::creates(r) ? unsettled_.find(r.id) : unsettled_.end();
  if (it != unsettled_.end() && --it->second == 0) unsettled_.erase(it);
}

void process::tell() {
  const auto n = engine_->next_notice();
  engine_->told();
  if (!n) return;
  if (const auto* r = std::get_if<protocol::revocation>(&n->what)) {
    for (const auto& p : where_.processes) {
      if (p->name() == n->client) p->deliver([p, r = *r] { p->revoked(r.lock, r.id); });
    }
    return;
  }
  const auto* g = std::get_if<protocol::grant>(&n->what);
  where_.notes.tell(where_.events.now(), name_, [&] { return "tells " + n->client + " of the grant of " + g->id; });
  where_.notices.tell(n->client, *g);
}

void process::publish() {
  publishing_ = true;
  soon([this] {
    step([&](auto& e, ms at) {
      const auto all = e.next_publication(at);
      publishing_ = all.has_value();
      if (!publishing_) return;
      soon([this, all] {
        const bool there = !where_.luck.in(20);
        if (there) spread(*all);
        step([&](auto& again, ms when) {
          again.published(there, where_.luck.in(2), when);
          publishing_ = false;
        });
      });
    });
  });
}

/// Who follows the events for everybody hears these some time later, or not at all.
void process::spread(const engine::outbox::batch& all) {
  for (const auto& p : where_.processes) {
    if (!p->hears_events_ || where_.luck.in(10)) continue;
    where_.events.after(where_.luck.between(300, 50'000), [p, all] {
      p->deliver([p, all] {
        p->step([&](auto& e, ms at) {
          for (const auto& a : all) a ? e.heard(*a, at) : e.missed_events(at);
        });
      });
    });
  }
}

void process::close() {
  step([](auto& e, ms at) { e.close(at); });
}

// --- what happens ---------------------------------------------------------------------------------------------------

std::shared_ptr<hold> process::find(engine::hold_id h) const {
  const auto it = std::find_if(holds.begin(), holds.end(), [h](const auto& each) { return each->number() == h; });
  return it == holds.end() ? nullptr : *it;
}

void process::happened(const engine::acquire_ended& e) {
  const auto found = calls_.extract(e.call);
  if (e.got != 0 && found && found.mapped()->takes_turns()) {
    for (const auto& [c, a] : calls_) {
      const bool passed = c < e.call && a->takes_turns() && a->plan().ask.lock == found.mapped()->plan().ask.lock;
      if (passed) where_.judge.passed(*this, a->plan().ask.lock);
    }
  }
  std::shared_ptr<hold> got;
  if (e.got != 0) {
    got = std::make_shared<hold>(shared_from_this(), e.got);
    got->begin();
  }
  if (found) found.mapped()->ended(e, got);
}

void process::happened(const engine::waiting& e) {
  if (const auto it = calls_.find(e.call); it != calls_.end()) it->second->waits();
}

void process::happened(const engine::release_ended& e) {
  if (const auto found = releases_.extract(e.call)) found.mapped()(e);
}

void process::happened(const engine::ask_ended& e) {
  if (const auto found = askings_.extract(e.call)) found.mapped()(e);
}

void process::happened(const engine::hold_changed& e) {
  if (const auto h = find(e.hold)) h->changed(e);
}

/// The callback runs on another thread, if there is one, and sometimes for long.
void process::happened(const engine::leader_changed& e) {
  soon([this, e] {
    const bool told = !where_.threads_fail || !where_.luck.in(100);
    if (const auto it = observers_.find(e.observer); told && it != observers_.end()) it->second(e.leader);
    at(now() + (where_.luck.in(20) ? where_.luck.between(0, 3000) : 0),
       [this, told, c = e.observer] { step([&](auto& with, ms when) { with.leader_told(c, told, when); }); });
  });
}

// --- notices --------------------------------------------------------------------------------------------------------

bool process::is_told() const {
  return where_.notices.is_open(name_);
}

void process::heard(const protocol::grant& g) {
  soon([this, g] {
    const auto before = holds.size();
    step([&](auto& e, ms at) { e.heard(g, at); });
    if (holds.size() > before) ++where_.seen.by_announcement;
  });
}

void process::inbox_opened() {
  soon([this] {
    step([&](auto& e, ms at) {
      if (is_told()) e.opened(engine::part::inbox, at);
    });
  });
}

void process::revoked(const std::string& lock, const std::string& id) {
  soon([this, lock, id] { step([&](auto& e, ms at) { e.heard(protocol::revocation{lock, id, "an operator"}, at); }); });
}

void process::nudge_foreign(const std::string& lock) {
  soon([this, lock] { step([&](auto& e, ms at) { e.heard(protocol::announcement{lock}, at); }); });
}

std::optional<state> process::doing(const std::string& id) const {
  const auto c = engine_->expects(id);
  if (!c) return std::nullopt;
  const auto op = engine_->asks(*c);
  return op ? state_of(*op) : state::waiting;
}

state process::doing(const hold& h) const {
  for (const auto& [_, all] : on_their_way_) {
    for (const auto& r : all) {
      if (r.id == h.ask().id && (r.op == operation::renew || r.op == operation::peek || r.op == operation::amend ||
                                 r.op == operation::release)) {
        return r.op == operation::peek ? state::renewing : state_of(r.op);
      }
    }
  }
  return state::holding;
}

std::size_t process::kept() const {
  return engine_->size() + holds.size() + later_.size() + calls_.size() + releases_.size() + askings_.size();
}

}  // namespace dlock::simulator
