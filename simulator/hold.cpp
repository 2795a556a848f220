#include "simulator/hold.hpp"

#include <algorithm>
#include <utility>

#include "client/answering.hpp"
#include "simulator/process.hpp"
#include "simulator/world.hpp"

namespace dlock::simulator {
namespace {

using protocol::ms;
using protocol::operation;
using protocol::request;

// As in src/client.
constexpr ms kFirstPause = 50;
constexpr ms kReleaseTimeout = 10'000;
constexpr ms kSkew = 500;

request with(request r, operation op) {
  r.op = op;
  return r;
}

}  // namespace

hold::hold(std::shared_ptr<process> in, request ask, const protocol::acquire_machine::done& granted, bool renews,
           bool doubtful)
    : in_(std::move(in)),
      ask_(std::move(ask)),
      token_(granted.token),
      doubtful_(doubtful),
      machine_(protocol::lease_schedule(granted.begin, granted.lease, ask_.delta, renews, in_->now())) {}

bool hold::believes() const {
  return phase_ == phase::held && in_->now() < machine_.valid_until();
}

void hold::begin() {
  in_->holds.push_back(shared_from_this());
  in_->where().judge.acquired(shared_from_this());
  look();
}

/// As the keeper's round.
void hold::look() {
  if (phase_ != phase::held) return;
  using action = engine::hold_machine::action;
  switch (machine_.look(in_->now())) {
    case action::lose:
      return lose("it was not renewed in time");
    case action::renew:
      renew(operation::renew);
      break;
    case action::peek:
      renew(operation::peek);
      break;
    case action::nothing:
      break;
  }
  look_at(machine_.next());
}

void hold::notice() {
  machine_.notice("an operator", in_->now());
  look();
}

void hold::clock_was_set() {
  machine_.clock_was_set(in_->now());
  look();
}

void hold::look_at(ms when) {
  if (looks_at_ <= when && looks_at_ > in_->now()) return;
  looks_at_ = when;
  in_->at(when, [self = shared_from_this(), when] {
    if (self->looks_at_ != when) return;
    self->looks_at_ = kNever;
    self->look();
  });
}

void hold::renew(operation op) {
  doing_ = state_of(op);
  const ms sent = in_->now();
  in_->send(with(ask_, op), [self = shared_from_this(), sent](const answer& a) { self->renewed(a, sent); });
}

void hold::renewed(const answer& a, ms sent) {
  if (phase_ != phase::held) return;
  using effect = engine::hold_machine::effect;
  doing_ = state::holding;
  const ms now = in_->now();
  if (a.what != answer::kind::replied) {
    (void)machine_.unanswered(now);
  } else if (const auto became = machine_.answered(a.reply, sent, now); became == effect::held) {
    in_->where().judge.extended(shared_from_this());
  } else if (became == effect::lost) {
    return lose(machine_.valid_until() <= now ? "it was not renewed in time" : "it is not there any more");
  }
  look();
}

void hold::lose(const char* why) {
  phase_ = phase::lost;
  ++in_->where().seen.lost;
  in_->where().notes.tell(in_->where().events.now(), in_->name(),
                          [&] { return "loses " + ask_.lock + " (" + ask_.id + "): " + why; });
}

void hold::release(std::function<void(bool)> done) {
  if (phase_ == phase::held && !believes()) lose("it ended before it was released");
  if (phase_ == phase::lost) {
    give_back(with(ask_, operation::release));
    end(phase::lost);
    return done(false);
  }
  if (phase_ != phase::held) return done(false);
  phase_ = phase::releasing;
  doing_ = state::releasing;
  const auto r = std::make_shared<release_call>(
      release_call{{with(ask_, operation::release), in_->now() + kReleaseTimeout, false, doubtful_}, std::move(done)});
  follow(r, r->machine.start());
}

void hold::follow(const releasing& r, releasing_machine::action todo) {
  ++r->round;
  const auto again = [self = shared_from_this(), r, round = r->round](auto what) {
    return [self, r, round, what](const auto&... heard) {
      if (r->round == round && self->phase_ == phase::releasing) self->follow(r, what(heard...));
    };
  };
  if (const auto* pause = std::get_if<releasing_machine::wait>(&todo)) {
    return in_->at(pause->until, again([r] { return r->machine.look(); }));
  }
  if (const auto* s = std::get_if<releasing_machine::send>(&todo)) {
    in_->at(r->machine.until(), again([r] { return r->machine.give_up(); }));
    return in_->send(s->r, again([r, in = in_](const answer& a) {
                       if (a.what == answer::kind::replied) return r->machine.answered(a.reply);
                       if (a.what == answer::kind::refused) return r->machine.give_up();
                       return r->machine.unanswered(a.in_doubt, in->now());
                     }));
  }
  const auto& d = std::get<releasing_machine::done>(todo);
  const auto& ask = r->machine.ask();
  if (d.what == releasing_machine::result::unknown) give_back(ask);
  if (d.cancel) in_->undo(ask, {ask.id, doubtful_});
  const bool released = d.what == releasing_machine::result::released;
  const bool unknown = d.what == releasing_machine::result::unknown;
  end(released ? phase::released : unknown ? phase::in_doubt : phase::lost);
  r->done(released);
}

/// As client_core::give_back.
void hold::give_back(request r) {
  const auto end = machine_.valid_until() + protocol::lease_margin(r.delta) + kSkew;
  const auto look = detail::cancel_of(r, doubtful_);
  const ms life = std::max(r.life, r.delta);
  in_->errand(std::move(r), std::max(end, in_->now() + kReleaseTimeout),
              [p = in_.get(), look, life, doubtful = doubtful_](const answer& a, tick) {
                const bool replied = a.what == answer::kind::replied;
                if ((!replied && doubtful) || (replied && (doubtful || !a.reply.found)))
                  p->errand(look, p->now() + life, {});
              });
}

void hold::end(phase how) {
  phase_ = how;
  in_->where().judge.ended(shared_from_this());
  std::erase(in_->holds, shared_from_this());
}

void hold::publish(const std::string& value, std::function<void(bool)> done) {
  auto r = with(ask_, operation::amend);
  r.value = value;
  r.seq = ++amended_;
  doing_ = state::amending;
  amend(std::move(r), done);
}

void hold::amend(request r, const std::function<void(bool)>& done) {
  in_->send(r, [self = shared_from_this(), r, done](const answer& a) {
    if (self->phase_ != phase::held) return done(false);
    if (a.what != answer::kind::replied) {
      return self->in_->at(self->in_->now() + kFirstPause, [self, r, done] {
        if (self->phase_ != phase::held) return done(false);
        self->amend(r, done);
      });
    }
    self->doing_ = state::holding;
    if (!a.reply.mine || a.reply.mine->revoked) {
      self->lose("it is not there any more");
      return done(false);
    }
    self->in_->where().judge.published(self, r.seq);
    done(true);
  });
}

}  // namespace dlock::simulator
