// What a process sends: commands, notices and announcements.
#include <utility>
#include <variant>

#include "simulator/acquisition.hpp"
#include "simulator/process.hpp"
#include "simulator/world.hpp"

namespace dlock::simulator {

using protocol::ms;
using protocol::operation;
using protocol::request;

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
    if (where_.threads_fail > 0 && where_.luck.in(where_.threads_fail)) {
      no_thread(renewal);
      return renewal ? e.cannot_renew(at) : e.cannot_send("no thread", at);
    }
    if (const auto out = renewal ? e.next_renewal(at) : e.next_request(at)) carry(*out);
  });
}

/// Counts what cannot be sent. A copy of the engine tells what that is.
void process::no_thread(bool renewal) {
  auto copy = *engine_;
  const auto next = [&] { return renewal ? copy.next_renewal(now()) : copy.next_request(now()); };
  for (auto out = next(); out; out = next()) {
    if (out->lookup) where_.seen.hit(fault::no_thread, state::reading);
    for (const auto& r : out->all) where_.seen.hit(fault::no_thread, doing(r));
  }
}

void process::look(const engine::client::outgoing& out) {
  const auto lock = out.lookup->ids.empty() ? out.lookup->id : out.lookup->ids.front();
  reading_[out.ticket] = lock;
  where_.notes.tell(where_.events.now(), name_, [&] { return "reads " + lock; });
  where_.on_command(*this, lock, nullptr, false);
  where_.net.read(name_, *out.lookup, [self = shared_from_this(), ticket = out.ticket](const lookup_answer& a) {
    self->deliver([self, ticket, a] {
      self->where_.notes.tell(self->where_.events.now(), self->name_, [&] {
        return a.what != answer::kind::replied ? "has not read it: " + a.why
                                               : "has read " + std::to_string(a.seen.size()) + " locks";
      });
      self->reading_.erase(ticket);
      self->step([&](auto& e, ms when) { e.answered(ticket, a, when); });
    });
  });
}

void process::carry(const engine::client::outgoing& out) {
  if (out.lookup) return look(out);
  where_.on_command(*this, out.all.front().lock, &out.all.front(), false);
  const auto all = std::make_shared<const protocol::batch>(out.all);
  on_their_way_[out.ticket] = all;
  if (all->size() > 1) {
    where_.seen.combined += static_cast<std::int64_t>(all->size());
    if (all->front().op == operation::renew) where_.seen.renewed += static_cast<std::int64_t>(all->size());
  }
  std::vector<bool> in_doubt;
  for (const auto& r : *all) {
    where_.notes.tell(where_.events.now(), name_, [&] { return "asks: " + in_words(r); });
    if (protocol::creates(r)) ++unsettled_[r.id];
    in_doubt.push_back(unsettled_.contains(r.id));
  }
  where_.net.ask(all, [self = shared_from_this(), all, ticket = out.ticket, sent = where_.events.now(),
                       in_doubt = std::move(in_doubt)](const std::vector<answer>& answers) {
    self->deliver([self, all, ticket, sent, in_doubt, answers] {
      for (std::size_t i = 0; i < all->size(); ++i) self->hears((*all)[i], answers[i], sent, in_doubt[i]);
      self->on_their_way_.erase(ticket);
      self->step([&](auto& e, ms at) { e.answered(ticket, answers, at); });
    });
  });
}

void process::hears(const request& r, const answer& a, tick sent, bool in_doubt) {
  where_.notes.tell(where_.events.now(), name_, [&] { return "hears: " + in_words(r, a); });
  const bool replied = a.what == answer::kind::replied;
  const bool carried_out = replied && (!a.reply.found || a.reply.valid);
  if (carried_out && r.op == operation::cancel && in_doubt) where_.judge.undone(r, sent);
  const bool only_read = r.op == operation::peek && !a.reply.instead;
  if (replied && a.reply.mine && !a.reply.mine->revoked && !only_read) {
    where_.judge.confirmed(r.id, local(sent) / ticks_per_ms);
  }
  if (replied || !a.in_doubt) settled(r);
  if (!replied) where_.on_command(*this, r.lock, &r, true);
  if (const auto c = engine_->expects(r.id)) {
    if (const auto it = calls_.find(*c); it != calls_.end()) it->second->heard(!replied);
  }
}

/// The outcome of this request is known.
void process::settled(const request& r) {
  const auto it = protocol::creates(r) ? unsettled_.find(r.id) : unsettled_.end();
  if (it != unsettled_.end() && --it->second == 0) unsettled_.erase(it);
}

void process::tell() {
  const auto n = engine_->next_notice();
  engine_->notice_done();
  if (!n) return;
  if (const auto* r = std::get_if<protocol::revocation>(&n->what)) {
    for (const auto& p : where_.processes) {
      if (p->name() == n->client) p->deliver([p, r = *r] { p->revoked(r.lock, r.id); });
    }
    return;
  }
  if (const auto* r = std::get_if<protocol::recall>(&n->what)) {
    if (where_.luck.in(10)) return;  // it is lost
    for (const auto& p : where_.processes) {
      if (p->name() != n->client) continue;
      where_.events.after(where_.luck.between(300, 50'000),
                          [p, r = *r] { p->deliver([p, r] { p->step([&](auto& e, ms at) { e.heard(r, at); }); }); });
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
      const bool no_thread = where_.threads_fail > 0 && where_.luck.in(where_.threads_fail);
      if (no_thread) e.cannot_publish(at);
      const auto all = no_thread ? std::nullopt : e.next_publication(at);
      publishing_ = all.has_value();
      if (!publishing_) return;
      soon([this, all] {
        const bool there = !where_.luck.in(20);
        answer told;
        if (there) {
          told.what = answer::kind::replied;
          spread(*all);
        }
        step([&](auto& again, ms when) {
          again.report(engine::part::outbox, told);
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
          for (const auto& a : all) a ? e.heard(*a, at) : e.heard_gap(at);
        });
      });
    });
  }
}

}  // namespace dlock::simulator
