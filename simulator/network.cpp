#include "simulator/network.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace dlock::simulator {
namespace {

using protocol::operation;
using protocol::request;

constexpr tick kPatience = 5000 * ticks_per_ms;  // how long the driver waits for a primary, and for an answer
constexpr tick kSlow = 50 * ticks_per_ms;        // a message that takes longer counts as late

}  // namespace

state state_of(operation op) noexcept {
  switch (op) {
    case operation::try_:
      return state::trying;
    case operation::enqueue:
      return state::enqueuing;
    case operation::heartbeat:
      return state::beating;
    case operation::peek:
      return state::peeking;
    case operation::renew:
      return state::renewing;
    case operation::release:
      return state::releasing;
    case operation::cancel:
      return state::undoing;
    case operation::amend:
    case operation::revoke:
    case operation::resize:
      return state::amending;
  }
  return state::waiting;
}

/// A request and its callback, until somebody was told the result.
struct network::exchange {
  request r;
  std::function<void(const answer&)> done;

  void end(const answer& a) {
    if (!done) return;
    const auto tell = std::move(done);
    done = nullptr;
    tell(a);
  }
  void end_without(const char* why, bool in_doubt) {
    answer a;
    a.why = why;
    a.in_doubt = in_doubt;
    end(a);
  }
};

network::network(agenda& events, chance& luck, replica_set& set, coverage& seen)
    : to_server([](const auto&) { return fate{}; }),
      to_client([](const auto&) { return fate{}; }),
      events_(events),
      luck_(luck),
      set_(set),
      seen_(seen) {}

void network::ask(const request& r, std::function<void(const answer&)> done) {
  find_primary(std::make_shared<exchange>(exchange{r, std::move(done)}), events_.now() + kPatience);
}

void network::find_primary(const std::shared_ptr<exchange>& x, tick until) {
  const auto primary = set_.primary();
  if (!primary) {
    if (events_.now() >= until) {
      seen_.hit(fault::no_primary, state_of(x->r.op));
      return x->end_without("no primary was found", false);
    }
    events_.after(luck_.between(50, 500) * ticks_per_ms, [this, x, until] { find_primary(x, until); });
    return;
  }
  events_.after(kPatience, [x] { x->end_without("no answer came in time", true); });
  const bool old = asks_the_wrong_one && luck_.in(50);
  carry(x, old ? static_cast<std::size_t>(luck_.between(0, replica_set::members - 1)) : *primary, false);
}

void network::carry(const std::shared_ptr<exchange>& x, std::size_t to, bool is_copy) {
  const auto doing = state_of(x->r.op);
  const fate there = to_server(x->r);
  if (there.lost || cut_.contains(x->r.client)) return seen_.hit(fault::lost_request, doing);
  if (there.refused) {
    answer a;
    a.what = answer::kind::refused;
    a.why = "not authorized";
    return x->end(a);
  }
  if (there.delay > kSlow) seen_.hit(fault::late_request, doing);
  const tick longest = is_copy ? longest_delay / 2 : longest_delay;  // for a copy: half of it each way
  if (there.again && !is_copy) {
    seen_.hit(fault::doubled_request, doing);
    events_.after(std::min(*there.again, longest_delay / 2), [this, x] {
      if (const auto now = set_.primary()) carry(std::make_shared<exchange>(exchange{x->r, nullptr}), *now, true);
    });
  }
  events_.after(std::min(there.delay, longest), [this, x, to, doing] {
    if (!set_.is_up(to)) return x->end_without("the connection was refused", false);
    set_.command(to, x->r, [this, x, doing](const answer& a) {
      if (a.what != answer::kind::replied) seen_.hit(a.in_doubt ? fault::write_concern : fault::not_primary, doing);
      const fate back = to_client(x->r);
      if (back.lost || cut_.contains(x->r.client)) return seen_.hit(fault::lost_reply, doing);
      if (back.delay > kSlow) seen_.hit(fault::late_reply, doing);
      events_.after(std::min(back.delay, longest_delay), [x, a] { x->end(a); });
    });
  });
}

}  // namespace dlock::simulator
