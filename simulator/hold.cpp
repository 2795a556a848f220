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
constexpr ms kLongestPause = 500;
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
      schedule_(granted.begin, granted.lease, ask_.delta, renews, in_->now()) {}

bool hold::believes() const {
  return phase_ == phase::held && in_->now() < schedule_.valid_until();
}

void hold::begin() {
  in_->holds.push_back(shared_from_this());
  in_->where().judge.acquired(shared_from_this());
  look();
}

/// As the keeper's round.
void hold::look() {
  if (phase_ != phase::held) return;
  const ms now = in_->now();
  if (schedule_.valid_until() <= now) return lose("it was not renewed in time");
  if (!renewing_ && schedule_.next_renewal() <= now) renew();
  look_at(std::min(schedule_.valid_until(), renewing_ ? kNever : schedule_.next_renewal()));
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

void hold::renew() {
  renewing_ = true;
  doing_ = state::renewing;
  const ms sent = in_->now();
  in_->send(with(ask_, operation::renew),
            [self = shared_from_this(), sent](const answer& a) { self->renewed(a, sent); });
}

void hold::renewed(const answer& a, ms sent) {
  renewing_ = false;
  if (phase_ != phase::held) return;
  doing_ = state::holding;
  const ms now = in_->now();
  const bool replied = a.what == answer::kind::replied;
  const bool there = replied && a.reply.mine && !a.reply.mine->revoked;
  if (there && schedule_.valid_until() > now) {
    schedule_.renewed(sent);
    in_->where().judge.extended(shared_from_this());
  } else if (replied && !there) {
    return lose(schedule_.valid_until() <= now ? "it was not renewed in time" : "it is not there any more");
  } else if (!replied) {
    schedule_.unanswered(now);
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
  ask_to_release(with(ask_, operation::release), in_->now() + kReleaseTimeout, kFirstPause, false, done);
}

void hold::ask_to_release(request r, ms until, ms pause, bool in_doubt, const std::function<void(bool)>& done) {
  auto over = std::make_shared<bool>(false);  // its answer came, or it was not waited for any more
  in_->at(until, [self = shared_from_this(), r, over, done] {
    if (std::exchange(*over, true) || self->phase_ != phase::releasing) return;
    self->give_back(r);
    self->end(phase::in_doubt);
    done(false);
  });
  in_->send(r, [self = shared_from_this(), r, until, pause, in_doubt, over, done](const answer& a) {
    if (std::exchange(*over, true)) return;
    if (a.what == answer::kind::replied) {
      const bool found = a.reply.found && a.reply.valid;
      const bool released = found || (in_doubt && !a.reply.found);
      if (self->doubtful_ || !found) self->in_->undo(r, {r.id, self->doubtful_});
      self->end(released ? phase::released : phase::lost);
      return done(released);
    }
    if (self->in_->now() + pause >= until) {
      self->give_back(r);
      self->end(phase::in_doubt);
      return done(false);
    }
    self->in_->at(self->in_->now() + pause, [self, r, until, pause, doubt = in_doubt || a.in_doubt, done] {
      if (self->phase_ != phase::releasing) return;
      self->ask_to_release(r, until, std::min(2 * pause, kLongestPause), doubt, done);
    });
  });
}

/// As client_core::give_back.
void hold::give_back(request r) {
  const auto end = schedule_.valid_until() + protocol::lease_margin(r.delta) + kSkew;
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
