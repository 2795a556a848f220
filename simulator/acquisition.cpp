#include "simulator/acquisition.hpp"

#include <utility>
#include <variant>

#include "simulator/hold.hpp"
#include "simulator/process.hpp"
#include "simulator/world.hpp"

namespace dlock::simulator {

using protocol::ms;
using protocol::request;

namespace {

/// With what its process has seen of the lock before.
protocol::acquire_plan with_what_was_seen(protocol::acquire_plan plan, const process& in) {
  const auto before = in.seen.find(plan.ask.lock);
  if (plan.ask.observed && before != in.seen.end()) plan.seen = before->second;
  return plan;
}

}  // namespace

acquisition::acquisition(std::shared_ptr<process> in, protocol::acquire_plan plan, std::function<void(const end&)> told)
    : in_(std::move(in)),
      plan_(with_what_was_seen(std::move(plan), *in_)),
      told_(std::move(told)),
      machine_(
          plan_, [p = in_.get()] { return p->fresh_id(); }, [p = in_.get()] { return p->where().luck.unit(); }) {}

void acquisition::begin() {
  follow(machine_.start(in_->now()));
}

void acquisition::stop() {
  if (over_) return;
  stopping_ = true;
  follow(machine_.cancel());
}

void acquisition::granted(const protocol::grant& g, ms heard) {
  if (over_) return;
  if (auto then = machine_.announced(g, heard, in_->now())) {
    if (std::holds_alternative<machine::done>(*then)) ++in_->where().seen.by_announcement;
    follow(*std::move(then));
  }
}

void acquisition::nudged(bool foreign) {
  if (over_) return;
  if (in_flight_) {
    (foreign ? foreign_nudge_ : nudged_) = true;  // for the next wait
    return;
  }
  if (auto then = machine_.nudged(foreign, in_->now())) follow(*std::move(then));
}

/// Does what the machine says.
void acquisition::follow(machine::action todo) {
  ++round_;
  in_flight_ = false;
  undo();
  if (const auto* d = std::get_if<machine::done>(&todo)) return finish(*d);
  if (auto* s = std::get_if<machine::send>(&todo)) return send(std::move(s->r));
  doing_ = state::waiting;
  const bool foreign = std::exchange(foreign_nudge_, false);
  if (std::exchange(nudged_, false) || foreign) {
    in_->soon([self = shared_from_this(), foreign] { self->nudged(foreign); });
  }
  in_->at(std::get<machine::wait>(todo).until, [self = shared_from_this(), round = round_] {
    if (self->round_ == round && !self->over_) self->follow(self->machine_.look(self->in_->now()));
  });
}

void acquisition::send(request r) {
  in_flight_ = true;
  if (expected_ != machine_.id()) {
    in_->forget(expected_);
    expected_ = machine_.id();
    in_->expect(expected_, shared_from_this());
  }
  doing_ = state_of(r.op);
  in_->send(std::move(r), [self = shared_from_this(), round = round_](const answer& a) {
    if (self->round_ == round && !self->over_) self->answered(a);
  });
  if (const auto limit = machine_.give_up_at()) {
    in_->at(*limit, [self = shared_from_this(), round = round_] {
      if (self->round_ == round && !self->over_) self->follow(self->machine_.give_up(self->in_->now()));
    });
  }
}

void acquisition::answered(const answer& a) {
  const ms now = in_->now();
  if (a.what != answer::kind::replied) return follow(machine_.unanswered(a.in_doubt, now));
  contended_ = contended_ || a.reply.place >= 0 || (a.reply.holders > 0 && !a.reply.mine);
  if (a.reply.place >= 0) in_->follow();
  follow(machine_.answered(a.reply, now, in_->is_told()));
}

void acquisition::undo() {
  const auto& all = machine_.to_undo();
  for (; undone_ < all.size(); ++undone_) in_->undo(plan_.ask, all[undone_]);
}

void acquisition::finish(const machine::done& d) {
  over_ = true;
  in_->forget(expected_);
  const bool got = d.what == result::acquired;
  if (plan_.ask.observed) in_->seen[plan_.ask.lock] = got ? protocol::observation{} : machine_.seen();
  end e{d.what, nullptr};
  if (got) {
    auto ask = plan_.ask;
    ask.id = machine_.id();
    e.got = std::make_shared<hold>(in_, std::move(ask), d, plan_.renews, machine_.in_doubt());
    e.got->begin();
  }
  told_(e);
}

}  // namespace dlock::simulator
