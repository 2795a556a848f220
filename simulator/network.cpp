#include "simulator/network.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace dlock::simulator {
namespace {

using protocol::operation;
using protocol::request;

constexpr tick kPatience = 5000 * ticks_per_ms;  // how long the driver waits for a primary, and for an answer

/// What a server or the driver says when there is no answer.
answer failure(fate::told says) {
  answer a;
  switch (says) {
    case fate::told::the_answer:
      break;
    case fate::told::refused:
      a.what = answer::kind::refused;
      a.code = errc::not_authorized;
      a.why = "not authorized";
      break;
    case fate::told::server_error:
      a.what = answer::kind::refused;
      a.code = errc::server;
      a.why = "an error of the server";
      a.in_doubt = true;
      break;
    case fate::told::interrupted:
      a.why = "interrupted";
      a.in_doubt = true;
      break;
    case fate::told::not_executed:
      a.why = "all connections are busy";
      break;
  }
  return a;
}

fault fault_of(fate::told says) {
  switch (says) {
    case fate::told::refused:
      return fault::refused;
    case fate::told::server_error:
      return fault::server_error;
    case fate::told::interrupted:
      return fault::interrupted;
    default:
      return fault::not_executed;
  }
}

}  // namespace

/// A command and its callback, until somebody was told the result.
struct network::exchange {
  replica_set::batch all;
  told done;
  std::optional<protocol::lookup> lookup = {};  // then `all` has one request, which says who asks
  std::vector<protocol::snapshot> seen = {};

  [[nodiscard]] const request& first() const { return all->front(); }
  void end(const std::vector<answer>& answers) {
    if (!done) return;
    const auto tell = std::move(done);
    done = nullptr;
    tell(answers);
  }
  void end_without(const char* why, bool in_doubt) {
    answer a;
    a.why = why;
    a.in_doubt = in_doubt;
    end(std::vector<answer>(all->size(), a));
  }
};

network::network(agenda& events, chance& luck, replica_set& set, coverage& seen)
    : to_server([](const auto&) { return fate{}; }),
      to_client([](const auto&) { return fate{}; }),
      doing([](const auto&) { return state::reading; }),
      events_(events),
      luck_(luck),
      set_(set),
      seen_(seen) {}

void network::ask(replica_set::batch all, told done) {
  find_primary(std::make_shared<exchange>(exchange{std::move(all), std::move(done)}), events_.now() + kPatience);
}

void network::read(const std::string& client, const protocol::lookup& l,
                   std::function<void(const lookup_answer&)> done) {
  request r;
  r.op = operation::peek;
  r.lock = l.ids.empty() ? l.id : l.ids.front();
  r.client = client;
  const auto x =
      std::make_shared<exchange>(exchange{std::make_shared<const protocol::batch>(1, std::move(r)), nullptr, l});
  x->done = [weak = std::weak_ptr(x), done = std::move(done)](const std::vector<answer>& all) {
    lookup_answer a{all.front(), {}};
    a.in_doubt = false;  // it only reads
    if (const auto self = weak.lock()) a.seen = std::move(self->seen);
    done(a);
  };
  find_primary(x, events_.now() + kPatience);
}

void network::hit(fault f, const exchange& x) {
  if (x.lookup) return seen_.hit(f, state::reading);
  for (const auto& r : *x.all) seen_.hit(f, doing(r));
}

void network::find_primary(const std::shared_ptr<exchange>& x, tick until) {
  const auto primary = set_.primary();
  if (!primary) {
    if (events_.now() >= until) {
      hit(fault::no_primary, *x);
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
  const fate there = to_server(x->first());
  if (there.says == fate::told::not_executed && !is_copy) {
    hit(fault::not_executed, *x);
    events_.after(there.delay, [x] { x->end(std::vector<answer>(x->all->size(), failure(fate::told::not_executed))); });
    return;
  }
  if (there.lost || cut_.contains(x->first().client)) return hit(fault::lost_request, *x);
  if (there.delay > late_from) hit(fault::late_request, *x);
  const tick longest = is_copy ? longest_delay / 2 : longest_delay;  // for a copy: half of it each way
  if (there.again && !is_copy) {
    hit(fault::doubled_request, *x);
    events_.after(std::min(*there.again, longest_delay / 2), [this, x] {
      if (const auto now = set_.primary()) {
        carry(std::make_shared<exchange>(exchange{x->all, nullptr, x->lookup}), *now, true);
      }
    });
  }
  events_.after(std::min(there.delay, longest), [this, x, to, there] { arrive(x, to, there); });
}

void network::arrive(const std::shared_ptr<exchange>& x, std::size_t at, const fate& f) {
  if (!set_.is_up(at)) return x->end_without("the connection was refused", false);
  if (f.says == fate::told::the_answer || f.executed) {
    if (x->lookup) {
      return set_.read(at, *x->lookup, [this, x](const lookup_answer& a) {
        x->seen = a.seen;
        answer_with(x, {static_cast<const answer&>(a)});
      });
    }
    return set_.command(at, x->all, [this, x, says = f.says](const std::vector<answer>& all) {
      if (says == fate::told::the_answer || all.front().what != answer::kind::replied) return answer_with(x, all);
      hit(fault_of(says), *x);
      answer_with(x, std::vector<answer>(all.size(), failure(says)));
    });
  }
  hit(fault_of(f.says), *x);
  answer_with(x, std::vector<answer>(x->all->size(), failure(f.says)));
}

void network::answer_with(const std::shared_ptr<exchange>& x, const std::vector<answer>& all) {
  const auto& a = all.front();
  if (a.server_code == replica_set::too_large) hit(fault::too_large, *x);
  if (a.what == answer::kind::no_answer && a.why != failure(fate::told::interrupted).why) {
    hit(a.in_doubt ? fault::write_concern : fault::not_primary, *x);
  }
  const fate back = to_client(x->first());
  if (back.lost || cut_.contains(x->first().client)) return hit(fault::lost_reply, *x);
  if (back.delay > late_from) hit(fault::late_reply, *x);
  events_.after(std::min(back.delay, longest_delay), [x, all] { x->end(all); });
}

}  // namespace dlock::simulator
