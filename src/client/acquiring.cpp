// One acquisition from its first request to its end.
#include <algorithm>

#include "client/answering.hpp"
#include "client/call.hpp"
#include "client/client_core.hpp"
#include "util/clock.hpp"
#include "util/test_point.hpp"
#include "util/text.hpp"

namespace dlock::detail {
namespace {

constexpr ms kUndoPatience = 400;  // a cancelled wait stays so long to leave the queue properly

std::optional<holder_info> who_holds(const protocol::reply& r) {
  // Any date may stand there: one that users can add to a time.
  const auto left = [&](ms until) { return std::chrono::milliseconds{std::clamp<ms>(until - r.now, 0, longest_wait)}; };
  if (r.foreign_until) return holder_info{"", 0, left(*r.foreign_until), true};
  if (!r.first) return std::nullopt;
  return holder_info{r.first->who, r.first->fence, left(r.first->until), false};
}

std::string kind_of(std::int64_t cap) {
  return cap == 0 ? "a mutex or shared lock" : "a semaphore with " + std::to_string(cap) + " permits";
}

/// One acquisition after the other, as the bus knows it.
class seat {
 public:
  seat(bus& with, const std::string& lock, std::shared_ptr<bus::waiter> who)
      : bus_(with), lock_(lock), who_(std::move(who)) {}
  seat(const seat&) = delete;
  seat& operator=(const seat&) = delete;
  ~seat() { bus_.forget(id_); }
  void take(const std::string& id) {
    if (id == id_) return;
    bus_.forget(id_);
    id_ = id;
    bus_.expect(id_, lock_, who_);
  }

 private:
  bus& bus_;
  const std::string& lock_;
  std::shared_ptr<bus::waiter> who_;
  std::string id_;
};

}  // namespace

/// Gives the state machine what happens, and does what it says.
class client_core::acquiring {
 public:
  acquiring(client_core& core, protocol::acquire_plan plan, const wait_options& options, const std::string& doing)
      : core_(core),
        plan_(std::move(plan)),
        options_(options),
        doing_(doing),
        machine_(
            plan_, [env = core.env_] { return env->fresh_id(); }, [env = core.env_] { return env->jitter(); }),
        seat_(*core_.bus_, plan_.ask.lock, call_) {}

  acquired run();

 private:
  using machine = protocol::acquire_machine;
  using result = machine::result;
  using woken = call::woken;

  machine::action what_comes_of(machine::action todo);
  std::optional<machine::action> step(std::optional<ms> until, bool in_flight);
  machine::action take_answer();
  void give_up();
  void undo(std::optional<ms> wait_until = {});
  acquired granted(const machine::done& end);
  outcome not_granted(const machine::done& end);

  client_core& core_;
  const protocol::acquire_plan plan_;
  const wait_options& options_;
  const std::string& doing_;
  const activity::part here_{core_.activity_};
  const std::shared_ptr<call> call_ = std::make_shared<call>(core_.env_);
  const std::function<void()> stop_ = [c = call_] { c->stop(); };
  const std::stop_callback<std::function<void()>> on_stop_{options_.stop, stop_};
  const std::stop_callback<std::function<void()>> on_close_{core_.closing_.get_token(), stop_};

