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

constexpr std::int64_t kMillion = 1'000'000;

}  // namespace

process::process(world& where, std::string name, tick clock_ahead, std::int64_t clock_gains)
    : where_(where),
      name_(std::move(name)),
      ahead_(clock_ahead),
      gains_(clock_gains),
      engine_(std::make_unique<engine::client>(
          engine::client::settings{.id = name_, .who = name_, .has_channel = where_.has_channel},
          [this] { return fresh_id(); }, [this] { return where_.luck.unit(); })) {}

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
  hit(fault::frozen);
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
  if (set_clock) hit(fault::clock_was_set);
  auto all = std::exchange(later_, {});
  for (std::size_t i = all.size(); i > 1; --i) {  // the threads of the process wake in any order
    std::swap(all[i - 1], all[static_cast<std::size_t>(where_.luck.between(0, static_cast<std::int64_t>(i) - 1))]);
  }
  for (auto& each : all) deliver(std::move(each));
}

void process::set_clock() {
  deliver([this] {
    hit(fault::clock_was_set);
    step([](auto& e, ms at) { e.clock_was_set(at); });
  });
}

void process::kill() {
  if (!alive_) return;
  where_.notes.tell(where_.events.now(), name_, [] { return std::string("is killed"); });
  hit(fault::killed);
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
  reading_.clear();
  unsettled_.clear();
  holds.clear();
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
  if (!is_told() && engine_->is_open(engine::part::inbox)) (void)engine_->broke(engine::part::inbox, "closed", now());
  what(*engine_, now());
  check_turns(now());
  follow_up();
}

void process::check_turns(ms at) const {
  for (const auto& [c, a] : calls_) {
    if (!engine_->is_served(c, at)) where_.judge.nobody_acts(*this, a->lock());
  }
  if (engine_->lingers_too_long(at)) where_.judge.lingers_too_long(*this);
}

void process::check_owner(const hold& h, engine::hold_id number) const {
  const auto& l = h.granted();
  const auto named = [&](const std::string& lock, const std::string& owner) { return engine_->hold_of(lock, owner); };
  const bool is_right =
      named(l.ask.lock, l.owner()) == number && (l.turn == 1 || named(l.ask.lock, l.ask.id) != number);
  if (!is_right || named("another", l.owner())) where_.judge.names_another_hold(h);
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
  if (where_.has_channel && engine_->wants(engine::part::inbox) && !std::exchange(follows_, true))
    where_.notices.follow(shared_from_this());
  if (!where_.has_channel || events_broke_ || engine_->wants(engine::part::events) == hears_events_) return;
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

void process::close() {
  closed_ = true;
  hit(fault::closed);
  step([](auto& e, ms at) { e.close(at); });
}

void process::finish() {
  deliver([this] {
    step([](auto& e, ms at) {
      e.hurry(at);
      e.stop_listening();
    });
  });
}

// --- what happens ---------------------------------------------------------------------------------------------------

const hold* process::find(const std::string& id) const {
  const auto it = std::find_if(holds.begin(), holds.end(), [&](const auto& each) { return each->ask().id == id; });
  return it == holds.end() ? nullptr : it->get();
}

std::shared_ptr<hold> process::find(engine::hold_id h) const {
  const auto it = std::find_if(holds.begin(), holds.end(), [h](const auto& each) { return each->number() == h; });
  return it == holds.end() ? nullptr : *it;
}

void process::happened(const engine::acquire_ended& e) {
  const auto found = calls_.extract(e.call);
  if (e.got != 0 && found && found.mapped()->takes_turns()) {
    for (const auto& [c, a] : calls_) {
      const bool passed = c < e.call && a->takes_turns() && a->lock() == found.mapped()->lock();
      if (passed) where_.judge.passed(*this, a->lock());
    }
  }
  std::shared_ptr<hold> got;
  if (e.got != 0) {
    got = std::make_shared<hold>(shared_from_this(), e.got);
    got->begin();
    check_owner(*got, e.got);
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
  if (const auto found = askings_.extract(e.call)) found.mapped().told(e);
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

void process::lose_events() {
  deliver([this] {
    if (!hears_events_ || events_broke_) return;
    step([this](auto& e, ms when) {
      hears_events_ = false;
      events_broke_ = true;
      at(e.broke(engine::part::events, "broken off", when), [this] {
        events_broke_ = false;
        step([](auto&, ms) {});
      });
    });
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
  soon([this, lock] {
    step([&](auto& e, ms at) { lock.empty() ? e.heard_gap(at) : e.heard(protocol::announcement{lock}, at); });
  });
}

std::size_t process::kept() const {
  return engine_->size() + holds.size() + later_.size() + calls_.size() + releases_.size() + askings_.size();
}

}  // namespace dlock::simulator
