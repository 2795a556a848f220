#include "simulator/hold.hpp"

#include <utility>

#include "simulator/process.hpp"
#include "simulator/world.hpp"

namespace dlock::simulator {
namespace {

using protocol::ms;

}  // namespace

hold::hold(std::shared_ptr<process> in, engine::hold_id number) : hold(in, number, *in->client().find(number)) {}

hold::hold(std::shared_ptr<process> in, engine::hold_id number, engine::client::lease granted)
    : in_(std::move(in)), number_(number), first_(std::move(granted)), what_(first_.ask.what) {}

const engine::client::lease* hold::there() const {
  return in_->client().find(number_);
}

bool hold::believes() const {
  const auto* l = there();
  return !over_ && l != nullptr && l->held(in_->now());
}

hold::phase hold::now() const {
  if (over_) return *over_;
  const auto* l = there();
  return l == nullptr ? phase::released : l->now;
}

ms hold::valid_until() const {
  const auto* l = there();
  return l == nullptr ? first_.machine.valid_until() : l->machine.valid_until();
}

void hold::begin() {
  in_->holds.push_back(shared_from_this());
  in_->where().judge.acquired(shared_from_this());
}

void hold::notice() {
  in_->step([&](auto& e, ms at) { e.heard(protocol::revocation{ask().lock, ask().id, "an operator"}, at); });
}

void hold::changed(const engine::hold_changed& c) {
  if (c.now == phase::held) return in_->where().judge.extended(shared_from_this());
  if (c.now != phase::lost) return;
  ++in_->where().seen.lost;
  in_->where().notes.tell(in_->where().events.now(), in_->name(), [&] {
    const bool in_time = c.why == engine::loss::not_renewed || c.why == engine::loss::ended;
    return "loses " + ask().lock + " (" + ask().id +
           "): " + (in_time ? "it was not renewed in time" : "it is not there any more");
  });
}

void hold::abandon() {
  end(phase::released);
}

void hold::downgrade(std::function<void(bool)> done) {
  what_ = {false, 1};
  in_->step([&](auto& e, ms at) {
    in_->expect(e.amend(number_, what_, {}, at), ask().lock, [done = std::move(done)](const engine::ask_ended& a) {
      done(a.what == engine::ask_ended::result::answered && a.change == engine::ask_ended::amended::done);
    });
  });
}

void hold::release(std::function<void(bool)> done, ms keep, ms timeout) {
  in_->step([&](auto& e, ms at) {
    in_->expect(e.release(number_, keep, timeout, at),
                [self = shared_from_this(), done = std::move(done)](const engine::release_ended& r) {
                  using result = engine::release_ended::result;
                  const bool in_doubt = r.what == result::unknown;
                  if (r.what == result::released) self->in_->where().judge.released(self);
                  if (r.failure.early) ++self->in_->where().seen.early;
                  self->end(in_doubt ? phase::in_doubt : r.what == result::released ? phase::released : phase::lost);
                  done(r.what == result::released);
                });
  });
}

void hold::end(phase how) {
  over_ = how;
  in_->where().judge.ended(shared_from_this());
  std::erase(in_->holds, shared_from_this());
  in_->step([&](auto& e, ms at) { e.drop(number_, at); });
}

void hold::publish(const std::string& value, std::function<void(bool)> done) {
  in_->step([&](auto& e, ms at) {
    const auto* l = there();
    const auto seq = (l == nullptr ? 0 : l->amendments) + 1;
    in_->expect(e.amend(number_, ask().what, value, at), ask().lock,
                [self = shared_from_this(), seq, done = std::move(done)](const engine::ask_ended& a) {
                  const bool did =
                      a.what == engine::ask_ended::result::answered && a.change == engine::ask_ended::amended::done;
                  if (did) self->in_->where().judge.published(self, seq);
                  done(did);
                });
  });
}

}  // namespace dlock::simulator
