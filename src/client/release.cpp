// Giving a lease back: once, and until an answer says what became of it.
#include <algorithm>
#include <utility>
#include <variant>

#include "client/answering.hpp"
#include "client/call.hpp"
#include "client/client_core.hpp"
#include "engine/release_machine.hpp"
#include "protocol/lease_schedule.hpp"
#include "util/test_point.hpp"
#include "util/text.hpp"

namespace dlock::detail {

void client_core::release_in_background(const lease_record& record) {
  if (record.is_revoked()) bus_->will_free(record.owner(), announcement_of(record, false), record.is_exclusive());
  give_back(record, record.ask(protocol::operation::release));
}

/// As long as the server may count it as held, and for the time of a release at least.
void client_core::give_back(const lease_record& record, protocol::request r) {
  const auto end = record.valid_until() + protocol::lease_margin(r.delta) + options_.clock_skew.count();
  const auto until = std::max(end, now() + options_.operation_timeout.count());
  const bool doubtful = record.is_doubtful();
  const bool kept = r.keep > 0;
  const auto life = std::max(r.life, r.delta);
  auto look = cancel_of(r, doubtful);
  errands_->add(std::move(r), until, activity::part(activity_),
                [b = bus_, env = env_, again = errands_, what = activity_, look = std::move(look), doubtful, kept,
                 life](const answer& a) {
                  const bool replied = a.what == answer::kind::replied;
                  if (replied) b->freed(look.id);
                  b->not_freed(look.id);
                  // As after a release that was answered in time; but what was not, may have to be kept.
                  const bool unheard = !replied && doubtful && !kept;
                  if (unheard || (replied && (doubtful || !a.reply.found))) {
                    again->add(look, env->now_ms() + life, activity::part(what));
                  }
                });
}

release_result client_core::release(lease_record& record, ms keep, ms timeout) {
  const std::string doing = "cannot release lock " + in_quotes(record.lock());
  check_process(doing);
  if (record.now() == lease_record::phase::held && !record.held(now())) {
    // Over, and the watch has not come to it yet.
    keeper_->forget(record);
    record.lose(*notices_, loss_reason::expired, "its lease ended before it was released");
  }
  const auto found = record.begin_release();
  switch (found) {
    case lease_record::phase::lost:
      // The server may still count it as held: until its end, and a revoked one until somebody lets go.
      if (record.give_up()) release_in_background(record);
      return release_result::lost;
    case lease_record::phase::released:
    case lease_record::phase::releasing:
      return release_result::not_held;
    case lease_record::phase::held:
    case lease_record::phase::in_doubt:
      break;
  }
  test_point("releasing");
  keeper_->forget(record);
  keep = record.keep_at_least(keep);
  auto r = record.ask(protocol::operation::release);
  r.keep = keep;
  // No server's clock says how long ago the grant was. Not before it was heard of, so it is rather kept too long.
  if (r.observed && keep > 0) r.keep = std::max<ms>(0, keep - (now() - record.granted().heard));
  r.brief = (record.alone() || r.what.exclusive) && found == lease_record::phase::held;
  const bool stays = r.keep > 0 && (r.observed || now() - record.granted().begin < keep);
  // Asked again, it may have been told meanwhile.
  if (!stays && found == lease_record::phase::held)
    bus_->will_free(record.owner(), announcement_of(record, false), record.is_exclusive());
  return released(record, r, timeout, found == lease_record::phase::in_doubt);
}

release_result client_core::released(lease_record& record, const protocol::request& r, ms timeout, bool in_doubt) {
  using machine = engine::release_machine;
  const std::string doing = "cannot release lock " + in_quotes(record.lock());
  machine m(r, now() + timeout, in_doubt, record.is_doubtful());
  auto c = std::make_shared<call>(env_);
  answer last;
  last.why = "still waiting for it";
  auto todo = m.start();
  for (; !std::holds_alternative<machine::done>(todo);) {
    if (auto* const pause = std::get_if<machine::wait>(&todo)) {
      (void)c->wait(pause->until);
      todo = m.look();
      continue;
    }
    send(c, std::move(std::get<machine::send>(todo).r));
    if (c->wait(m.until()) != call::woken::by_answer) {
      c->abandon();
      todo = m.give_up();
      continue;
    }
    last = c->take_answer();
    if (last.what == answer::kind::replied) {
      floors_.saw(r.lock, last.reply.fence);
      todo = m.answered(last.reply);
    } else {
      todo = last.what == answer::kind::refused ? m.give_up() : m.unanswered(last.in_doubt, now());
    }
  }
  const auto& end = std::get<machine::done>(todo);
  if (end.what == machine::result::unknown) {
    give_back(record, m.ask());
    record.end_release(lease_record::phase::in_doubt);  // the record, and this, may end with what a callback owns
    fail(doing, last, true);
  }
  const bool released = end.what == machine::result::released;
  record.left_free(end.left_free);
  if (released) bus_->freed(r.id);
  bus_->not_freed(r.id);
  if (end.cancel) undo(r, {{r.id, record.is_doubtful()}});
  record.end_release(released ? lease_record::phase::released : lease_record::phase::lost);
  return released ? release_result::released : release_result::lost;
}

}  // namespace dlock::detail