  machine machine_;
  seat seat_;
  answer last_failure_;     // of the last request; if that was answered, nothing
  bool brief_ = false;      // the last answer came in short
  std::size_t undone_ = 0;  // of what the machine wants undone
};

client_core::acquired client_core::acquire(protocol::acquire_plan plan, const wait_options& options) {
  const std::string doing = "cannot acquire lock " + in_quotes(plan.ask.lock);
  check_usable(doing);
  if (plan.ask.observed) plan.seen = seen_before(plan.ask.lock);
  return acquiring(*this, std::move(plan), options, doing).run();
}

client_core::acquired client_core::acquiring::run() {
  auto next = machine_.start(core_.now());
  while (!std::holds_alternative<machine::done>(next)) next = what_comes_of(std::move(next));
  const auto& end = std::get<machine::done>(next);
  const bool got = end.what == result::acquired;
  std::optional<ms> leaves_by;
  if (end.what == result::cancelled) {
    const ms patient = core_.now() + kUndoPatience;
    leaves_by = std::min(patient, machine_.give_up_at().value_or(patient));
  }
  undo(leaves_by);
  if (plan_.ask.observed) core_.remember(plan_.ask.lock, got ? protocol::observation{} : machine_.seen());
  if (got) return granted(end);
  return {not_granted(end), nullptr, who_holds(machine_.last())};
}

client_core::acquiring::machine::action client_core::acquiring::what_comes_of(machine::action todo) {
  undo();
  if (options_.stop.stop_requested() || core_.closing_.stop_requested()) return machine_.cancel();
  std::optional<ms> until = machine_.give_up_at();
  auto* request = std::get_if<machine::send>(&todo);
  if (request != nullptr) {
    seat_.take(machine_.id());
    request->r.floor = core_.floors_.of(plan_.ask.lock);
    core_.send(call_, std::move(request->r));
  } else {
    until = std::get<machine::wait>(todo).until;
  }
  std::optional<machine::action> then;
  while (!then) then = step(until, request != nullptr);
  if (request != nullptr) call_->abandon();  // if it was not its answer that came
  return *std::move(then);
}

/// Waits for one thing to happen; nothing if it changes nothing.
std::optional<client_core::acquiring::machine::action> client_core::acquiring::step(std::optional<ms> until,
                                                                                    bool in_flight) {
  switch (call_->wait(until, !in_flight)) {
    case woken::by_grant: {
      const auto told = call_->take_grant();
      test_point("heir");
      return machine_.announced(told.what, told.heard, core_.now());
    }
    case woken::by_answer:
      return take_answer();
    case woken::by_nudge:
      return machine_.nudged(call_->take_nudge(), core_.now());
    case woken::by_stop:
      return machine_.cancel();
    case woken::by_time:
      return in_flight ? machine_.give_up(core_.now()) : machine_.look(core_.now());
  }
  return std::nullopt;
}

/// What an answer to the request in flight leads to.
client_core::acquiring::machine::action client_core::acquiring::take_answer() {
  answer a = call_->take_answer();
  if (a.what == answer::kind::refused) {
    const bool in_doubt = a.in_doubt || machine_.in_doubt();
    give_up();
    fail(doing_, a, in_doubt);
  }
  if (a.what != answer::kind::replied) {
    if (last_failure_.why.empty()) {
      core_.log(log_level::info, "lock " + in_quotes(plan_.ask.lock) + " gets no answer, trying again: " + a.why);
    }
    last_failure_ = std::move(a);
    return machine_.unanswered(last_failure_.in_doubt, core_.now());
  }
  last_failure_ = {};
  core_.floors_.saw(plan_.ask.lock, a.reply.fence);
  brief_ = a.brief;
  const bool foreign = a.reply.foreign_until.has_value();
  if (a.reply.place >= 0) core_.bus_->waits(machine_.id(), foreign);
  auto then = machine_.answered(a.reply, core_.now(), core_.bus_->pushes(foreign));
  if (options_.on_wait && a.reply.place >= 0 && !std::holds_alternative<machine::done>(then)) {
    try {
      options_.on_wait({a.reply.place, a.reply.queue, who_holds(a.reply)});
    } catch (...) {
      give_up();
      throw;
    }
  }
  return then;
}

void client_core::acquiring::give_up() {
  (void)machine_.cancel();  // it may stand in the queue since an earlier answer
  undo();
}

void client_core::acquiring::undo(std::optional<ms> wait_until) {
  const auto& all = machine_.to_undo();
  core_.undo(plan_.ask, {all.begin() + static_cast<std::ptrdiff_t>(undone_), all.end()}, wait_until);
  undone_ = all.size();
}

client_core::acquired client_core::acquiring::granted(const machine::done& end) {
  protocol::request ask = plan_.ask;
  ask.id = machine_.id();
  const protocol::lease_schedule schedule(end.begin, end.lease, ask.delta,
                                          plan_.renews && !core_.closing_.stop_requested(), core_.now());
  auto record = std::make_shared<lease_record>(
      std::move(ask), lease_record::grant{end.token, end.since, end.begin, core_.now()}, schedule.valid_until());
  record->seen_alone(brief_);
  record->doubtful(machine_.in_doubt());
  core_.keeper_->keep(record, schedule);
  core_.floors_.saw(record->lock(), end.token);
  core_.bus_->publish_grant(core_.announcement_of(*record, true), plan_.ask.what.exclusive);
  test_point("acquired");
  return {outcome::acquired, std::move(record), who_holds(machine_.last())};
}

outcome client_core::acquiring::not_granted(const machine::done& end) {
  switch (end.what) {
    case result::acquired:
      return outcome::acquired;
    case result::busy:
      return outcome::busy;
    case result::timed_out:
      return outcome::timed_out;
    case result::cancelled:
      return outcome::cancelled;
    case result::no_answer:
      if (last_failure_.why.empty()) last_failure_.why = end.why;
      last_failure_.code = errc::unavailable;
      fail(doing_, last_failure_, !machine_.to_undo().empty() && machine_.to_undo().back().in_doubt);
    case result::not_a_lock:
      fail_not_a_lock(doing_, core_.options_, plan_.ask.lock, machine_.last().defect);
    case result::other_capacity:
      throw error(errc::configuration, doing_ + ": it is in use as " + kind_of(machine_.last().cap) + ", not as " +
                                           kind_of(plan_.ask.cap) +
                                           "; use the same everywhere, or wait until it is free");
    case result::other_expiry:
      fail_other_expiry(doing_, plan_.ask);
  }
  return outcome::busy;
}

}  // namespace dlock::detail
