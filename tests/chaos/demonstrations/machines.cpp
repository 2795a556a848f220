#include <string_view>

#include "demonstrations.hpp"
#include "engine/cancel.hpp"
#include "engine/client.hpp"
#include "protocol/acquire.hpp"
#include "protocol/lease_schedule.hpp"
#include "protocol/pipeline.hpp"

namespace dlock::testing {
namespace {

using protocol::acquire_machine;
using protocol::ms;
using protocol::operation;
using protocol::request;

/// A machine that has sent its first request, at 0.
acquire_machine started() {
  protocol::acquire_plan plan;
  plan.ask.lock = "lock";
  acquire_machine m(
      plan, [n = 0]() mutable { return "id" + std::to_string(++n); }, [] { return 0.5; });
  (void)m.start(0);
  return m;
}

protocol::reply queued_at(ms server_time) {
  protocol::reply r;
  r.found = true;
  r.now = server_time;
  r.place = 0;
  r.queue = 1;
  r.holders = 1;
  return r;
}

bool writes_to_one_member() {
  const auto c = protocol::command(request{}, {.coll = "locks"});
  bson_iter_t it, w;
  if (!bson_iter_init(&it, c.get()) || !bson_iter_find_descendant(&it, "writeConcern.w", &w)) return true;
  return !BSON_ITER_HOLDS_UTF8(&w) || std::string_view(bson_iter_utf8(&w, nullptr)) != "majority";
}

bool counts_from_the_answer() {
  auto m = started();
  protocol::reply r = queued_at(1000);
  r.place = -1;
  r.mine.emplace();
  r.mine->id = m.id();
  r.mine->fence = 1000;  // a token
  const auto next = m.answered(r, 500);
  return std::get<acquire_machine::done>(next).begin == 500;
}

bool takes_silence_for_yes() {
  auto m = started();
  return std::holds_alternative<acquire_machine::done>(m.unanswered(true, 100));
}

bool takes_an_old_grant() {
  auto m = started();
  (void)m.answered(queued_at(1000), 10);
  // Granted 10 ms after that answer; heard of it in time, and came to it 4.9 s later. The term is 5 s.
  const auto next = m.announced({"lock", m.id(), 1000, 1010}, 30, 4930);
  return next && std::holds_alternative<acquire_machine::done>(*next);
}

bool never_looks() {
  auto m = started();
  const auto next = m.answered(queued_at(1000), 10);
  return std::get<acquire_machine::wait>(next).until > 10 + protocol::acquire_plan{}.wait_period;
}

bool retries_as_somebody_else() {
  auto m = started();
  const auto first = m.id();
  (void)m.unanswered(true, 100);
  (void)m.look(200);
  return m.id() != first && m.to_undo().empty();
}

/// Whether an heir hears of it when the answer to a release names it.
bool heir_hears(answer::kind of_answer) {
  engine::client e(
      {.id = "client", .who = "somebody"}, [] { return "heir"; }, [] { return 0.5; });
  const auto answer_next = [&](answer::kind what, protocol::reply r, ms now) {
    const auto out = e.next_request(now);
    answer a;
    a.what = what;
    a.reply = std::move(r);
    if (out) e.answered(out->ticket, std::vector<answer>{a}, now);
  };
  protocol::acquire_plan plan;
  plan.ask.lock = "lock";
  (void)e.acquire(plan, false, 0);
  answer_next(answer::kind::replied, queued_at(1000), 10);
  request r;
  r.op = operation::release;
  r.lock = "lock";
  (void)e.ask(r, {}, 20);
  auto told = queued_at(1020);
  told.heirs.push_back({"heir", "client", 1000, 1020, 6000});
  answer_next(of_answer, std::move(told), 30);
  for (const auto& each : e.take_events()) {
    if (std::holds_alternative<engine::acquire_ended>(each)) return true;
  }
  return false;
}

}  // namespace

demonstrations of_machines() {
  return {
      {"w1", writes_to_one_member},
      {"late-lost", [] { return protocol::valid_until(0, 1000) > 1000; }},
      {"lease-from-answer", counts_from_the_answer},
      {"lost-reply-is-held", takes_silence_for_yes},
      {"no-confirm-after-stale-wait", takes_an_old_grant},
      {"no-poll-fallback", never_looks},
      {"fresh-id-on-retry", retries_as_somebody_else},
      {"no-tombstone", [] { return engine::cancel_of(request{}, true).tomb == 0; }},
      {"release-forgets-heirs", [] { return !heir_hears(answer::kind::replied); }},
      {"announce-before-commit", [] { return heir_hears(answer::kind::no_answer); }},
  };
}

}  // namespace dlock::testing
